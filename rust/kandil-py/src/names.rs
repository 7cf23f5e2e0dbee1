//! Ranking of names.

use std::borrow::Cow;

use kandil_core::names::Names as Prepared;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Names, prepared to be ranked by how like they are to what somebody typed.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct Names(Prepared);

#[pymethods]
impl Names {
    #[new]
    fn new(py: Python<'_>, names: Vec<Bound<'_, PyString>>) -> Names {
        let names: Vec<Cow<'_, str>> = names.iter().map(PyStringMethods::to_string_lossy).collect();
        Names(py.detach(|| Prepared::new(names.iter().map(AsRef::as_ref))))
    }

    #[pyo3(signature = (query, limit = 5))]
    fn rank(&self, py: Python<'_>, query: &Bound<'_, PyString>, limit: usize) -> Vec<(usize, f32)> {
        let query = query.to_string_lossy();
        py.detach(|| self.0.rank(&query, limit))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}
