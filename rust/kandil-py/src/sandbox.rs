//! `kandil-core::sandbox` for Python: [`enter_sandbox`].

use std::collections::BTreeMap;
use std::os::fd::RawFd;

use kandil_core::sandbox::{Demand, Layer, Options, enter};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

/// The layers that hold this process from here on, each `active` or `absent: reason`.
#[pyfunction]
#[pyo3(signature = (*, keep_fds, memory_bytes, cpu_seconds, threads=false, allow_weaker=false, without=None))]
pub(crate) fn enter_sandbox(
    keep_fds: Vec<RawFd>,
    memory_bytes: u64,
    cpu_seconds: u64,
    threads: bool,
    allow_weaker: bool,
    without: Option<Vec<String>>,
) -> PyResult<BTreeMap<&'static str, String>> {
    let demand = match (&without, allow_weaker) {
        (Some(_), _) => Demand::Nothing,
        (None, true) => Demand::Weaker,
        (None, false) => Demand::Usual,
    };
    let without = without.unwrap_or_default().iter().map(|name| layer(name)).collect::<PyResult<_>>()?;
    let options = Options { keep_fds, memory_bytes, cpu_seconds, threads, demand, without };
    let layers = enter(&options).map_err(|error| PyOSError::new_err(error.to_string()))?;
    let state = |reason: Option<String>| reason.map_or("active".to_owned(), |reason| format!("absent: {reason}"));
    Ok(layers.into_iter().map(|(layer, reason)| (layer.name(), state(reason))).collect())
}

fn layer(name: &str) -> PyResult<Layer> {
    let found = Layer::ALL.into_iter().find(|layer| layer.name() == name);
    found.ok_or_else(|| PyValueError::new_err(format!("no layer {name:?}")))
}
