//! `kandil._core`: the Python face of kandil-core. Each file here stands for one module of the core.

use pyo3::prelude::*;

mod batch;
mod batch_files;
mod batch_lane;
mod batch_run;
#[cfg(unix)]
mod benchmark;
mod bucket;
#[cfg(unix)]
mod download;
mod gguf;
mod library;
mod names;
mod profiles;
mod protocol;
mod rules;
#[cfg(target_os = "linux")]
mod sandbox;
mod schema;
mod sha256;
mod submission;
mod transport;

#[pymodule]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_class::<sha256::Sha256>()?;
    m.add_function(wrap_pyfunction!(sha256::sha256, m)?)?;
    m.add_function(wrap_pyfunction!(sha256::kernels, m)?)?;
    m.add_class::<library::Stat>()?;
    m.add_class::<library::Entry>()?;
    m.add_class::<library::Outcome>()?;
    m.add_class::<library::Progress>()?;
    m.add_class::<library::Run>()?;
    m.add_function(wrap_pyfunction!(library::walk, m)?)?;
    m.add_class::<rules::Rule>()?;
    m.add_function(wrap_pyfunction!(rules::rules, m)?)?;
    #[cfg(target_os = "linux")]
    {
        m.add_function(wrap_pyfunction!(sandbox::confine_program, m)?)?;
        m.add_function(wrap_pyfunction!(sandbox::confine_server, m)?)?;
        m.add_function(wrap_pyfunction!(sandbox::enter_sandbox, m)?)?;
    }
    m.add_class::<names::Names>()?;
    m.add_class::<bucket::Bucket>()?;
    m.add_class::<bucket::Breaker>()?;
    m.add_class::<transport::Transport>()?;
    #[cfg(unix)]
    {
        m.add_class::<benchmark::Benchmark>()?;
        m.add_class::<download::Download>()?;
    }
    m.add_class::<schema::JsonSchema>()?;
    m.add_class::<protocol::BatchTarget>()?;
    batch::register(m)?;
    batch_files::register(m)?;
    submission::register(m)?;
    profiles::register(m)?;
    gguf::register(m)
}
