//! What the threads of a run share: how far it is, what has finished, when to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::queue::Queue;
use super::run::InFlight;
use super::source::{self, Spindles, Stat};
use super::walk::describe;
use super::worker::Worker;
use super::{Job, Mode, Options, Outcome};
use crate::gguf;

/// Outcomes that may wait to be taken: a header with all its tensors is not small.
const MAX_WAITING: usize = 256;
/// Between two looks at the world by a thread that waits.
pub(super) const NAP: Duration = Duration::from_millis(20);

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What the threads of a run share.
pub(super) struct Shared {
    pub(super) jobs: Vec<Job>,
    pub(super) options: Options,
    pub(super) threads: usize,
    pub(super) chunk: usize,
    pub(super) spindles: Spindles,
    pub(super) bytes_total: u64,
    pub(super) bytes_done: AtomicU64,
    /// Bytes that files in lanes, or waiting for one, still have.
    pub(super) remaining: AtomicU64,
    pub(super) files_done: AtomicUsize,
    pub(super) threads_live: AtomicUsize,
    /// Threads with nothing to do: the others look whether they can hand lanes over.
    pub(super) idle: AtomicUsize,
    pub(super) cancelled: AtomicBool,
    pub(super) panicked: AtomicBool,
    pub(super) queue: Mutex<Queue>,
    pub(super) wake: Condvar,
    pub(super) outcomes: Mutex<Vec<Outcome>>,
    pub(super) ready: Condvar,
    pub(super) taken: Condvar,
    pub(super) in_flight: Vec<Mutex<Vec<InFlight>>>,
    /// When what has been read is within [`Options::max_rate`].
    next_read: Mutex<Instant>,
}

impl Shared {
    pub(super) fn new(jobs: Vec<Job>, options: Options, threads: usize, chunk: usize) -> Shared {
        let sizes =
            |wanted: fn(Mode) -> bool| jobs.iter().filter(move |job| wanted(job.mode)).map(|job| job.size).sum();
        let (remaining, bytes_total) = (sizes(|mode| mode == Mode::Sha256), sizes(|mode| mode != Mode::Scan));
        let queue = Queue::new(&jobs);
        Shared {
            jobs,
            options,
            threads,
            chunk,
            spindles: Spindles::default(),
            bytes_total,
            bytes_done: AtomicU64::new(0),
            remaining: AtomicU64::new(remaining),
            files_done: AtomicUsize::new(0),
            threads_live: AtomicUsize::new(threads),
            idle: AtomicUsize::new(0),
            cancelled: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
            queue: Mutex::new(queue),
            wake: Condvar::new(),
            outcomes: Mutex::new(Vec::new()),
            ready: Condvar::new(),
            taken: Condvar::new(),
            in_flight: (0..threads).map(|_| Mutex::default()).collect(),
            next_read: Mutex::new(Instant::now()),
        }
    }

    /// A thread's life.
    pub(super) fn work(self: &Arc<Shared>, thread: usize) {
        let worker = std::panic::AssertUnwindSafe(|| Worker::new(self, thread).work());
        if std::panic::catch_unwind(worker).is_err() {
            self.panicked.store(true, Relaxed);
            self.cancelled.store(true, Relaxed);
            self.wake.notify_all();
        }
        lock(&self.in_flight[thread]).clear();
        let _outcomes = lock(&self.outcomes);
        self.threads_live.fetch_sub(1, Relaxed);
        self.ready.notify_all();
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Relaxed)
    }

    /// Counts `bytes` as read.
    pub(super) fn advanced(&self, bytes: u64) {
        self.bytes_done.fetch_add(bytes, Relaxed);
    }

    /// Counts `bytes` of a file in a lane as read, or as never to be read.
    pub(super) fn lane_advanced(&self, bytes: u64) {
        self.advanced(bytes);
        // Sizes may have changed since they were added up: the count ends at 0, not below.
        let _ = self.remaining.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(bytes)));
    }

    /// Shows what `thread` reads.
    pub(super) fn show(&self, thread: usize, files: impl Iterator<Item = InFlight>) {
        let mut shown = lock(&self.in_flight[thread]);
        shown.clear();
        shown.extend(files);
    }

    /// A job has ended. Waits where nobody takes outcomes.
    pub(super) fn done(&self, outcome: Outcome) {
        self.files_done.fetch_add(1, Relaxed);
        let mut outcomes = lock(&self.outcomes);
        while outcomes.len() >= MAX_WAITING && !self.is_cancelled() {
            outcomes = self.taken.wait_timeout(outcomes, NAP).expect("no panic under this lock").0;
        }
        outcomes.push(outcome);
        self.ready.notify_all();
    }

    pub(super) fn failed(&self, index: usize, error: &std::io::Error) {
        self.done(Outcome { index, error: Some(describe(error)), ..Outcome::default() });
    }

    /// A job of [`Mode::Scan`].
    pub(super) fn scan(&self, index: usize) {
        let scanned = source::open(&self.jobs[index].path).and_then(|(file, stat)| {
            let scan = gguf::scan(&file)?;
            if Stat::of(&file.metadata()?) == stat { Ok((stat, scan)) } else { Err(source::was_changed()) }
        });
        match scanned {
            Ok((stat, scan)) => {
                let scan = Some(scan.compact());
                self.done(Outcome { index, stat: Some(stat), scan, ..Outcome::default() });
            }
            Err(error) => self.failed(index, &error),
        }
    }

    /// Sleeps until reading `bytes`, as has been done, is within the rate.
    pub(super) fn pace(&self, bytes: usize) {
        let Some(rate) = self.options.max_rate else { return };
        let until = {
            let mut next = lock(&self.next_read);
            *next = (*next).max(Instant::now()) + Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
            *next
        };
        while !self.is_cancelled() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(NAP));
        }
    }
}
