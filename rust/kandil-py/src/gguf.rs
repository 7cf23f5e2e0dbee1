//! `kandil-core::gguf` for Python: [`Header`], [`Tensor`], [`Finding`].

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::num::NonZero;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{self, available_parallelism};

use kandil_core::gguf::{self, Entry, Scalar, Scan, Value, types, weights};
use pyo3::exceptions::{PyInterruptedError, PyKeyError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList, PyString, PyTuple};

/// Adds this file's classes to the module.
pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<Finding>()?;
    m.add_class::<Tensor>()?;
    m.add_class::<Header>()
}

/// An `OSError` with errno and file name, where there are such; `ValueError` for a file that has changed under a scan.
pub(crate) fn os_error(py: Python<'_>, error: &io::Error, path: &OsStr) -> PyErr {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof, _) => PyValueError::new_err(error.to_string()),
        (_, Some(number)) => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default().to_owned();
            PyOSError::new_err((number, text, PyBytes::new(py, path.as_bytes()).unbind()))
        }
        _ => PyOSError::new_err(error.to_string()),
    }
}

/// One thing that a check found in a file.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct Finding(gguf::Finding);

impl From<gguf::Finding> for Finding {
    fn from(finding: gguf::Finding) -> Self {
        Self(finding)
    }
}

#[pymethods]
impl Finding {
    #[getter]
    fn id(&self) -> &'static str {
        self.0.id
    }

    #[getter]
    fn severity(&self) -> &'static str {
        self.0.severity.name()
    }

    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    #[getter]
    fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    fn __repr__(&self) -> String {
        format!("<Finding {}: {}>", self.0.id, self.0.message)
    }
}

/// One tensor of a file.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct Tensor(gguf::Tensor);

#[pymethods]
impl Tensor {
    #[getter]
    fn name<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::new(py, &self.0.name_text())
    }

    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.shape())
    }

    #[getter]
    fn r#type(&self) -> String {
        types::tensor_type_name(self.0.kind)
    }

    #[getter]
    fn offset(&self) -> u64 {
        self.0.offset
    }

    #[getter]
    fn size_bytes(&self) -> u64 {
        self.0.size.unwrap_or(0)
    }

    fn __repr__(&self) -> String {
        let name = gguf::printable::printable(&self.0.name);
        format!("<Tensor {name} {:?} {}>", self.0.shape(), types::tensor_type_name(self.0.kind))
    }
}

/// What an error calls a file that was opened by somebody else.
const DESCRIPTOR: &str = "<descriptor>";

/// Where long values are read from when they are asked for.
enum Source {
    Path(PathBuf),
    Open(File),
}

impl Source {
    fn file(&self) -> io::Result<File> {
        match self {
            Self::Path(path) => gguf::open_regular(path),
            Self::Open(file) => file.try_clone(),
        }
    }

    fn error(&self, py: Python<'_>, error: &io::Error) -> PyErr {
        match self {
            Self::Path(path) => os_error(py, error, path.as_os_str()),
            Self::Open(_) => os_error(py, error, OsStr::new(DESCRIPTOR)),
        }
    }
}

/// A scanned header, and the file that it was in.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct Header {
    header: gguf::Header,
    is_gguf: bool,
    findings: Vec<gguf::Finding>,
    source: Source,
    /// Where in `header.entries` a key is, made when the first one is asked for.
    places: OnceLock<HashMap<String, usize>>,
}

impl Header {
    /// A header without keys and tensors where the scan says that the file is not GGUF.
    pub(crate) fn from_scan(scan: Scan, path: PathBuf) -> Self {
        Self::new(scan, Source::Path(path))
    }

    fn new(scan: Scan, source: Source) -> Self {
        let Scan { is_gguf, header, findings } = scan;
        Self { header: header.unwrap_or_default(), is_gguf, findings, source, places: OnceLock::new() }
    }

    fn open_descriptor(py: Python<'_>, descriptor: RawFd) -> PyResult<Self> {
        if descriptor < 0 {
            return Err(PyValueError::new_err("a descriptor is not negative"));
        }
        let failed = |error: io::Error| os_error(py, &error, OsStr::new(DESCRIPTOR));
        // SAFETY: it is borrowed for one call of `dup`, which refuses a number that is not open.
        let file =
            unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned().map(File::from).map_err(failed)?;
        let scan = py.detach(|| gguf::scan(&file)).map_err(failed)?;
        Ok(Self::new(scan, Source::Open(file)))
    }

    /// By the key as Python sees it: bytes that are not UTF-8 are U+FFFD there. Of equal keys, the first.
    fn entry(&self, key: &str) -> PyResult<&Entry> {
        let entries = &self.header.entries;
        let places = self.places.get_or_init(|| {
            entries.iter().enumerate().rev().map(|(place, entry)| (entry.key_text().into_owned(), place)).collect()
        });
        let place = places.get(key).ok_or_else(|| PyKeyError::new_err(key.to_owned()))?;
        Ok(&entries[*place])
    }

    fn value<'py>(&self, py: Python<'py>, entry: &Entry) -> PyResult<Bound<'py, PyAny>> {
        let value = py
            .detach(|| gguf::read_value(&self.header, entry, || self.source.file()))
            .map_err(|error| self.source.error(py, &error))?;
        to_python(py, &value)
    }
}

#[pymethods]
impl Header {
    #[staticmethod]
    fn open(py: Python<'_>, path: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(descriptor) = path.cast::<PyInt>() {
            return Self::open_descriptor(py, descriptor.extract()?);
        }
        let bytes: Vec<u8> = py.import("os")?.call_method1("fsencode", (path,))?.extract()?;
        let path = PathBuf::from(std::ffi::OsString::from_vec(bytes));
        let scan = py.detach(|| gguf::open(&path)).map_err(|error| os_error(py, &error, path.as_os_str()))?;
        Ok(Self::from_scan(scan, path))
    }

    #[getter]
    fn version(&self) -> u32 {
        self.header.version
    }

    #[getter]
    fn big_endian(&self) -> bool {
        self.header.big_endian
    }

    #[getter]
    fn alignment(&self) -> u32 {
        self.header.alignment
    }

    #[getter]
    fn data_offset(&self) -> Option<u64> {
        self.header.data_offset
    }

    #[getter]
    fn file_size_bytes(&self) -> u64 {
        self.header.file_size
    }

    #[getter]
    fn is_gguf(&self) -> bool {
        self.is_gguf
    }

    #[getter]
    fn findings(&self) -> Vec<Finding> {
        self.findings.iter().cloned().map(Finding).collect()
    }

    #[getter]
    fn tensors(&self) -> Vec<Tensor> {
        self.header.tensors.iter().cloned().map(Tensor).collect()
    }

    #[getter]
    fn tensor_count(&self) -> u64 {
        self.header.tensor_count
    }

    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.header.entries.iter().map(Entry::key_text))
    }

    fn r#type(&self, key: &str) -> PyResult<String> {
        self.entry(key).map(Entry::type_name)
    }

    fn count(&self, key: &str) -> PyResult<Option<u64>> {
        self.entry(key).map(|entry| entry.element.map(|_| entry.count))
    }

    fn value_size_bytes(&self, key: &str) -> PyResult<u64> {
        self.entry(key).map(|entry| entry.size)
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> bool {
        key.cast::<PyString>().is_ok_and(|key| key.to_str().is_ok_and(|key| self.entry(key).is_ok()))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.keys(py)?.try_iter()?.into_any())
    }

    /// As a dict's: `default` where there is no such key.
    #[pyo3(signature = (key, default = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.entry(key).map_or(Ok(default), |entry| self.value(py, entry).map(Some))
    }

    fn __len__(&self) -> usize {
        self.header.entries.len()
    }

    /// Reads tensor data now. Ctrl-C in the main thread, or a `go_on` that says no, ends it within a fraction of a second.
    #[pyo3(signature = (*, full = false, threads = 0, go_on = None))]
    fn check_weights(
        &self,
        py: Python<'_>,
        full: bool,
        threads: usize,
        go_on: Option<Py<PyAny>>,
    ) -> PyResult<Vec<Finding>> {
        let mode = if full { weights::Mode::Full } else { weights::Mode::Sample };
        let threads = if threads == 0 { available_parallelism().map_or(1, NonZero::get) } else { threads };
        let (done, stopped) = (AtomicU64::new(0), OnceLock::new());
        let ask = |py: Python<'_>| {
            py.check_signals()?;
            let Some(go_on) = &go_on else { return Ok(()) };
            match go_on.bind(py).call1((done.swap(0, Relaxed),))?.is_truthy()? {
                true => Ok(()),
                false => Err(PyInterruptedError::new_err("the caller wants no more")),
            }
        };
        let caller = thread::current().id();
        let tell = |size| {
            done.fetch_add(size, Relaxed);
            if thread::current().id() == caller
                && let Err(error) = Python::attach(ask)
            {
                let _ = stopped.set(error);
            }
            stopped.get().is_none()
        };
        let checked = py.detach(|| {
            let file = self.source.file()?;
            if file.metadata()?.len() != self.header.file_size {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the file has changed since it was scanned"));
            }
            weights::check(&file, &self.header, mode, threads, &tell)
        });
        if let Some(error) = stopped.into_inner() {
            return Err(error);
        }
        let found = checked.map_err(|error| self.source.error(py, &error))?;
        ask(py)?;
        Ok(found.into_iter().map(Finding).collect())
    }

    /// None where the scan has not kept the value: it is long, or there is no such key. Reads nothing.
    fn kept<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(entry) = self.entry(key).ok().filter(|entry| entry.kept.is_some()) else { return Ok(None) };
        self.value(py, entry).map(Some)
    }

    fn __getitem__<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Bound<'py, PyAny>> {
        self.value(py, self.entry(key)?)
    }
}

fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    let mut scalars = value.scalars().map(|scalar| scalar_to_python(py, scalar));
    if !value.is_array() {
        return scalars.next().unwrap_or_else(|| Err(PyValueError::new_err("the value has no bytes")));
    }
    let list = PyList::empty(py);
    for scalar in scalars {
        list.append(scalar?)?;
    }
    Ok(list.into_any())
}

fn scalar_to_python<'py>(py: Python<'py>, scalar: Scalar<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match scalar {
        Scalar::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Scalar::Uint(value) => value.into_pyobject(py)?.into_any(),
        Scalar::Int(value) => value.into_pyobject(py)?.into_any(),
        Scalar::Float(value) => value.into_pyobject(py)?.into_any(),
        Scalar::Text(text) => PyString::new(py, &String::from_utf8_lossy(text)).into_any(),
    })
}
