//! A model of a run, as Python configures it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use kandil_core::batch::cache::Cache;
use kandil_core::batch::protocol::{Protocol, Target};
use kandil_core::batch::run::{Prices, Settings};
use kandil_core::transport::Deadlines;
use memchr::memmem::Finder;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::batch::os_error;
use crate::bucket::{Breaker, Bucket};

/// One model of a run.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct BatchLane {
    /// Until the run takes them.
    pub(crate) settings: Mutex<Option<Settings>>,
    pub(crate) cache: Mutex<Option<Cache>>,
    pub(crate) first: usize,
    pub(crate) most: usize,
}

#[pymethods]
impl BatchLane {
    #[new]
    #[pyo3(signature = (
        name, *, protocol, model, urls, headers, bucket, breaker, first, most, deadlines, largest_body_bytes, prices,
        usual_output_tokens, most_output_tokens, responses, reasons, temperature_allowed, context_tokens, lacks, secrets,
        may_ask_again, cache = None,
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        name: String,
        protocol: &str,
        model: String,
        urls: [Option<String>; 4],
        headers: Vec<(String, Vec<u8>, bool)>,
        bucket: &Bucket,
        breaker: &Breaker,
        first: usize,
        most: usize,
        deadlines: (f64, f64, f64, Option<f64>),
        largest_body_bytes: u64,
        prices: (u64, u64, u64),
        usual_output_tokens: u64,
        most_output_tokens: u64,
        responses: bool,
        reasons: Option<bool>,
        temperature_allowed: Option<bool>,
        context_tokens: Option<u64>,
        lacks: Vec<String>,
        secrets: Vec<Vec<u8>>,
        may_ask_again: bool,
        cache: Option<(PathBuf, Vec<u8>, u64)>,
    ) -> PyResult<BatchLane> {
        let protocol = match protocol {
            "openai" => Protocol::OpenAi,
            "anthropic" => Protocol::Anthropic,
            "gemini" => Protocol::Gemini,
            "ollama" => Protocol::Ollama,
            other => return Err(PyValueError::new_err(format!("there is no protocol {other}"))),
        };
        let mut parsed = [const { None }; 4];
        for (place, url) in parsed.iter_mut().zip(urls) {
            *place = url.map(|url| url.parse()).transpose().map_err(|_| PyValueError::new_err("this is no URL"))?;
        }
        let (connect, first_byte, idle, total) = deadlines;
        let settings = Settings {
            name,
            target: Target {
                responses,
                reasons,
                temperature_allowed,
                max_output_tokens: Some(most_output_tokens),
                context_tokens,
                lacks,
                ..Target::new(protocol, &model)
            },
            urls: parsed,
            headers: header_map(headers)?,
            deadlines: Deadlines {
                connect: seconds(connect)?,
                first_byte: seconds(first_byte)?,
                idle: seconds(idle)?,
                total: total.map(seconds).transpose()?,
            },
            largest_body: largest_body_bytes,
            bucket: Arc::clone(&bucket.place),
            breaker: Arc::clone(&breaker.place),
            prices: Prices { input: prices.0, cached: prices.1, output: prices.2 },
            usual_output: usual_output_tokens,
            most_output: most_output_tokens,
            secrets: secrets.iter().map(|secret| Finder::new(secret).into_owned()).collect(),
            may_ask_again,
        };
        let cache = cache.map(|(folder, fingerprint, largest_bytes)| {
            let opened = py.detach(|| Cache::open(&folder, &fingerprint, largest_bytes));
            opened.map_err(|error| os_error(error, &folder))
        });
        Ok(BatchLane { settings: Mutex::new(Some(settings)), cache: Mutex::new(cache.transpose()?), first, most })
    }
}

pub(crate) fn seconds(given: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(given).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn header_map(given: Vec<(String, Vec<u8>, bool)>) -> PyResult<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value, secret) in given {
        // Neither is repeated: the value may be a key.
        let name = HeaderName::try_from(name).map_err(|_| PyValueError::new_err("this is no name of a header"))?;
        let mut value =
            HeaderValue::try_from(value).map_err(|_| PyValueError::new_err("this cannot stand in a header"))?;
        value.set_sensitive(secret);
        headers.insert(name, value);
    }
    Ok(headers)
}
