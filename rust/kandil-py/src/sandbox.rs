//! `kandil-core::sandbox` for Python: [`enter_sandbox`], [`confine_server`], [`confine_program`].

use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::path::PathBuf;

use kandil_core::sandbox::{self, Demand, Layer, Layers, Options, Program, Server, confine, enter};
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
    let (demand, without) = demanded(without, allow_weaker)?;
    let options = Options { keep_fds, memory_bytes, cpu_seconds, threads, demand, without };
    let layers = enter(&options).map_err(|error| PyOSError::new_err(error.to_string()))?;
    Ok(told(layers))
}

/// The layers that hold this process and the threads that it will start, as [`enter_sandbox`] tells them.
#[pyfunction]
#[pyo3(signature = (*, files, folders, devices=Vec::new(), data_bytes=None))]
pub(crate) fn confine_server(
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    devices: Vec<PathBuf>,
    data_bytes: Option<u64>,
) -> PyResult<BTreeMap<&'static str, String>> {
    let server = Server { files, folders, devices, data_bytes };
    confine(&server).map(told).map_err(|error| PyOSError::new_err(error.to_string()))
}

/// The layers that hold the process in which this returns, as [`enter_sandbox`] tells them.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "Python gives them by name")]
#[pyo3(signature = (*, readable, writable, memory_bytes, cpu_seconds, file_bytes, processes, allow_weaker=false, without=None))]
pub(crate) fn confine_program(
    readable: Vec<PathBuf>,
    writable: Vec<PathBuf>,
    memory_bytes: u64,
    cpu_seconds: u64,
    file_bytes: u64,
    processes: u64,
    allow_weaker: bool,
    without: Option<Vec<String>>,
) -> PyResult<BTreeMap<&'static str, String>> {
    let (demand, without) = demanded(without, allow_weaker)?;
    let program = Program { readable, writable, memory_bytes, cpu_seconds, file_bytes, processes, demand, without };
    sandbox::confine_program(&program).map(told).map_err(|error| PyOSError::new_err(error.to_string()))
}

fn demanded(without: Option<Vec<String>>, allow_weaker: bool) -> PyResult<(Demand, Vec<Layer>)> {
    let demand = match (&without, allow_weaker) {
        (Some(_), _) => Demand::Nothing,
        (None, true) => Demand::Weaker,
        (None, false) => Demand::Usual,
    };
    let without = without.unwrap_or_default().iter().map(|name| layer(name)).collect::<PyResult<_>>()?;
    Ok((demand, without))
}

fn told(layers: Layers) -> BTreeMap<&'static str, String> {
    let state = |reason: Option<String>| reason.map_or("active".to_owned(), |reason| format!("absent: {reason}"));
    layers.into_iter().map(|(layer, reason)| (layer.name(), state(reason))).collect()
}

fn layer(name: &str) -> PyResult<Layer> {
    let found = Layer::ALL.into_iter().find(|layer| layer.name() == name);
    found.ok_or_else(|| PyValueError::new_err(format!("no layer {name:?}")))
}
