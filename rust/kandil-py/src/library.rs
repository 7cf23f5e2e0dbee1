//! `walk`, `Entry`, `Stat`, `Run`, `Outcome`, `Progress`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kandil_core::library as core;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::gguf::{Finding, Header};

/// What identifies one state of one file.
#[pyclass(frozen, eq, module = "kandil")]
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Stat(core::Stat);

#[pymethods]
impl Stat {
    #[getter]
    fn size_bytes(&self) -> u64 {
        self.0.size
    }

    #[getter]
    fn mtime_ns(&self) -> i64 {
        self.0.mtime_ns
    }

    #[getter]
    fn ctime_ns(&self) -> i64 {
        self.0.ctime_ns
    }

    #[getter]
    fn inode(&self) -> u64 {
        self.0.inode
    }

    #[getter]
    fn device(&self) -> u64 {
        self.0.device
    }
}

/// One name that a walk met: a regular file, or what is wrong with it.
#[pyclass(frozen, module = "kandil")]
pub(crate) struct Entry(core::walk::Entry);

#[pymethods]
impl Entry {
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.path.as_os_str().as_encoded_bytes())
    }

    #[getter]
    fn stat(&self) -> Option<Stat> {
        self.0.file.as_ref().ok().copied().map(Stat)
    }

    #[getter]
    fn error(&self) -> Option<&str> {
        self.0.file.as_ref().err().map(String::as_str)
    }
}

/// Every regular file under ``roots`` whose name ends with one of ``suffixes``; see ``kandil-core::library::walk``.
#[pyfunction]
pub(crate) fn walk(py: Python<'_>, roots: Vec<Vec<u8>>, suffixes: Option<Vec<String>>) -> Vec<Entry> {
    let roots = roots.into_iter().map(path).collect::<Vec<PathBuf>>();
    let wanted = |name: &[u8]| {
        let ends = |suffix: &String| {
            let start = name.len().checked_sub(suffix.len());
            start.is_some_and(|start| name[start..].eq_ignore_ascii_case(suffix.as_bytes()))
        };
        suffixes.as_ref().is_none_or(|suffixes| suffixes.iter().any(ends))
    };
    py.detach(|| core::walk::walk(&roots, wanted)).into_iter().map(Entry).collect()
}

fn path(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

/// One job of a run, finished.
#[pyclass(frozen, module = "kandil")]
pub(crate) struct Outcome {
    outcome: core::Outcome,
    header: Option<Py<Header>>,
    findings: Vec<Py<Finding>>,
}

#[pymethods]
impl Outcome {
    #[getter]
    fn index(&self) -> usize {
        self.outcome.index
    }

    #[getter]
    fn error(&self) -> Option<&str> {
        self.outcome.error.as_deref()
    }

    #[getter]
    fn stat(&self) -> Option<Stat> {
        self.outcome.stat.map(Stat)
    }

    #[getter]
    fn sha256<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.outcome.sha256.map(|digest| PyBytes::new(py, &digest))
    }

    #[getter]
    fn blake3<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.outcome.blake3.map(|digest| PyBytes::new(py, &digest))
    }

    #[getter]
    fn header(&self, py: Python<'_>) -> Option<Py<Header>> {
        self.header.as_ref().map(|header| header.clone_ref(py))
    }

    #[getter]
    fn findings(&self, py: Python<'_>) -> Vec<Py<Finding>> {
        self.findings.iter().map(|finding| finding.clone_ref(py)).collect()
    }
}

/// How far a run is.
#[pyclass(frozen, module = "kandil")]
pub(crate) struct Progress(core::Progress);

#[pymethods]
impl Progress {
    #[getter]
    fn bytes_done(&self) -> u64 {
        self.0.bytes_done
    }

    #[getter]
    fn bytes_total(&self) -> u64 {
        self.0.bytes_total
    }

    #[getter]
    fn files_done(&self) -> usize {
        self.0.files_done
    }

    /// Files being read now: thread, job index, bytes done, size.
    #[getter]
    fn lanes(&self) -> Vec<(usize, usize, u64, u64)> {
        self.0.lanes.iter().map(|lane| (lane.thread, lane.index, lane.done, lane.size)).collect()
    }
}

/// Reads many files at once on threads of its own.
#[pyclass(frozen, module = "kandil")]
pub(crate) struct Run {
    run: core::Run,
    paths: Vec<PathBuf>,
}

#[pymethods]
impl Run {
    #[new]
    #[pyo3(signature = (jobs, *, threads = 0, max_memory_bytes = 32 << 20, max_rate_bytes = None, blake3 = "auto", drop_cache = false))]
    fn new(
        py: Python<'_>,
        jobs: Vec<(Vec<u8>, u64, String)>,
        threads: usize,
        max_memory_bytes: usize,
        max_rate_bytes: Option<u64>,
        blake3: &str,
        drop_cache: bool,
    ) -> PyResult<Self> {
        let jobs = jobs.into_iter().map(job).collect::<PyResult<Vec<core::Job>>>()?;
        let paths = jobs.iter().map(|job| job.path.clone()).collect();
        let blake3 = match blake3 {
            "auto" => core::Blake3::Auto,
            "always" => core::Blake3::Always,
            "never" => core::Blake3::Never,
            other => return Err(PyValueError::new_err(format!("blake3: 'auto', 'always' or 'never', not {other:?}"))),
        };
        let options =
            core::Options { threads, max_memory: max_memory_bytes, max_rate: max_rate_bytes, blake3, drop_cache };
        Ok(Run { run: py.detach(|| core::Run::start(jobs, options))?, paths })
    }

    /// What has finished since the last call; waits up to the timeout for the first.
    fn take(&self, py: Python<'_>, timeout_seconds: f64) -> PyResult<Vec<Outcome>> {
        let timeout = Duration::try_from_secs_f64(timeout_seconds.max(0.0))
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let taken = py.detach(|| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.run.take(timeout))));
        let outcomes =
            taken.map_err(|_| PyRuntimeError::new_err("a thread of the run panicked: this is a bug in kandil"))?;
        let made = |outcome: core::Outcome| {
            let path = self.paths[outcome.index].clone();
            Outcome::new(py, outcome, &path)
        };
        outcomes.into_iter().map(made).collect()
    }

    /// True once all threads have stopped and every outcome has been taken.
    #[getter]
    fn finished(&self) -> bool {
        self.run.finished()
    }

    /// How far the run is.
    fn progress(&self) -> Progress {
        Progress(self.run.progress())
    }

    /// Files in flight are given up; threads stop at the next chunk.
    fn cancel(&self) {
        self.run.cancel();
    }
}

impl Outcome {
    /// `path` is the file's.
    pub(crate) fn new(py: Python<'_>, mut outcome: core::Outcome, path: &Path) -> PyResult<Outcome> {
        let Some(scan) = outcome.scan.take() else {
            return Ok(Outcome { outcome, header: None, findings: Vec::new() });
        };
        let findings = scan.findings.iter().map(|finding| Py::new(py, Finding::from(finding.clone())));
        let findings = findings.collect::<PyResult<_>>()?;
        let header = if scan.is_gguf { Some(Py::new(py, Header::from_scan(scan, path.to_owned()))?) } else { None };
        Ok(Outcome { outcome, header, findings })
    }
}

fn job((bytes, size, mode): (Vec<u8>, u64, String)) -> PyResult<core::Job> {
    let mode = match mode.as_str() {
        "sha256" => core::Mode::Sha256,
        "blake3" => core::Mode::Blake3,
        "scan" => core::Mode::Scan,
        other => return Err(PyValueError::new_err(format!("mode: 'sha256', 'blake3' or 'scan', not {other:?}"))),
    };
    Ok(core::Job { path: path(bytes), size, mode })
}
