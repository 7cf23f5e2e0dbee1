//! Drives a run on the transport's thread: sends what it gives, tells it what came, and talks with whoever decides.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::HeaderMap;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::histogram::Histogram;
use super::run::{Counts, Decision, End, LaneEnd, LaneStats, Run, Sink, Step, Trouble};
use crate::bucket::now;
use crate::transport::{Client, Waker};

/// How often it is told how far the run is, in nanoseconds.
const NEWS: u64 = 100_000_000;
/// Waking up costs more than a shorter one saves.
const SHORTEST_REST: u64 = 100_000;
/// How long the thread sleeps at most: clocks that go on while the machine sleeps are looked at again.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How far a run is.
#[derive(Clone, Debug)]
pub struct News {
    /// What was done.
    pub counts: Counts,
    /// Requests under way.
    pub running: usize,
    /// Each lane's, in their order.
    pub lanes: Vec<LaneStats>,
}

/// How a run ended.
pub struct Ended {
    /// Why nothing more was sent; None: a bug, its task ended before its time.
    pub end: Option<End>,
    /// Each lane's own end, in their order.
    pub lanes: Vec<Option<LaneEnd>>,
    /// The lanes all of whose rows have an end.
    pub done: Vec<bool>,
    /// Nanoseconds to answers.
    pub times: Histogram,
    /// To be closed by whoever made it.
    pub sink: Option<Box<dyn Sink + Send>>,
}

/// What the run has for whoever decides.
#[derive(Default)]
pub struct Outbox {
    /// Each is to be decided about: [`Link::decide`].
    pub troubles: Vec<Trouble>,
    /// By lane: headers that speak of limits.
    pub learned: Vec<(usize, HeaderMap)>,
    /// The newest.
    pub news: Option<News>,
    /// The lanes that want more rows: [`Link::feed`].
    pub dry: Vec<usize>,
    /// Set once, at the end.
    pub ended: Option<Ended>,
}

#[derive(Default)]
struct Inbox {
    decided: Vec<(Trouble, Decision)>,
    fed: Vec<usize>,
    stop: bool,
    abort: bool,
}

/// Between a run's task and whoever decides, who may be on another thread.
pub struct Link {
    inbox: Mutex<Inbox>,
    outbox: Mutex<Outbox>,
    called: Notify,
    waker: Arc<Waker>,
}

impl Link {
    /// `waker` is woken when there is something in the outbox to do.
    #[must_use]
    pub fn new(waker: Arc<Waker>) -> Link {
        Link { inbox: Mutex::default(), outbox: Mutex::default(), called: Notify::new(), waker }
    }

    /// What there is; it is the caller's now.
    pub fn take(&self) -> Outbox {
        std::mem::take(&mut lock(&self.outbox))
    }

    /// What becomes of rows in trouble.
    pub fn decide(&self, decided: impl IntoIterator<Item = (Trouble, Decision)>) {
        lock(&self.inbox).decided.extend(decided);
        self.called.notify_one();
    }

    /// A lane's source has more, or its end.
    pub fn feed(&self, lane: usize) {
        lock(&self.inbox).fed.push(lane);
        self.called.notify_one();
    }

    /// Nothing more is sent; what is under way is waited for.
    pub fn stop(&self) {
        lock(&self.inbox).stop = true;
        self.called.notify_one();
    }

    /// What is under way is not waited for, either.
    pub fn abort(&self) {
        lock(&self.inbox).abort = true;
        self.called.notify_one();
    }

    /// Whether to go on.
    fn obey(&self, run: &mut Run) -> bool {
        let Inbox { decided, fed, stop, abort } = std::mem::take(&mut *lock(&self.inbox));
        let now = now();
        for (trouble, decision) in decided {
            run.decide(trouble, now, decision);
        }
        fed.into_iter().for_each(|lane| run.fed(lane));
        if stop || abort {
            run.stop();
        }
        !abort
    }

    /// Tells what is new; wakes who waits for it if there is something to be done.
    fn tell(&self, run: &mut Run, told: &mut u64) {
        let (troubles, now) = (run.take_troubles(), now());
        let due = now.saturating_sub(*told) >= NEWS;
        let dry = run.take_dry();
        if troubles.is_empty() && dry.is_empty() && !due {
            return;
        }
        let mut outbox = lock(&self.outbox);
        if due {
            *told = now;
            outbox.learned.extend(run.take_headers());
            outbox.news = Some(news(run));
        }
        let wake = !troubles.is_empty() || !dry.is_empty() || !outbox.learned.is_empty();
        outbox.troubles.extend(troubles);
        outbox.dry.extend(dry);
        drop(outbox);
        if wake {
            self.waker.wake();
        }
    }
}

/// Says that the task is over, however it ends.
struct Guard(Arc<Link>);

impl Drop for Guard {
    fn drop(&mut self) {
        let mut outbox = lock(&self.0.outbox);
        outbox.ended.get_or_insert_with(|| Ended {
            end: None,
            lanes: Vec::new(),
            done: Vec::new(),
            times: Histogram::default(),
            sink: None,
        });
        drop(outbox);
        self.0.waker.wake();
    }
}

/// Until every row has its end, or somebody says [`Link::stop`] or [`Link::abort`].
pub async fn drive(client: Rc<Client>, mut run: Run, link: Arc<Link>) {
    let guard = Guard(link);
    let link = &guard.0;
    let mut under_way = FuturesUnordered::new();
    let mut told = 0;
    while link.obey(&mut run) {
        let time = now();
        let until = loop {
            match run.step(time) {
                Step::Send(id, request) => {
                    let client = &client;
                    under_way.push(async move { (id, client.send(request).await) });
                }
                Step::Wait(until) => break Some(until),
                Step::Done => break None,
            }
        };
        link.tell(&mut run, &mut told);
        let rest = run.rest();
        if rest >= SHORTEST_REST {
            std::thread::sleep(Duration::from_nanos(rest)); // all that this thread has to do can wait as long
        }
        let Some(until) = until else { break };
        let nap = until.map_or(LONGEST_SLEEP, |until| Duration::from_nanos(until.saturating_sub(now())));
        let run = RefCell::new(&mut run);
        tokio::select! {
            biased;
            () = poll_fn(|context| {
                let mut any = false;
                while let Poll::Ready(Some((id, result))) = under_way.poll_next_unpin(context) {
                    run.borrow_mut().answered(id, now(), result);
                    any = true;
                }
                if any { Poll::Ready(()) } else { Poll::Pending }
            }) => {}
            () = link.called.notified() => {}
            () = sleep(nap.min(LONGEST_SLEEP)) => {}
        }
    }
    drop(under_way);
    let mut outbox = lock(&link.outbox);
    outbox.news = Some(news(&run));
    outbox.learned.extend(run.take_headers());
    outbox.ended = Some(Ended {
        end: Some(run.end().clone()),
        lanes: run.lanes().iter().map(|lane| lane.end().cloned()).collect(),
        done: run.lanes().iter().map(super::run::Lane::is_done).collect(),
        times: run.times().clone(),
        sink: Some(run.into_sink()),
    });
}

fn news(run: &Run) -> News {
    News {
        counts: run.counts(),
        running: run.running(),
        lanes: run.lanes().iter().map(super::run::Lane::stats).collect(),
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
