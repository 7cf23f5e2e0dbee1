//! Files of batches: results in order, parts of an input, outputs that are joined.

use std::path::PathBuf;

use kandil_core::batch::merge::{MergeError, merge};
use kandil_core::batch::order::order;
use kandil_core::batch::shards::{SplitError, split};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::batch::{BatchForm, os_error};

/// Writes the results in `part` to `output`, in the order of those in `rows`; `part` is removed.
#[pyfunction]
fn batch_order(py: Python<'_>, rows: PathBuf, form: &BatchForm, part: PathBuf, output: PathBuf) -> PyResult<u64> {
    py.detach(|| order(&rows, &form.0, &part, &output)).map_err(|error| os_error(error, &output))
}

/// Paths, and how many rows each has.
#[pyfunction]
fn batch_split(
    py: Python<'_>,
    rows: PathBuf,
    form: &BatchForm,
    count: u64,
    folder: PathBuf,
) -> PyResult<Vec<(PathBuf, u64)>> {
    py.detach(|| split(&rows, &form.0, count, &folder)).map_err(|error| match error {
        SplitError::Io(path, error) => os_error(error, &path),
        SplitError::Duplicate(found) => {
            PyValueError::new_err(("duplicate", found.custom_id, found.lines[0], found.lines[1]))
        }
        SplitError::Row(line, reason) => PyValueError::new_err(("row", line, reason)),
        SplitError::Count(most) => PyValueError::new_err(("count", most)),
    })
}

/// Rows answered, failed, with more than one end; damaged lines.
#[pyfunction]
fn batch_merge(
    py: Python<'_>,
    inputs: Vec<PathBuf>,
    output: PathBuf,
    errors: PathBuf,
) -> PyResult<(u64, u64, u64, u64)> {
    let merged = py.detach(|| merge(&inputs, &output, &errors)).map_err(|error| match error {
        MergeError::Io(path, error) => os_error(error, &path),
        MergeError::Foreign(path, line) => PyValueError::new_err(("foreign", path, line)),
        MergeError::Conflict(custom_id, [first, second]) => {
            PyValueError::new_err(("conflict", custom_id, first, second))
        }
    })?;
    Ok((merged.answered, merged.failed, merged.repeated, merged.damaged))
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(batch_order, m)?)?;
    m.add_function(wrap_pyfunction!(batch_split, m)?)?;
    m.add_function(wrap_pyfunction!(batch_merge, m)?)
}
