//! Files that come, for Python, which says where from and how often that is tried.

use std::os::fd::RawFd;
use std::path::PathBuf;

use kandil_core::download::{BLOCK, Download as Core, Pace, Place, Source, Trouble};
use kandil_core::transport::Deadlines;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::transport::{Field, fields, proxy, said, seconds};

/// Origin, scheme, host, port, user and password.
type Proxied = (String, String, String, u16, Option<(String, String)>);

#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct Download(Core);

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
        Ok(Self(py.detach(|| Core::open(place, size_bytes, pace))?))
    }

    #[getter]
    fn resumed_bytes(&self) -> u64 {
        self.0.resumed
    }

    #[getter]
    fn replaced(&self) -> bool {
        self.0.replaced
    }

    fn fileno(&self) -> RawFd {
        self.0.waker().fileno()
    }

    #[pyo3(signature = (url, headers, etag, deadlines, proxied = None))]
    fn attempt(
        &self,
        url: &str,
        headers: Vec<Field<'_>>,
        etag: Option<String>,
        deadlines: (f64, f64, f64),
        proxied: Option<Proxied>,
    ) -> PyResult<()> {
        let (connect, first_byte, idle) = deadlines;
        let leads =
            |(origin, scheme, host, port, user): Proxied| PyResult::Ok((origin, proxy(&scheme, host, port, user)?));
        self.0.attempt(Source {
            uri: url.parse().map_err(|_| PyValueError::new_err("the URL has characters that cannot be sent"))?,
            headers: fields(headers)?,
            etag,
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
        self.0.waker().drain();
        let Some(troubles) = self.0.ended() else { return Ok(None) };
        troubles.iter().map(|trouble| told(py, trouble)).collect::<PyResult<Vec<_>>>().map(Some)
    }

    fn stop(&self) {
        self.0.stop();
    }

    fn progress(&self) -> (Option<u64>, u64, u64) {
        let progress = self.0.progress();
        (progress.size, progress.written, progress.hashed)
    }

    fn digest(&self) -> PyResult<Option<[u8; 32]>> {
        Ok(self.0.digest()?)
    }

    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.0.sync())?)
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
