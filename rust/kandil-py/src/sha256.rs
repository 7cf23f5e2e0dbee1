//! `Sha256`, `sha256`, `kernels`.

use std::sync::{Mutex, MutexGuard};

use kandil_core::sha256 as core;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Below this many bytes giving up the GIL costs more than it helps; hashlib draws the line there as well.
const RELEASE_GIL: usize = 2048;

/// A stream of bytes and its SHA-256, like ``hashlib.sha256()``.
#[pyclass(frozen, module = "kandil")]
pub(crate) struct Sha256(Mutex<core::Sha256>);

impl Sha256 {
    fn lock(&self) -> MutexGuard<'_, core::Sha256> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn take(&self, py: Python<'_>, bytes: &[u8]) {
        if bytes.len() < RELEASE_GIL
            && let Ok(mut hash) = self.0.try_lock()
        {
            return hash.update(bytes);
        }
        py.detach(|| self.lock().update(bytes));
    }
}

#[pymethods]
impl Sha256 {
    #[new]
    #[pyo3(signature = (data = None, /))]
    fn new(py: Python<'_>, data: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let hash = Sha256(Mutex::default());
        if let Some(data) = data {
            hash.update(py, data)?;
        }
        Ok(hash)
    }

    #[getter]
    fn name(&self) -> &'static str {
        "sha256"
    }

    #[getter]
    fn digest_size(&self) -> usize {
        size_of::<core::Digest>()
    }

    #[getter]
    fn block_size(&self) -> usize {
        core::BLOCK
    }

    /// Append the bytes of any contiguous buffer. Another thread's update is waited for without the GIL.
    #[pyo3(signature = (data, /))]
    fn update(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        with_bytes(data, |bytes| self.take(py, bytes))
    }

    /// The digest of all bytes so far: 32 bytes.
    fn digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.lock().digest()))
    }

    /// The digest of all bytes so far: 64 lower-case hexadecimal digits.
    fn hexdigest(&self, py: Python<'_>) -> String {
        py.detach(|| self.lock().digest()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A stream of its own that goes on from here.
    fn copy(&self, py: Python<'_>) -> Self {
        Sha256(Mutex::new(py.detach(|| self.lock().clone())))
    }
}

/// Calls `then` with the bytes of a contiguous buffer.
fn with_bytes<R>(data: &Bound<'_, PyAny>, then: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
    let buffer = PyUntypedBuffer::get(data)?;
    if !buffer.is_c_contiguous() {
        return Err(PyBufferError::new_err("the buffer is not contiguous"));
    }
    let length = buffer.len_bytes();
    let bytes = if length == 0 {
        &[]
    } else {
        // SAFETY: the buffer is contiguous and held until the end of the function. Another thread may write to it
        // meanwhile, as with hashlib: then the digest is that of neither state, and nothing else happens, since every
        // byte is a valid u8 and is read for arithmetic only.
        unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), length) }
    };
    Ok(then(bytes))
}

/// The SHA-256 of a contiguous buffer: 32 bytes.
#[pyfunction]
#[pyo3(signature = (data, /))]
pub(crate) fn sha256<'py>(py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let digest = with_bytes(data, |bytes| {
        if bytes.len() < RELEASE_GIL { core::digest(bytes) } else { py.detach(|| core::digest(bytes)) }
    })?;
    Ok(PyBytes::new(py, &digest))
}

/// The kernels in use for 1, 2, … files at once on a thread, such as ``shanix1+shanix2``.
#[pyfunction]
pub(crate) fn kernels() -> Vec<String> {
    core::lanes::plan().describe()
}
