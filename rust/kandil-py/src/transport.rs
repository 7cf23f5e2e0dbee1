//! HTTP on a thread of its own, for Python: requests in, and what came of them, in groups.

use std::time::Duration;

use kandil_core::transport::{
    Came, Deadlines, Fault, Head, News, Proxy, ProxyScheme, Relay, Request, Settings, TlsFault,
};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

/// Bodies are given as they come: they are bounded by how fast they are taken.
const ANY_SIZE: u64 = u64::MAX;

/// Method, URL, headers, body; seconds for connect, first byte, idle, and, or None, in all.
type Asked<'py> = (String, String, Vec<Field<'py>>, Bound<'py, PyBytes>, (f64, f64, f64, Option<f64>));
/// Name and value.
pub(crate) type Field<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct Transport(Relay);

#[pymethods]
impl Transport {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        let started = py.detach(|| Relay::start(Settings::default()));
        Ok(Self(started.map_err(|error| PyOSError::new_err(error.to_string()))?))
    }

    #[cfg(unix)]
    fn fileno(&self) -> i32 {
        self.0.waker().fileno()
    }

    fn submit(&self, requests: Vec<Asked<'_>>) -> PyResult<u64> {
        Ok(self.0.submit(requests.into_iter().map(request).collect::<PyResult<_>>()?))
    }

    fn take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let news = self.0.take();
        PyList::new(py, news.into_iter().map(|(id, news)| told(py, id, news)).collect::<PyResult<Vec<_>>>()?)
    }

    fn consumed(&self, number: u64, size_bytes: usize) {
        self.0.consumed(number, size_bytes);
    }

    fn cancel(&self, number: u64) {
        self.0.cancel(number);
    }

    #[pyo3(signature = (origin, scheme, host, port, user = None))]
    fn set_proxy(
        &self,
        origin: String,
        scheme: &str,
        host: String,
        port: u16,
        user: Option<(String, String)>,
    ) -> PyResult<()> {
        self.0.set_proxy(origin, Some(proxy(scheme, host, port, user)?));
        Ok(())
    }

    #[getter]
    fn under_way(&self) -> usize {
        self.0.under_way()
    }
}

/// Who leads to an origin.
pub(crate) fn proxy(scheme: &str, host: String, port: u16, user: Option<(String, String)>) -> PyResult<Proxy> {
    let scheme = match scheme {
        "http" => ProxyScheme::Http,
        "https" => ProxyScheme::Https,
        "socks5" => ProxyScheme::Socks5,
        _ => return Err(PyValueError::new_err("no proxy speaks this")),
    };
    Ok(Proxy { scheme, host, port, user })
}

fn request((method, url, headers, body, waits): Asked<'_>) -> PyResult<Request> {
    let (connect, first_byte, idle, total) = waits;
    Ok(Request {
        method: method.parse().map_err(|_| unusable("the method"))?,
        uri: url.parse().map_err(|_| unusable("the URL"))?,
        headers: fields(headers)?,
        body: body.as_bytes().to_vec().into(),
        deadlines: Deadlines {
            connect: seconds(connect),
            first_byte: seconds(first_byte),
            idle: seconds(idle),
            total: total.map(seconds),
        },
        largest_body: ANY_SIZE,
    })
}

/// What cannot be sent is not repeated: it may be secret.
pub(crate) fn fields(headers: Vec<Field<'_>>) -> PyResult<http::HeaderMap> {
    let mut fields = http::HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable("a header's name"))?;
        let mut value = http::HeaderValue::from_bytes(value.as_bytes()).map_err(|_| unusable("a header"))?;
        value.set_sensitive(is_secret(name.as_str()));
        fields.append(name, value);
    }
    Ok(fields)
}

fn unusable(what: &str) -> PyErr {
    PyValueError::new_err(format!("{what} has characters that cannot be sent"))
}

/// Shown nowhere, and in no table that HTTP/2 compresses by.
fn is_secret(name: &str) -> bool {
    ["auth", "key", "token", "secret", "cookie"].iter().any(|word| name.contains(word))
}

/// What is negative is none; what is endless is very long.
pub(crate) fn seconds(seconds: f64) -> Duration {
    if seconds.is_nan() || seconds <= 0.0 {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

fn told<'py>(py: Python<'py>, id: u64, news: News) -> PyResult<Bound<'py, PyTuple>> {
    let head = news.head.map(|head| headed(py, &head)).transpose()?;
    let body = match &news.parts[..] {
        [] => PyBytes::new(py, b""),
        [one] => PyBytes::new(py, one),
        many => PyBytes::new(py, &many.concat()),
    };
    let fault = match &news.end {
        Some(Err(fault)) => Some(said(py, fault)?),
        _ => None,
    };
    (id, head, body, news.end.is_some(), fault).into_pyobject(py)
}

fn headed<'py>(py: Python<'py>, head: &Head) -> PyResult<Bound<'py, PyTuple>> {
    let version: &[u8] = if head.version == http::Version::HTTP_2 { b"HTTP/2" } else { b"HTTP/1.1" };
    let bytes = |bytes: &[u8]| PyBytes::new(py, bytes);
    let fields = head.headers.iter().map(|(name, value)| (bytes(name.as_ref()), bytes(value.as_bytes())));
    (head.status, bytes(version), PyList::new(py, fields.collect::<Vec<_>>())?).into_pyobject(py)
}

/// The code of an error in `kandil.errors.network`, and what that is made of beside host, port and times.
pub(crate) fn said<'py>(py: Python<'py>, fault: &Fault) -> PyResult<Bound<'py, PyTuple>> {
    let fields = PyDict::new(py);
    let came = |came: &Came| {
        fields.set_item("received_bytes", came.received)?;
        fields.set_item("expected_bytes", came.expected)
    };
    match fault {
        Fault::Url(reason) => fields.set_item("reason", reason)?,
        Fault::NoRoute(reason) | Fault::Connect(reason) | Fault::Malformed(reason) => {
            fields.set_item("reason", reason)?;
        }
        Fault::Name { reason, temporary } => {
            fields.set_item("reason", reason)?;
            fields.set_item("temporary", temporary)?;
        }
        Fault::Address { address, reason } => {
            fields.set_item("address", address)?;
            fields.set_item("reason", reason)?;
        }
        Fault::ConnectTimeout(phase) => fields.set_item("phase", phase.word())?,
        Fault::Tls { fault, reason, names } => {
            fields.set_item("fault", fault.word())?;
            fields.set_item("reason", if *fault == TlsFault::WrongHost { "" } else { reason })?;
            fields.set_item("names", PyTuple::new(py, names)?)?;
        }
        Fault::Proxy { reason, status } => {
            fields.set_item("reason", reason)?;
            fields.set_item("status", status)?;
        }
        Fault::Lost { how, reason } => {
            fields.set_item("how", how.word())?;
            fields.set_item("reason", reason)?;
        }
        Fault::BodyCut { how, came: all } => {
            fields.set_item("how", how.word())?;
            came(all)?;
        }
        Fault::IdleTimeout(all) | Fault::TotalTimeout(all) => came(all)?,
        Fault::HeadTooLarge(most) => {
            fields.set_item("part", "head")?;
            fields.set_item("largest_bytes", most)?;
        }
        Fault::TooLarge { most, bomb } => {
            fields.set_item("part", "body")?;
            fields.set_item("largest_bytes", most)?;
            fields.set_item("bomb", bomb)?;
        }
        Fault::ConnectionRefused | Fault::SendTimeout | Fault::FirstByteTimeout => {}
    }
    (fault.kind(), fields).into_pyobject(py)
}
