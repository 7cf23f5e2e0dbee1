//! Batches of completions: their rows, and what outputs hold. See `kandil_core::batch`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kandil_core::batch::index::{self as core_index, IndexError, LaneRows, Shard};
use kandil_core::batch::lock::{Lock, LockError};
use kandil_core::batch::recorded::{self as core_recorded, RecordedError};
use kandil_core::batch::row::Form;
use kandil_core::batch::template::Template;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use serde_json::value::RawValue;

use crate::batch_lane::BatchLane;
use crate::batch_run::BatchRun;

/// What the lines of a batch are.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct BatchForm(pub(crate) Arc<Form>);

#[pymethods]
impl BatchForm {
    #[new]
    #[pyo3(signature = (*, text = false, template = None, system = None, defaults = None, model = None))]
    fn new(
        text: bool,
        template: Option<&str>,
        system: Option<String>,
        defaults: Option<Vec<(String, String)>>,
        model: Option<String>,
    ) -> PyResult<BatchForm> {
        let template = template.map(Template::new).transpose().map_err(PyValueError::new_err)?;
        let raw = |(name, json): (String, String)| Ok((name, RawValue::from_string(json)?));
        let defaults: Result<_, serde_json::Error> = defaults.unwrap_or_default().into_iter().map(raw).collect();
        let defaults = defaults.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(BatchForm(Arc::new(Form { text, template, system, defaults, model })))
    }
}

/// An output that no other process writes to, or mends.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct BatchLock(Mutex<Option<Lock>>);

#[pymethods]
impl BatchLock {
    #[new]
    fn new(output: PathBuf) -> PyResult<BatchLock> {
        match Lock::take(&output) {
            Ok(lock) => Ok(BatchLock(Mutex::new(Some(lock)))),
            Err(LockError::Io(path, error)) => Err(os_error(error, &path)),
            Err(LockError::Held(process)) => Err(PyValueError::new_err(("busy", process))),
        }
    }

    fn release(&self) {
        drop(lock(&self.0).take());
    }
}

/// What outputs already hold.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct BatchRecorded(pub(crate) core_recorded::Recorded);

#[pymethods]
impl BatchRecorded {
    /// Reads the outputs of a former run, and mends them if so.
    #[staticmethod]
    #[pyo3(signature = (output, errors, *, mend))]
    fn read(py: Python<'_>, output: PathBuf, errors: PathBuf, mend: bool) -> PyResult<BatchRecorded> {
        let read = if mend { core_recorded::Recorded::read } else { core_recorded::Recorded::look };
        py.detach(|| read(&output, &errors)).map(BatchRecorded).map_err(|error| match error {
            RecordedError::Io(path, error) => os_error(error, &path),
            RecordedError::Foreign(path, line) => PyValueError::new_err((path, line)),
        })
    }

    #[getter]
    fn rows(&self) -> usize {
        self.0.entries.len()
    }

    #[getter]
    fn failed(&self) -> usize {
        self.0.entries.iter().filter(|entry| entry.failed).count()
    }

    /// Of prompts, of these from caches, of answers.
    #[getter]
    fn tokens(&self) -> (u64, u64, u64) {
        (self.0.input_tokens, self.0.cached_tokens, self.0.output_tokens)
    }

    #[getter]
    fn torn_bytes(&self) -> u64 {
        self.0.torn_bytes
    }

    #[getter]
    fn damaged(&self) -> u64 {
        self.0.damaged
    }

    #[getter]
    fn repeated(&self) -> u64 {
        self.0.repeated
    }
}

/// Where in a file the rows are.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct BatchIndex(pub(crate) Arc<core_index::Index>);

#[pymethods]
impl BatchIndex {
    /// One pass over the file.
    #[staticmethod]
    #[pyo3(signature = (path, form, recorded, shard = None))]
    fn scan(
        py: Python<'_>,
        path: PathBuf,
        form: &BatchForm,
        recorded: &BatchRecorded,
        shard: Option<(u64, u64)>,
    ) -> PyResult<BatchIndex> {
        let shard = shard.map(|(number, of)| Shard { number, of });
        py.detach(|| core_index::Index::scan(&path, &form.0, &recorded.0, shard))
            .map(|index| BatchIndex(Arc::new(index)))
            .map_err(|error| match error {
                IndexError::Io(error) => os_error(error, &path),
                IndexError::Duplicate(id, first, second) => PyValueError::new_err(("duplicate", id, first, second)),
                IndexError::TooManyModels => PyValueError::new_err("too-many-models"),
                IndexError::NotAFile => PyValueError::new_err("not-a-file"),
            })
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Of each model: its name, rows, done, input tokens, largest input, output tokens, rows without a longest answer.
    #[allow(clippy::type_complexity)]
    #[getter]
    fn lanes(&self) -> Vec<(Option<String>, u64, u64, u64, u64, u64, u64)> {
        let lane = |lane: &LaneRows| {
            let LaneRows { model, rows, done, input_tokens, largest_input, output_tokens, unbounded } = lane.clone();
            (model, rows, done, input_tokens, largest_input, output_tokens, unbounded)
        };
        self.0.lanes.iter().map(lane).collect()
    }

    /// How many rows cannot be sent; lines and reasons of the first ones.
    #[getter]
    fn bad(&self) -> (u64, Vec<(u64, String)>) {
        (self.0.bad_rows, self.0.bad.iter().map(|bad| (bad.line, bad.reason.clone())).collect())
    }

    /// How many rows have failed in former runs; of these, those that cannot be sent.
    #[getter]
    fn failed(&self) -> (u64, u64) {
        (self.0.failed, self.0.bad_done)
    }

    /// How many rows were changed since they were answered; the first ones' names.
    #[getter]
    fn changed(&self) -> (u64, Vec<String>) {
        (self.0.changed_rows, self.0.changed.clone())
    }

    #[getter]
    fn elsewhere(&self) -> u64 {
        self.0.elsewhere
    }

    #[getter]
    fn left_out(&self) -> Vec<String> {
        self.0.left_out.iter().cloned().collect()
    }
}

/// Whether a row of this hashed name goes.
type Dropped<'a> = Box<dyn Fn(&[u8; 16]) -> bool + Send + Sync + 'a>;

/// Takes these rows out of a file of results: all that failed, or all that were changed.
#[pyfunction]
pub(crate) fn batch_drop(
    py: Python<'_>,
    path: PathBuf,
    recorded: &BatchRecorded,
    changed: Option<(PathBuf, Py<BatchForm>)>,
) -> PyResult<()> {
    let drop: Dropped<'_> = match changed {
        None => Box::new(|id| recorded.0.find(id).is_some_and(|entry| entry.failed)),
        Some((input, form)) => {
            let form = Arc::clone(&form.get().0);
            let ids = py.detach(|| core_index::changed(&input, &form, &recorded.0)).map_err(PyOSError::new_err)?;
            Box::new(move |id| ids.binary_search(id).is_ok())
        }
    };
    py.detach(|| core_recorded::drop_rows(&path, &drop)).map_err(|error| os_error(error, &path))
}

pub(crate) fn os_error(error: std::io::Error, path: &std::path::Path) -> PyErr {
    let number = error.raw_os_error().unwrap_or(EIO);
    let said = error.to_string();
    let said = said.split(" (os error").next().unwrap_or_default().to_owned();
    PyOSError::new_err((number, said, path.to_owned()))
}

/// What an error without a number is taken for.
const EIO: i32 = 5;

pub(crate) fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<BatchForm>()?;
    m.add_class::<BatchLock>()?;
    m.add_class::<BatchRecorded>()?;
    m.add_class::<BatchIndex>()?;
    m.add_class::<BatchLane>()?;
    m.add_class::<BatchRun>()?;
    m.add_function(wrap_pyfunction!(batch_drop, m)?)
}
