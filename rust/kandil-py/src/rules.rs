//! `rules`, `Rule`.

use kandil_core::gguf::rules as core;
use pyo3::prelude::*;

/// A check: what it is called, how bad what it finds is, and what a person who meets it should know.
#[pyclass(frozen, module = "kandil")]
pub(crate) struct Rule(&'static core::Rule);

#[pymethods]
impl Rule {
    #[getter]
    fn id(&self) -> &'static str {
        self.0.id
    }

    #[getter]
    fn severity(&self) -> &'static str {
        self.0.severity.name()
    }

    #[getter]
    fn summary(&self) -> &'static str {
        self.0.summary
    }

    #[getter]
    fn explanation(&self) -> &'static str {
        self.0.explanation
    }

    #[getter]
    fn reference(&self) -> &'static str {
        self.0.reference
    }

    #[getter]
    fn false_positives(&self) -> &'static str {
        self.0.false_positives
    }

    fn __repr__(&self) -> String {
        format!("<Rule {}: {}>", self.0.id, self.0.summary)
    }
}

/// Every rule, in the order in which a file is walked.
#[pyfunction]
pub(crate) fn rules() -> Vec<Rule> {
    core::all().map(Rule).collect()
}
