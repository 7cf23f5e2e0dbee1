//! A run under way: what it asks and tells goes to Python, what Python decides to it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderValue};
use kandil_core::batch::drive::{Link, Outbox, drive};
use kandil_core::batch::histogram::Histogram;
use kandil_core::batch::row::Form;
use kandil_core::batch::run::{
    Decision, End, Failure, Health, Lane, LaneEnd, Policy, Pulled, Recorded as Line, Run, Sink, Source, Task, Trouble,
    Verdict, What,
};
use kandil_core::batch::schema::Schema;
use kandil_core::batch::writer::{Writer, WriterError};
use kandil_core::transport::{Settings, Thread, Waker};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::batch::{BatchForm, BatchIndex, lock, os_error};
use crate::batch_lane::{BatchLane, seconds};

/// Rows that a fed lane has in store; fewer, and more are asked for.
const STORE: usize = 2048;
/// Lines that wait for Python, after which nothing new is sent.
const UNTAKEN: usize = 4096;

/// An origin, and its proxy's scheme, host, port, name and password.
type ProxyOf = (String, String, String, u16, Option<(String, String)>);

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
        proxies: Vec<ProxyOf>,
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
        let mut settings = Settings::default();
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

fn opened(output: &Path, errors: &Path) -> PyResult<Writer> {
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
