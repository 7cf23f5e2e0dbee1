//! Batches of completions: see `kandil_core::batch`. Python configures a run, decides about rows in trouble, and shows.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use kandil_core::batch::cache::Cache;
use kandil_core::batch::drive::{Link, Outbox, drive};
use kandil_core::batch::histogram::Histogram;
use kandil_core::batch::index::{self as core_index, IndexError, LaneRows, Shard};
use kandil_core::batch::lock::{Lock, LockError};
use kandil_core::batch::protocol::{Protocol, Target};
use kandil_core::batch::recorded::{self as core_recorded, RecordedError};
use kandil_core::batch::row::Form;
use kandil_core::batch::run::{
    Decision, End, Failure, Health, Lane, LaneEnd, Policy, Prices, Pulled, Recorded as Line, Run, Settings, Sink,
    Source, Task, Trouble, Verdict, What,
};
use kandil_core::batch::schema::Schema;
use kandil_core::batch::template::Template;
use kandil_core::batch::writer::{Writer, WriterError};
use kandil_core::transport::{Deadlines, Settings as TransportSettings, Thread, Waker};
use memchr::memmem::Finder;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde_json::value::RawValue;

use crate::bucket::{Breaker, Bucket};

/// Rows that a fed lane has in store; fewer, and more are asked for.
const STORE: usize = 2048;
/// Lines that wait for Python, after which nothing new is sent.
const UNTAKEN: usize = 4096;

/// What the lines of a batch are.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct BatchForm(pub(crate) Arc<Form>);

#[pymethods]
impl BatchForm {
    #[new]
    #[pyo3(signature = (*, text = false, template = None, system = None, defaults = None, model = None))]
    fn new(
        text: bool,
        template: Option<&str>,
        system: Option<String>,
        defaults: Option<Vec<(String, String)>>,
        model: Option<String>,
    ) -> PyResult<BatchForm> {
        let template = template.map(Template::new).transpose().map_err(PyValueError::new_err)?;
        let raw = |(name, json): (String, String)| Ok((name, RawValue::from_string(json)?));
        let defaults: Result<_, serde_json::Error> = defaults.unwrap_or_default().into_iter().map(raw).collect();
        let defaults = defaults.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(BatchForm(Arc::new(Form { text, template, system, defaults, model })))
    }
}

/// An output that no other process writes to, or mends.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct BatchLock(Mutex<Option<Lock>>);

#[pymethods]
impl BatchLock {
    #[new]
    fn new(output: PathBuf) -> PyResult<BatchLock> {
        match Lock::take(&output) {
            Ok(lock) => Ok(BatchLock(Mutex::new(Some(lock)))),
            Err(LockError::Io(path, error)) => Err(os_error(error, &path)),
            Err(LockError::Held(process)) => Err(PyValueError::new_err(("busy", process))),
        }
    }

    fn release(&self) {
        drop(lock(&self.0).take());
    }
}

/// What outputs already hold.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct BatchRecorded(pub(crate) core_recorded::Recorded);

#[pymethods]
impl BatchRecorded {
    /// Reads the outputs of a former run, and mends them if so.
    #[staticmethod]
    #[pyo3(signature = (output, errors, *, mend))]
    fn read(py: Python<'_>, output: PathBuf, errors: PathBuf, mend: bool) -> PyResult<BatchRecorded> {
        let read = if mend { core_recorded::Recorded::read } else { core_recorded::Recorded::look };
        py.detach(|| read(&output, &errors)).map(BatchRecorded).map_err(|error| match error {
            RecordedError::Io(path, error) => os_error(error, &path),
            RecordedError::Foreign(path, line) => PyValueError::new_err((path, line)),
        })
    }

    #[getter]
    fn rows(&self) -> usize {
        self.0.entries.len()
    }

    #[getter]
    fn failed(&self) -> usize {
        self.0.entries.iter().filter(|entry| entry.failed).count()
    }

    /// Of prompts, of these from caches, of answers.
    #[getter]
    fn tokens(&self) -> (u64, u64, u64) {
        (self.0.input_tokens, self.0.cached_tokens, self.0.output_tokens)
    }

    #[getter]
    fn torn_bytes(&self) -> u64 {
        self.0.torn_bytes
    }

    #[getter]
    fn damaged(&self) -> u64 {
        self.0.damaged
    }

    #[getter]
    fn repeated(&self) -> u64 {
        self.0.repeated
    }
}

/// Where in a file the rows are.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct BatchIndex(pub(crate) Arc<core_index::Index>);

#[pymethods]
impl BatchIndex {
    /// One pass over the file.
    #[staticmethod]
    #[pyo3(signature = (path, form, recorded, shard = None))]
    fn scan(
        py: Python<'_>,
        path: PathBuf,
        form: &BatchForm,
        recorded: &BatchRecorded,
        shard: Option<(u64, u64)>,
    ) -> PyResult<BatchIndex> {
        let shard = shard.map(|(number, of)| Shard { number, of });
        py.detach(|| core_index::Index::scan(&path, &form.0, &recorded.0, shard))
            .map(|index| BatchIndex(Arc::new(index)))
            .map_err(|error| match error {
                IndexError::Io(error) => os_error(error, &path),
                IndexError::Duplicate(id, first, second) => PyValueError::new_err(("duplicate", id, first, second)),
                IndexError::TooManyModels => PyValueError::new_err("too-many-models"),
                IndexError::NotAFile => PyValueError::new_err("not-a-file"),
            })
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Of each model: its name, rows, done, input tokens, largest input, output tokens, rows without a longest answer.
    #[allow(clippy::type_complexity)]
    #[getter]
    fn lanes(&self) -> Vec<(Option<String>, u64, u64, u64, u64, u64, u64)> {
        let lane = |lane: &LaneRows| {
            let LaneRows { model, rows, done, input_tokens, largest_input, output_tokens, unbounded } = lane.clone();
            (model, rows, done, input_tokens, largest_input, output_tokens, unbounded)
        };
        self.0.lanes.iter().map(lane).collect()
    }

    /// How many rows cannot be sent; lines and reasons of the first ones.
    #[getter]
    fn bad(&self) -> (u64, Vec<(u64, String)>) {
        (self.0.bad_rows, self.0.bad.iter().map(|bad| (bad.line, bad.reason.clone())).collect())
    }

    /// How many rows have failed in former runs; of these, those that cannot be sent.
    #[getter]
    fn failed(&self) -> (u64, u64) {
        (self.0.failed, self.0.bad_done)
    }

    /// How many rows were changed since they were answered; the first ones' names.
    #[getter]
    fn changed(&self) -> (u64, Vec<String>) {
        (self.0.changed_rows, self.0.changed.clone())
    }

    #[getter]
    fn elsewhere(&self) -> u64 {
        self.0.elsewhere
    }

    #[getter]
    fn left_out(&self) -> Vec<String> {
        self.0.left_out.iter().cloned().collect()
    }
}

/// Takes these rows out of a file of results: all that failed, or all that were changed.
#[pyfunction]
pub(crate) fn batch_drop(
    py: Python<'_>,
    path: PathBuf,
    recorded: &BatchRecorded,
    changed: Option<(PathBuf, Py<BatchForm>)>,
) -> PyResult<()> {
    let drop: Box<dyn Fn(&[u8; 16]) -> bool + Send + Sync> = match changed {
        None => Box::new(|id| recorded.0.find(id).is_some_and(|entry| entry.failed)),
        Some((input, form)) => {
            let form = Arc::clone(&form.get().0);
            let ids = py.detach(|| core_index::changed(&input, &form, &recorded.0)).map_err(PyOSError::new_err)?;
            Box::new(move |id| ids.binary_search(id).is_ok())
        }
    };
    py.detach(|| core_recorded::drop_rows(&path, &drop)).map_err(|error| os_error(error, &path))
}

/// One model of a run.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct BatchLane {
    /// Until the run takes them.
    settings: Mutex<Option<Settings>>,
    cache: Mutex<Option<Cache>>,
    first: usize,
    most: usize,
}

#[pymethods]
impl BatchLane {
    #[new]
    #[pyo3(signature = (
        name, *, protocol, model, urls, headers, bucket, breaker, first, most, deadlines, largest_body_bytes, prices,
        usual_output_tokens, most_output_tokens, responses, reasons, temperature_allowed, context_tokens, lacks, secrets,
        may_ask_again, cache = None,
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        name: String,
        protocol: &str,
        model: String,
        urls: [Option<String>; 4],
        headers: Vec<(String, Vec<u8>, bool)>,
        bucket: &Bucket,
        breaker: &Breaker,
        first: usize,
        most: usize,
        deadlines: (f64, f64, f64, Option<f64>),
        largest_body_bytes: u64,
        prices: (u64, u64, u64),
        usual_output_tokens: u64,
        most_output_tokens: u64,
        responses: bool,
        reasons: Option<bool>,
        temperature_allowed: Option<bool>,
        context_tokens: Option<u64>,
        lacks: Vec<String>,
        secrets: Vec<Vec<u8>>,
        may_ask_again: bool,
        cache: Option<(PathBuf, Vec<u8>, u64)>,
    ) -> PyResult<BatchLane> {
        let protocol = match protocol {
            "openai" => Protocol::OpenAi,
            "anthropic" => Protocol::Anthropic,
            "gemini" => Protocol::Gemini,
            "ollama" => Protocol::Ollama,
            other => return Err(PyValueError::new_err(format!("there is no protocol {other}"))),
        };
        let mut parsed = [const { None }; 4];
        for (place, url) in parsed.iter_mut().zip(urls) {
            *place = url.map(|url| url.parse()).transpose().map_err(|_| PyValueError::new_err("this is no URL"))?;
        }
        let (connect, first_byte, idle, total) = deadlines;
        let settings = Settings {
            name,
            target: Target {
                responses,
                reasons,
                temperature_allowed,
                max_output_tokens: Some(most_output_tokens),
                context_tokens,
                lacks,
                ..Target::new(protocol, &model)
            },
            urls: parsed,
            headers: header_map(headers)?,
            deadlines: Deadlines {
                connect: seconds(connect)?,
                first_byte: seconds(first_byte)?,
                idle: seconds(idle)?,
                total: total.map(seconds).transpose()?,
            },
            largest_body: largest_body_bytes,
            bucket: Arc::clone(&bucket.place),
            breaker: Arc::clone(&breaker.place),
            prices: Prices { input: prices.0, cached: prices.1, output: prices.2 },
            usual_output: usual_output_tokens,
            most_output: most_output_tokens,
            secrets: secrets.iter().map(|secret| Finder::new(secret).into_owned()).collect(),
            may_ask_again,
        };
        let cache = cache.map(|(folder, fingerprint, largest_bytes)| {
            Cache::open(&folder, &fingerprint, largest_bytes).map_err(|error| os_error(error, &folder))
        });
        Ok(BatchLane { settings: Mutex::new(Some(settings)), cache: Mutex::new(cache.transpose()?), first, most })
    }
}

fn seconds(given: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(given).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn header_map(given: Vec<(String, Vec<u8>, bool)>) -> PyResult<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value, secret) in given {
        // Neither is repeated: the value may be a key.
        let name = HeaderName::try_from(name).map_err(|_| PyValueError::new_err("this is no name of a header"))?;
        let mut value =
            HeaderValue::try_from(value).map_err(|_| PyValueError::new_err("this cannot stand in a header"))?;
        value.set_sensitive(secret);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Rows that Python gives while the run goes on.
struct Fed {
    form: Arc<Form>,
    store: Arc<Mutex<Store>>,
}

#[derive(Default)]
struct Store {
    lines: VecDeque<Vec<u8>>,
    read: u64,
    ended: bool,
}

impl Source for Fed {
    fn next(&mut self) -> Result<Pulled, String> {
        let mut store = lock(&self.store);
        loop {
            let Some(line) = store.lines.pop_front() else {
                return Ok(if store.ended { Pulled::End } else { Pulled::Dry });
            };
            store.read += 1;
            match self.form.row(&line, store.read, &mut |_| ()) {
                Ok(None) => {}
                Ok(Some(row)) => return Ok(Pulled::Task(row.into())),
                Err(wrong) => {
                    let failure = Failure { code: "invalid_row".to_owned(), message: wrong.message };
                    return Ok(Pulled::Bad(Task::unsent(wrong.custom_id), failure));
                }
            }
        }
    }
}

/// Lines that Python takes.
struct Untaken {
    lines: Arc<Mutex<Vec<Line>>>,
    waker: Arc<Waker>,
}

impl Sink for Untaken {
    fn put(&mut self, line: Line) {
        lock(&self.lines).push(line);
        self.waker.wake();
    }

    fn room(&self) -> bool {
        lock(&self.lines).len() < UNTAKEN
    }
}

/// A run under way, on a thread of its own.
#[pyclass(frozen, module = "kandil._core")]
pub(crate) struct BatchRun {
    link: Arc<Link>,
    waker: Arc<Waker>,
    thread: Mutex<Option<Thread>>,
    writer: Mutex<Option<Writer>>,
    untaken: Arc<Mutex<Vec<Line>>>,
    stores: Vec<Arc<Mutex<Store>>>,
    /// Rows in trouble, by numbers that Python has for them.
    undecided: Mutex<Vec<Option<Trouble>>>,
}

#[pymethods]
impl BatchRun {
    /// With an index, its rows are sent and go to `files`; without, rows are fed and lines are taken.
    #[new]
    #[pyo3(signature = (
        lanes, form, *, index = None, files = None, most_retries, most_reasks = 0, schema = None, budget = None,
        spent = 0, patience_seconds, seed, proxies = Vec::new(),
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        lanes: Vec<Py<BatchLane>>,
        form: &BatchForm,
        index: Option<&BatchIndex>,
        files: Option<(PathBuf, PathBuf)>,
        most_retries: u32,
        most_reasks: u32,
        schema: Option<&[u8]>,
        budget: Option<u64>,
        spent: u64,
        patience_seconds: f64,
        seed: u64,
        proxies: Vec<(String, String, String, u16, Option<(String, String)>)>,
    ) -> PyResult<BatchRun> {
        let waker = Arc::new(Waker::new()?);
        let schema = schema.map(Schema::new).transpose().map_err(|error| PyValueError::new_err(error.to_string()))?;
        let mut stores = Vec::new();
        let mut made = Vec::with_capacity(lanes.len());
        for (number, lane) in lanes.iter().enumerate() {
            let lane = lane.get();
            let settings = lock(&lane.settings).take();
            let settings = settings.ok_or_else(|| PyRuntimeError::new_err("a run has this lane already"))?;
            let source: Box<dyn Source + Send> = if let Some(index) = index {
                Box::new(index.0.cursor(&form.0, number)?)
            } else {
                let store = Arc::<Mutex<Store>>::default();
                stores.push(Arc::clone(&store));
                Box::new(Fed { form: Arc::clone(&form.0), store })
            };
            made.push(Lane::new(settings, source, lane.first, lane.most).with_cache(lock(&lane.cache).take()));
        }
        let untaken = Arc::<Mutex<Vec<Line>>>::default();
        let writer = files.map(|(output, errors)| opened(&output, &errors)).transpose()?;
        let sink: Box<dyn Sink + Send> = match &writer {
            Some(writer) => Box::new(writer.sink()),
            None => Box::new(Untaken { lines: Arc::clone(&untaken), waker: Arc::clone(&waker) }),
        };
        let patience = u64::try_from(seconds(patience_seconds)?.as_nanos()).unwrap_or(u64::MAX);
        let policy = Policy { most_retries, most_reasks, budget, spent, patience, seed };
        let run = Run::new(made, policy, schema, sink);
        let mut settings = TransportSettings::default();
        for (origin, scheme, host, port, user) in proxies {
            settings.proxies.insert(origin, crate::transport::proxy(&scheme, host, port, user)?);
        }
        let thread = py.detach(|| Thread::start(settings)).map_err(|fault| PyOSError::new_err(fault.to_string()))?;
        let link = Arc::new(Link::new(Arc::clone(&waker)));
        let own = Arc::clone(&link);
        thread.spawn(move |client| drive(client, run, own));
        Ok(BatchRun {
            link,
            waker,
            thread: Mutex::new(Some(thread)),
            writer: Mutex::new(writer),
            untaken,
            stores,
            undecided: Mutex::default(),
        })
    }

    /// Readable when there is something to take.
    fn fileno(&self) -> i32 {
        self.waker.fileno()
    }

    /// What there is: see `_core.pyi`.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.waker.drain();
        let Outbox { troubles, learned, news, dry, ended } = self.link.take();
        let all = PyDict::new(py);
        all.set_item("troubles", self.numbered(py, troubles)?)?;
        let learned = learned.into_iter().map(|(lane, headers)| (lane, pairs(&headers)));
        all.set_item("learned", learned.collect::<Vec<_>>())?;
        all.set_item("dry", dry)?;
        let lines = std::mem::take(&mut *lock(&self.untaken));
        let lines = lines.into_iter().map(|line| (line.ok, PyBytes::new(py, &line.line)));
        all.set_item("lines", lines.collect::<Vec<_>>())?;
        all.set_item(
            "written",
            lock(&self.writer).as_ref().map(|writer| (writer.written().lines, writer.written().synced)),
        )?;
        if let Some(news) = news {
            let counts = news.counts;
            let told = PyDict::new(py);
            for (name, count) in [
                ("answered", counts.answered),
                ("failed", counts.failed),
                ("sent", counts.sent),
                ("retried", counts.retried),
                ("cached", counts.cached),
                ("reasked", counts.reasked),
                ("limited", counts.limited),
                ("input_tokens", counts.input_tokens),
                ("output_tokens", counts.output_tokens),
                ("spent", counts.spent),
                ("running", news.running as u64),
            ] {
                told.set_item(name, count)?;
            }
            let now = kandil_core::bucket::now();
            let lanes = news.lanes.into_iter().map(|lane| {
                let quiet = lane.quiet_until.saturating_sub(now);
                let down = lane.down_since.map(|since| now.saturating_sub(since));
                (lane.window, lane.running, lane.waiting, quiet, down)
            });
            told.set_item("lanes", lanes.collect::<Vec<_>>())?;
            all.set_item("news", told)?;
        }
        if let Some(ended) = ended {
            let told = PyDict::new(py);
            let (word, why) = end(ended.end);
            told.set_item("end", word)?;
            told.set_item("why", why)?;
            told.set_item("lanes", ended.lanes.into_iter().map(lane_end).collect::<Vec<_>>())?;
            told.set_item("done", ended.done)?;
            told.set_item("seconds", quantiles(&ended.times))?;
            all.set_item("ended", told)?;
        }
        Ok(all)
    }

    /// What becomes of rows in trouble: number, verdict, health, seconds to wait, seconds for all, code, message.
    #[allow(clippy::type_complexity)]
    fn decide(&self, decided: Vec<(usize, String, String, f64, Option<f64>, String, String)>) -> PyResult<()> {
        let mut undecided = lock(&self.undecided);
        let mut all = Vec::with_capacity(decided.len());
        for (number, verdict, health, wait, floor, code, message) in decided {
            let Some(trouble) = undecided.get_mut(number).and_then(Option::take) else {
                return Err(PyValueError::new_err("there is no such trouble, or not any more"));
            };
            let decision = Decision {
                verdict: match verdict.as_str() {
                    "retry" => Verdict::Retry,
                    "stop" => Verdict::Stop,
                    _ => Verdict::Fail,
                },
                health: match health.as_str() {
                    "working" => Health::Working,
                    "failing" => Health::Failing,
                    _ => Health::Unknown,
                },
                wait: nanoseconds(wait),
                floor: floor.map(nanoseconds),
                failure: Failure { code, message },
            };
            all.push((trouble, decision));
        }
        if undecided.iter().all(Option::is_none) {
            undecided.clear();
        }
        drop(undecided);
        self.link.decide(all);
        Ok(())
    }

    /// More rows of a lane, and whether these are the last; gives how many more it would take.
    fn feed(&self, lane: usize, lines: Vec<Vec<u8>>, ended: bool) -> PyResult<usize> {
        let store = self.stores.get(lane).ok_or_else(|| PyValueError::new_err("there is no such lane"))?;
        let mut store = lock(store);
        store.lines.extend(lines);
        store.ended |= ended;
        let room = STORE.saturating_sub(store.lines.len());
        drop(store);
        self.link.feed(lane);
        Ok(room)
    }

    fn stop(&self) {
        self.link.stop();
    }

    fn abort(&self) {
        self.link.abort();
    }

    /// Ends the thread; what is not written by now is, or is saved in `rescue`. Lines on the disk, why not all are,
    /// where the others are, how many are nowhere.
    fn close(&self, py: Python<'_>, rescue: PathBuf) -> (u64, Option<String>, Vec<PathBuf>, u64) {
        let (thread, writer) = (lock(&self.thread).take(), lock(&self.writer).take());
        py.detach(|| {
            drop(thread);
            let closed = writer.map(|writer| writer.close(&rescue)).unwrap_or_default();
            (closed.written, closed.failure, closed.rescued, closed.lost)
        })
    }
}

type Told<'py> =
    (usize, usize, Option<(u16, Vec<(String, String)>, Bound<'py, PyBytes>)>, Option<String>, Option<Py<PyAny>>);

impl BatchRun {
    /// Number, lane; then either a refusal (status, headers, body), or why an answer is malformed, or a fault.
    fn numbered<'py>(&self, py: Python<'py>, troubles: Vec<Trouble>) -> PyResult<Vec<Told<'py>>> {
        let mut undecided = lock(&self.undecided);
        let mut told = Vec::with_capacity(troubles.len());
        for trouble in troubles {
            let number = undecided.len();
            let lane = trouble.lane;
            told.push(match &trouble.what {
                What::Refused(answer) => {
                    let body = PyBytes::new(py, &answer.body);
                    (number, lane, Some((answer.status, pairs(&answer.headers), body)), None, None)
                }
                What::Malformed(why, _) => (number, lane, None, Some(why.clone()), None),
                What::Fault(fault) => {
                    (number, lane, None, None, Some(crate::transport::said(py, fault)?.into_any().unbind()))
                }
            });
            undecided.push(Some(trouble));
        }
        Ok(told)
    }
}

fn opened(output: &std::path::Path, errors: &std::path::Path) -> PyResult<Writer> {
    Writer::open(output, errors).map_err(|error| match error {
        WriterError::Io(path, error) => os_error(error, &path),
        WriterError::Busy(path) => PyValueError::new_err(("busy", path)),
    })
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn end(end: Option<End>) -> (&'static str, Option<String>) {
    match end {
        None => ("bug", None),
        Some(End::Finished) => ("finished", None),
        Some(End::Stopped) => ("stopped", None),
        Some(End::Budget) => ("budget", None),
        Some(End::Source(why)) => ("source", Some(why)),
        Some(End::Sink(why)) => ("sink", Some(why)),
    }
}

fn lane_end(end: Option<LaneEnd>) -> Option<(&'static str, String, String)> {
    match end? {
        LaneEnd::Unreachable => Some(("unreachable", String::new(), String::new())),
        LaneEnd::Refused(Failure { code, message }) => Some(("refused", code, message)),
    }
}

/// Seconds: median, 90, 99, 99.9 per cent, all.
fn quantiles(times: &Histogram) -> Option<[f64; 5]> {
    let seconds = |share| times.quantile(share).map(|time| time as f64 / 1e9);
    Some([seconds(0.5)?, seconds(0.9)?, seconds(0.99)?, seconds(0.999)?, seconds(1.0)?])
}

fn nanoseconds(seconds: f64) -> u64 {
    (seconds.clamp(0.0, 86_400.0) * 1e9) as u64
}

pub(crate) fn os_error(error: std::io::Error, path: &std::path::Path) -> PyErr {
    let number = error.raw_os_error().unwrap_or(EIO);
    let said = error.to_string();
    let said = said.split(" (os error").next().unwrap_or_default().to_owned();
    PyOSError::new_err((number, said, path.to_owned()))
}

/// What an error without a number is taken for.
const EIO: i32 = 5;

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<BatchForm>()?;
    m.add_class::<BatchLock>()?;
    m.add_class::<BatchRecorded>()?;
    m.add_class::<BatchIndex>()?;
    m.add_class::<BatchLane>()?;
    m.add_class::<BatchRun>()?;
    m.add_function(wrap_pyfunction!(batch_drop, m)?)
}
