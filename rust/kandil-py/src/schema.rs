//! `JsonSchema`.

use kandil_core::batch::schema::Schema;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A JSON Schema, compiled. References lead nowhere but into itself.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct JsonSchema(Schema);

#[pymethods]
impl JsonSchema {
    #[new]
    fn new(json: &[u8]) -> PyResult<JsonSchema> {
        Schema::new(json).map(JsonSchema).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn violation(&self, py: Python<'_>, text: &str) -> Option<(String, String)> {
        py.detach(|| self.0.check(text)).err().map(|found| (found.path, found.reason))
    }
}
