//! Bodies between OpenAI's form and a provider's: see `kandil_core::batch::protocol`.

use kandil_core::batch::protocol::{self, Kind, Protocol, Target};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Who answers: all on which the translation of bodies depends.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct BatchTarget(Target);

#[pymethods]
impl BatchTarget {
    #[new]
    #[pyo3(signature = (
        protocol, model, *, responses = false, reasons = None, temperature_allowed = None, max_output_tokens = None,
        context_tokens = None, lacks = Vec::new(),
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        protocol: &str,
        model: &str,
        responses: bool,
        reasons: Option<bool>,
        temperature_allowed: Option<bool>,
        max_output_tokens: Option<u64>,
        context_tokens: Option<u64>,
        lacks: Vec<String>,
    ) -> PyResult<BatchTarget> {
        let target = Target::new(named(protocol)?, model);
        Ok(BatchTarget(Target {
            responses,
            reasons,
            temperature_allowed,
            max_output_tokens,
            context_tokens,
            lacks,
            ..target
        }))
    }

    /// The provider's body for a row of this URL.
    fn encode<'py>(&self, py: Python<'py>, url: &str, body: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::with_capacity(body.len() + 64);
        protocol::encode(&self.0, kind(url)?, body, &mut out)
            .map_err(|unsendable| PyValueError::new_err((unsendable.path, unsendable.reason)))?;
        Ok(PyBytes::new(py, &out))
    }

    /// OpenAI's body, its text, and the tokens that it counts: of the prompt, of these from a cache, of the answer.
    #[allow(clippy::type_complexity)]
    fn decode<'py>(
        &self,
        py: Python<'py>,
        url: &str,
        body: &[u8],
    ) -> PyResult<(Bound<'py, PyBytes>, Option<String>, (Option<u64>, Option<u64>, Option<u64>))> {
        let mut out = Vec::with_capacity(body.len() + 64);
        let answered = protocol::decode(&self.0, kind(url)?, body, &mut out)
            .map_err(|malformed| PyValueError::new_err(malformed.to_string()))?;
        let tokens = (answered.input_tokens, answered.cached_tokens, answered.output_tokens);
        Ok((PyBytes::new(py, &out), answered.text(&out), tokens))
    }
}

/// A protocol by its name in profiles.
pub(crate) fn named(protocol: &str) -> PyResult<Protocol> {
    Ok(match protocol {
        "openai" => Protocol::OpenAi,
        "anthropic" => Protocol::Anthropic,
        "gemini" => Protocol::Gemini,
        "ollama" => Protocol::Ollama,
        other => return Err(PyValueError::new_err(format!("there is no protocol {other}"))),
    })
}

fn kind(url: &str) -> PyResult<Kind> {
    Kind::of_url(url).ok_or_else(|| PyValueError::new_err(format!("there are no rows for {url}")))
}
