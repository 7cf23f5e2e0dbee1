//! Load on a server, for Python, which says what is sent and reads what came.

use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};

use http::Method;
use kandil_core::benchmark::{Arrivals, Desk, Exchange, Limit, Progress, Round, drive};
use kandil_core::bucket::Cost;
use kandil_core::transport::{Deadlines, Request, Settings, Thread, Waker};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::batch::lock;
use crate::bucket::Bucket;
use crate::transport::{Field, fields, proxy, said, seconds};

/// Origin, scheme, host, port, user and password.
type Proxied = (String, String, String, u16, Option<(String, String)>);

/// Rounds of requests to one URL, on connections that are kept from round to round.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct Benchmark {
    request: Request,
    thread: Mutex<Option<Thread>>,
    waker: Arc<Waker>,
    desk: Mutex<Arc<Desk>>,
}

#[pymethods]
impl Benchmark {
    #[new]
    #[pyo3(signature = (url, *, headers, deadlines, largest_body_bytes, proxied = None))]
    fn new(
        py: Python<'_>,
        url: &str,
        headers: Vec<Field<'_>>,
        deadlines: (f64, f64, f64, Option<f64>),
        largest_body_bytes: u64,
        proxied: Option<Proxied>,
    ) -> PyResult<Self> {
        let (connect, first_byte, idle, total) = deadlines;
        let request = Request {
            method: Method::POST,
            uri: url.parse().map_err(|_| PyValueError::new_err("the URL has characters that cannot be sent"))?,
            headers: fields(headers)?,
            body: bytes(&[]),
            deadlines: Deadlines {
                connect: seconds(connect),
                first_byte: seconds(first_byte),
                idle: seconds(idle),
                total: total.map(seconds),
            },
            largest_body: largest_body_bytes,
        };
        let mut settings = Settings::default();
        if let Some((origin, scheme, host, port, user)) = proxied {
            settings.proxies.insert(origin, proxy(&scheme, host, port, user)?);
        }
        let thread = py.detach(|| Thread::start(settings)).map_err(|fault| PyOSError::new_err(fault.to_string()))?;
        let waker = Arc::new(Waker::new()?);
        let desk = Mutex::new(Arc::new(Desk::new(Arc::clone(&waker))));
        Ok(Self { request, thread: Mutex::new(Some(thread)), waker, desk })
    }

    /// Readable when a round is over.
    fn fileno(&self) -> RawFd {
        self.waker.fileno()
    }

    #[pyo3(signature = (bodies, *, concurrency, rate_per_second = None, seed = 0, limit = None))]
    fn begin(
        &self,
        bodies: Vec<Bound<'_, PyBytes>>,
        concurrency: usize,
        rate_per_second: Option<f64>,
        seed: u64,
        limit: Option<(Bound<'_, Bucket>, u64, u64)>,
    ) -> PyResult<()> {
        if rate_per_second.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            return Err(PyValueError::new_err("a rate is above 0"));
        }
        let arrivals =
            rate_per_second.map_or(Arrivals::AsOthersEnd, |per_second| Arrivals::Poisson { per_second, seed });
        let limit = limit.map(|(bucket, input, output)| Limit {
            bucket: Arc::clone(&bucket.get().place),
            cost: Cost { input, output },
        });
        let bodies = bodies.iter().map(|body| bytes(body.as_bytes())).collect();
        let round = Round { request: self.request.clone(), bodies, arrivals, at_once: concurrency, limit };
        let thread = lock(&self.thread);
        let thread = thread.as_ref().ok_or_else(|| PyRuntimeError::new_err("it is closed"))?;
        self.waker.drain();
        let desk = Arc::new(Desk::new(Arc::clone(&self.waker)));
        lock(&self.desk).stop();
        *lock(&self.desk) = Arc::clone(&desk);
        thread.spawn(move |client| drive(client, round, desk));
        Ok(())
    }

    fn progress(&self) -> (usize, usize, usize, bool, u64) {
        let Progress { sent, ended, held_bytes, over, limited } = lock(&self.desk).progress();
        (sent, ended, held_bytes, over, limited)
    }

    fn take<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let desk = Arc::clone(&lock(&self.desk));
        desk.take().into_iter().map(|exchange| told(py, &exchange)).collect()
    }

    fn stop(&self) {
        lock(&self.desk).stop();
    }

    fn close(&self, py: Python<'_>) {
        let thread = lock(&self.thread).take();
        py.detach(|| drop(thread));
    }
}

fn bytes<Made: From<Vec<u8>>>(given: &[u8]) -> Made {
    given.to_vec().into()
}

fn told<'py>(py: Python<'py>, exchange: &Exchange) -> PyResult<Bound<'py, PyTuple>> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let head = exchange.head.as_ref().map(|head| {
        let headers: Vec<_> = head.headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
        (head.at, head.status, headers, head.reused)
    });
    let fault = exchange.fault.as_ref().map(|fault| said(py, fault)).transpose()?;
    let Exchange { number, due, sent, parts, body, ended, .. } = exchange;
    (*number, *due, *sent, head, parts.clone(), PyBytes::new(py, body), *ended, fault).into_pyobject(py)
}
