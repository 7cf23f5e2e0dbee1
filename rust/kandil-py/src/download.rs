//! Files that come, for Python, which says where from and how often that is tried.

use std::net::IpAddr;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use kandil_core::download::{BLOCK, Download as Core, Pace, Place, Source, Trouble, begun};
use kandil_core::library;
use kandil_core::transport::Deadlines;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::library::Outcome;
use crate::transport::{Field, fields, proxy, said, seconds};

/// Origin, scheme, host, port, user and password.
type Proxied = (String, String, String, u16, Option<(String, String)>);

/// Gone once it is closed.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct Download(Mutex<Option<Arc<Core>>>);

impl Download {
    fn core(&self) -> PyResult<Arc<Core>> {
        let core = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        core.ok_or_else(|| PyValueError::new_err("it is closed"))
    }
}

#[pymethods]
impl Download {
    #[classattr]
    const BLOCK_BYTES: u64 = BLOCK;

    #[new]
    #[pyo3(signature = (file, journal, identity, boot, size_bytes, *, connections, rate_bytes_per_second = None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        file: PathBuf,
        journal: Option<PathBuf>,
        identity: &str,
        boot: &str,
        size_bytes: Option<u64>,
        connections: usize,
        rate_bytes_per_second: Option<u64>,
    ) -> PyResult<Self> {
        if identity.contains('\n') || identity.is_empty() || boot.contains('\n') {
            return Err(PyValueError::new_err("what identifies a file is one line"));
        }
        let place = Place { file: &file, journal: journal.as_deref(), identity, boot };
        let pace = Pace { connections, rate: rate_bytes_per_second };
        let core = py.detach(|| Core::open(place, size_bytes, pace))?;
        Ok(Self(Mutex::new(Some(Arc::new(core)))))
    }

    #[staticmethod]
    fn begun_bytes(journal: PathBuf) -> u64 {
        begun(&journal)
    }

    #[getter]
    fn resumed_bytes(&self) -> PyResult<u64> {
        Ok(self.core()?.resumed)
    }

    #[getter]
    fn replaced(&self) -> PyResult<bool> {
        Ok(self.core()?.replaced)
    }

    fn fileno(&self) -> PyResult<RawFd> {
        Ok(self.core()?.waker().fileno())
    }

    #[pyo3(signature = (url, *, headers, etag, condition, deadlines, proxied = None, addresses = None))]
    #[allow(clippy::too_many_arguments)]
    fn attempt(
        &self,
        url: &str,
        headers: Vec<Field<'_>>,
        etag: Option<String>,
        condition: Option<String>,
        deadlines: (f64, f64, f64),
        proxied: Option<Proxied>,
        addresses: Option<(String, Vec<IpAddr>)>,
    ) -> PyResult<()> {
        let (connect, first_byte, idle) = deadlines;
        let leads =
            |(origin, scheme, host, port, user): Proxied| PyResult::Ok((origin, proxy(&scheme, host, port, user)?));
        self.core()?.attempt(Source {
            uri: url.parse().map_err(|_| PyValueError::new_err("the URL has characters that cannot be sent"))?,
            headers: fields(headers)?,
            etag,
            condition,
            addresses,
            deadlines: Deadlines {
                connect: seconds(connect),
                first_byte: seconds(first_byte),
                idle: seconds(idle),
                total: None,
            },
            proxy: proxied.map(leads).transpose()?,
        });
        Ok(())
    }

    fn ended<'py>(&self, py: Python<'py>) -> PyResult<Option<Vec<Bound<'py, PyTuple>>>> {
        let core = self.core()?;
        core.waker().drain();
        let Some(troubles) = core.ended() else { return Ok(None) };
        troubles.iter().map(|trouble| told(py, trouble)).collect::<PyResult<Vec<_>>>().map(Some)
    }

    fn progress(&self) -> PyResult<(Option<u64>, u64, u64)> {
        let progress = self.core()?.progress();
        Ok((progress.size, progress.written, progress.hashed))
    }

    fn digest(&self) -> PyResult<Option<[u8; 32]>> {
        Ok(self.core()?.digest()?)
    }

    fn outcome(&self, py: Python<'_>, path: PathBuf) -> PyResult<Option<Outcome>> {
        let core = self.core()?;
        let (Some(digest), Some(scan)) = (core.digest()?, core.scan()) else { return Ok(None) };
        let (stat, sha256, scan) = (Some(core.stat()?), Some(digest), Some(scan));
        let known = library::Outcome { stat, sha256, scan, ..library::Outcome::default() };
        Outcome::new(py, known, &path).map(Some)
    }

    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        let core = self.core()?;
        Ok(py.detach(|| core.sync())?)
    }

    fn close(&self, py: Python<'_>) {
        let core = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(core));
    }
}

fn told<'py>(py: Python<'py>, trouble: &Trouble) -> PyResult<Bound<'py, PyTuple>> {
    let known = PyDict::new(py);
    let kind = match trouble {
        Trouble::Fault(fault) => {
            known.set_item("fault", said(py, fault)?)?;
            "fault"
        }
        Trouble::Refused { status, headers } => {
            let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let pairs: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
            known.set_item("status", status)?;
            known.set_item("headers", pairs)?;
            "refused"
        }
        Trouble::Changed(what) => {
            known.set_item("what", what)?;
            "changed"
        }
        Trouble::Encoded(coding) => {
            known.set_item("coding", coding)?;
            "encoded"
        }
        Trouble::Disk(error) => {
            known.set_item("errno", error.raw_os_error())?;
            known.set_item("reason", error.to_string().split(" (os error").next())?;
            "disk"
        }
    };
    (kind, known).into_pyobject(py)
}
