//! Limits and circuit breakers, of this process alone or in a file that all of a user's processes share.
//!
//! The GIL stays: a call takes a fraction of a microsecond, and waits, if ever, for another process's.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use kandil_core::bucket::{self as core, Admitted, Caller, Cost, Place, Plain, RESOURCES, Resource, Taken, Token};
use pyo3::exceptions::{PyIndexError, PyOverflowError};
use pyo3::prelude::*;

/// The system's, or one of Python's that gives nanoseconds.
struct Clock(Option<Py<PyAny>>);

impl Clock {
    fn now(&self) -> u64 {
        let Some(clock) = &self.0 else { return core::now() };
        Python::attach(|py| {
            let said = clock.call0(py).and_then(|said| said.extract(py));
            said.unwrap_or_else(|error| {
                error.write_unraisable(py, Some(clock.bind(py)));
                0
            })
        })
    }
}

/// Tokens as Python counts them; what is negative, or no number of tokens at all, is bounded.
struct Tokens(u64);

impl<'a, 'py> FromPyObject<'a, 'py> for Tokens {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Tokens> {
        match given.extract::<i64>() {
            Ok(count) => Ok(Tokens(count.max(0).cast_unsigned())),
            Err(error) if error.is_instance_of::<PyOverflowError>(given.py()) => {
                Ok(Tokens(u64::from(given.gt(0)?) << 62))
            }
            Err(error) => Err(error),
        }
    }
}

/// In this file, or in this process alone.
fn open<T: Plain>(path: Option<&[u8]>, now: u64) -> PyResult<Arc<Place<T>>> {
    let Some(path) = path else { return Ok(Arc::new(Place::here())) };
    Ok(Arc::new(Place::open(Path::new(OsStr::from_bytes(path)), now)?))
}

/// Tokens in, tokens out.
fn cost(input: &Tokens, output: &Tokens) -> Cost {
    Cost { input: input.0, output: output.0 }
}

fn resource(number: usize) -> PyResult<Resource> {
    RESOURCES.get(number).copied().ok_or_else(|| PyIndexError::new_err("no such resource"))
}

/// A wait as Python gets it: negative, where a token would be positive.
fn negative(wait: u64) -> i64 {
    -i64::try_from(wait).unwrap_or(i64::MAX)
}

/// Limits, and what was taken of them.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct Bucket {
    pub(crate) place: Arc<Place<core::Bucket>>,
    clock: Clock,
}

#[pymethods]
impl Bucket {
    #[new]
    #[pyo3(signature = (path, clock_ns = None))]
    fn new(path: Option<&[u8]>, clock_ns: Option<Py<PyAny>>) -> PyResult<Bucket> {
        let clock = Clock(clock_ns);
        Ok(Bucket { place: open(path, clock.now())?, clock })
    }

    #[getter]
    fn shared(&self) -> bool {
        self.place.is_shared()
    }

    #[pyo3(signature = (input_tokens, output_tokens, place = 0))]
    fn take(&self, input_tokens: Tokens, output_tokens: Tokens, place: u64) -> i64 {
        let place = (place != 0).then(|| Token::from_bits(place));
        match self.place.take(self.clock.now(), cost(&input_tokens, &output_tokens), place) {
            Taken::Granted(token) => i64::try_from(token.to_bits()).unwrap_or(i64::MAX),
            Taken::Wait(wait) => negative(wait),
        }
    }

    fn join(&self, input_tokens: Tokens, output_tokens: Tokens) -> u64 {
        let act = |bucket: &mut core::Bucket, caller: &Caller<'_>| {
            bucket.join(caller.now, caller.owner, cost(&input_tokens, &output_tokens))
        };
        self.with(act).flatten().map_or(0, Token::to_bits)
    }

    fn sending(&self, token: u64) {
        self.with(|bucket, _| bucket.sending(Token::from_bits(token)));
    }

    fn replied(&self, token: u64) {
        self.with(|bucket, caller| bucket.replied(Token::from_bits(token), caller.now));
    }

    fn settle(&self, token: u64, input_tokens: Tokens, output_tokens: Tokens) {
        self.with(|bucket, caller| {
            bucket.settle(Token::from_bits(token), caller.now, cost(&input_tokens, &output_tokens));
        });
    }

    fn refund(&self, token: u64) {
        self.with(|bucket, caller| bucket.refund(Token::from_bits(token), caller.now));
    }

    fn finish(&self, token: u64) {
        self.with(|bucket, caller| bucket.finish(Token::from_bits(token), caller.now));
    }

    fn give_back(&self, token: u64) {
        self.with(|bucket, caller| bucket.give_back(Token::from_bits(token), caller.now));
    }

    fn wait(&self, input_tokens: Tokens, output_tokens: Tokens) -> u64 {
        self.place.wait(self.clock.now(), cost(&input_tokens, &output_tokens))
    }

    fn refused(&self, wait_ns: u64) {
        self.with(|bucket, caller| bucket.refused(caller.now, wait_ns));
    }

    fn refusals(&self) -> u64 {
        self.with(|bucket, _| bucket.refusals()).unwrap_or(0)
    }

    /// Of the resources in their order, then calls at once.
    fn limits(&self) -> Vec<Option<u64>> {
        let act = |bucket: &mut core::Bucket, _: &Caller<'_>| {
            let limits = RESOURCES.iter().map(|resource| bucket.limit(*resource));
            limits.chain([bucket.concurrency()]).collect()
        };
        self.with(act).unwrap_or_else(|| vec![None; RESOURCES.len() + 1])
    }

    /// In the same order.
    fn used(&self) -> Vec<u64> {
        let act = |bucket: &mut core::Bucket, caller: &Caller<'_>| {
            bucket.sweep(caller.now, core::remembered(caller.alive));
            let mut used: Vec<u64> = RESOURCES.iter().map(|resource| bucket.used(*resource, caller.now)).collect();
            used.push(bucket.running());
            used
        };
        self.with(act).unwrap_or_else(|| vec![0; RESOURCES.len() + 1])
    }

    /// Nanoseconds for which nobody goes, because the server said so.
    fn blocked(&self) -> u64 {
        self.with(|bucket, caller| bucket.floor().saturating_sub(caller.now)).unwrap_or(0)
    }

    #[pyo3(signature = (number, limit))]
    fn list_limit(&self, number: usize, limit: Option<u64>) -> PyResult<()> {
        let resource = resource(number)?;
        self.with(|bucket, caller| bucket.list_limit(resource, caller.now, limit));
        Ok(())
    }

    fn learn_limit(&self, number: usize, limit: u64) -> PyResult<()> {
        let resource = resource(number)?;
        self.with(|bucket, caller| bucket.learn_limit(resource, caller.now, limit));
        Ok(())
    }

    #[pyo3(signature = (limit))]
    fn set_concurrency(&self, limit: Option<u64>) {
        self.with(|bucket, _| bucket.set_concurrency(limit));
    }

    #[pyo3(signature = (number, remaining, reset_ns))]
    fn remaining(&self, number: usize, remaining: u64, reset_ns: Option<u64>) -> PyResult<()> {
        let resource = resource(number)?;
        self.with(|bucket, caller| bucket.remaining(resource, caller.now, remaining, reset_ns));
        Ok(())
    }
}

impl Bucket {
    fn with<R>(&self, act: impl FnOnce(&mut core::Bucket, &Caller<'_>) -> R) -> Option<R> {
        self.place.with(self.clock.now(), act)
    }
}

/// A circuit breaker.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct Breaker {
    pub(crate) place: Arc<Place<core::Breaker>>,
    clock: Clock,
}

impl Breaker {
    fn with<R>(&self, act: impl FnOnce(&mut core::Breaker, &Caller<'_>) -> R) -> Option<R> {
        self.place.with(self.clock.now(), act)
    }
}

#[pymethods]
impl Breaker {
    #[new]
    #[pyo3(signature = (path, clock_ns = None))]
    fn new(path: Option<&[u8]>, clock_ns: Option<Py<PyAny>>) -> PyResult<Breaker> {
        let clock = Clock(clock_ns);
        Ok(Breaker { place: open(path, clock.now())?, clock })
    }

    #[getter]
    fn shared(&self) -> bool {
        self.place.is_shared()
    }

    fn admit(&self) -> (&'static str, u64, u64) {
        let act = |breaker: &mut core::Breaker, caller: &Caller<'_>| match breaker.admit(
            caller.now,
            caller.owner,
            caller.alive,
        ) {
            Admitted::Yes => ("closed", 0, 0),
            Admitted::Probe => ("half-open", 0, 0),
            Admitted::No { since, until } => {
                ("open", caller.now.saturating_sub(since), until.saturating_sub(caller.now))
            }
        };
        self.with(act).unwrap_or(("closed", 0, 0))
    }

    fn succeeded(&self) {
        self.with(|breaker, _| breaker.succeeded());
    }

    fn failed(&self) {
        self.with(|breaker, caller| breaker.failed(caller.now));
    }

    fn abandoned(&self) {
        self.with(|breaker, caller| breaker.abandoned(caller.owner));
    }

    fn state(&self) -> (u64, Option<(u64, u64)>) {
        let act = |breaker: &mut core::Breaker, caller: &Caller<'_>| {
            let (failures, open) = breaker.state();
            let relative =
                |(since, until): (u64, u64)| (caller.now.saturating_sub(since), until.saturating_sub(caller.now));
            (failures, open.map(relative))
        };
        self.with(act).unwrap_or((0, None))
    }
}
