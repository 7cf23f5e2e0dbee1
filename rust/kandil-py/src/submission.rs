//! The providers' own batches: see `kandil_core::batch::submission`.

use std::path::{Path, PathBuf};

use kandil_core::batch::protocol::{Kind, Protocol, Target};
use kandil_core::batch::run::{Failure, Sink, Source};
use kandil_core::batch::submission::{
    Caps, Dialect, Prepared, Requests, Rows, append_unsent, collect, endpoint, give_up, prepare, url,
};
use kandil_core::batch::writer::{Writer, WriterError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::batch::{BatchForm, BatchIndex, BatchRecorded, os_error};

/// A provider's batches of one model.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct BatchSubmission {
    dialect: Dialect,
    target: Target,
}

/// Number, the rows' URL, the URL that answers them, rows, bytes of each file of requests.
type Files = Vec<(u64, &'static str, &'static str, u64, u64)>;
/// How many rows cannot be sent; names and reasons of the first ones.
type Unsent = (u64, Vec<(String, String)>);

#[pymethods]
impl BatchSubmission {
    #[new]
    #[pyo3(signature = (dialect, *, model, responses, reasons, temperature_allowed, max_output_tokens, lacks))]
    fn new(
        dialect: &str,
        model: &str,
        responses: bool,
        reasons: Option<bool>,
        temperature_allowed: Option<bool>,
        max_output_tokens: Option<u64>,
        lacks: Vec<String>,
    ) -> PyResult<BatchSubmission> {
        let (dialect, protocol) = match dialect {
            "openai" => (Dialect::OpenAi, Protocol::OpenAi),
            "mistral" => (Dialect::Mistral, Protocol::OpenAi),
            "anthropic" => (Dialect::Anthropic, Protocol::Anthropic),
            other => return Err(PyValueError::new_err(format!("there are no batches of {other}"))),
        };
        let target = Target {
            responses,
            reasons,
            temperature_allowed,
            max_output_tokens,
            lacks,
            ..Target::new(protocol, model)
        };
        Ok(BatchSubmission { dialect, target })
    }

    /// Writes the rows of a lane that have no end yet into files of requests.
    #[pyo3(signature = (index, form, lane, folder, *, first, most_rows, most_bytes))]
    #[allow(clippy::too_many_arguments)]
    fn prepare(
        &self,
        py: Python<'_>,
        index: &BatchIndex,
        form: &BatchForm,
        lane: usize,
        folder: PathBuf,
        first: u64,
        most_rows: u64,
        most_bytes: u64,
    ) -> PyResult<(Files, Unsent)> {
        let caps = Caps { rows: most_rows, bytes: most_bytes };
        py.detach(|| {
            let requests = Requests::new(&folder, self.dialect, caps, self.target.clone(), first);
            let mut source: Box<dyn Source> = Box::new(index.0.cursor(&form.0, lane)?);
            prepare(&mut *source, requests)
        })
        .map(|(prepared, unsent)| {
            let file =
                |one: &Prepared| (one.number, url(one.kind), endpoint(&self.target, one.kind), one.rows, one.bytes);
            (prepared.iter().map(file).collect(), (unsent.rows, unsent.reasons))
        })
        .map_err(|error| os_error(error, &folder))
    }

    /// Appends what files of results have, but for rows that `recorded` has; then, where `rest` says code and message,
    /// those without any result failed like that. Rows answered, failed, lines of results that are none.
    #[pyo3(signature = (url, rows, results, recorded, output, errors, rescue, rest))]
    #[allow(clippy::too_many_arguments)]
    fn collect(
        &self,
        py: Python<'_>,
        url: &str,
        rows: PathBuf,
        results: Vec<PathBuf>,
        recorded: &BatchRecorded,
        output: PathBuf,
        errors: PathBuf,
        rescue: PathBuf,
        rest: Option<(String, String)>,
    ) -> PyResult<(u64, u64, u64)> {
        let kind = Kind::of_url(url).ok_or_else(|| PyValueError::new_err(format!("there is no call {url}")))?;
        py.detach(|| {
            let mut counts = (0, 0, 0);
            appended(&output, &errors, &rescue, |sink| {
                let mut known = Rows::read(&rows)?;
                for file in &results {
                    let found = collect(self.dialect, &self.target, kind, &mut known, file, &recorded.0, sink)?;
                    counts = (counts.0 + found.answered, counts.1 + found.failed, counts.2 + found.strange);
                }
                if let Some((code, message)) = rest {
                    counts.1 += give_up(&known, &Failure { code, message }, &recorded.0, sink)?.failed;
                }
                Ok(())
            })?;
            Ok(counts)
        })
    }

    /// Appends the errors of rows that cannot be sent, which `prepare` has written.
    #[staticmethod]
    fn refuse_unsent(
        py: Python<'_>,
        lines: PathBuf,
        output: PathBuf,
        errors: PathBuf,
        rescue: PathBuf,
    ) -> PyResult<()> {
        py.detach(|| appended(&output, &errors, &rescue, |sink| append_unsent(&lines, sink).map(drop)))
    }
}

/// What `put` puts is in the files, on the disk.
fn appended(
    output: &Path,
    errors: &Path,
    rescue: &Path,
    put: impl FnOnce(&mut dyn Sink) -> std::io::Result<()>,
) -> PyResult<()> {
    let writer = Writer::open(output, errors).map_err(|error| match error {
        WriterError::Io(path, error) => os_error(error, &path),
        WriterError::Busy(path) => PyValueError::new_err(("busy", path)),
    })?;
    let done = put(&mut writer.sink());
    let closed = writer.close(rescue);
    if let Some(failure) = closed.failure {
        return Err(PyValueError::new_err(("unwritable", failure, closed.rescued, closed.lost)));
    }
    done.map_err(|error| os_error(error, output))
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<BatchSubmission>()
}
