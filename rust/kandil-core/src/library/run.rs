//! One run over a list of jobs: what its threads share.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::aside::{self, Aside};
use super::recheck::{Piece, Recheck};
use super::schedule::{self, Load};
use super::source::{self, Spindles, Stat};
use super::walk::describe;
use super::worker::{FileLane, Worker};
use super::{CHUNK, Job, Mode, Options, Outcome};
use crate::gguf;
use crate::sha256::BLOCK;
use crate::sha256::lanes::plan;

/// The smallest buffer of a lane, where memory is scarce.
const MIN_CHUNK: usize = 8 << 10;
/// Outcomes that may wait to be taken: a header with all its tensors is not small.
const MAX_WAITING: usize = 256;
/// The longest that a call waits for an outcome.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// Between two looks at the world by a thread that waits.
const NAP: Duration = Duration::from_millis(20);

/// How far a run is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Bytes read, of files that are done and of those in flight.
    pub bytes_done: u64,
    /// Bytes to read in all, by the sizes in the jobs.
    pub bytes_total: u64,
    /// Jobs with an outcome.
    pub files_done: usize,
    /// The files being read.
    pub lanes: Vec<InFlight>,
}

/// A file being read.
#[derive(Clone, Copy, Debug)]
pub struct InFlight {
    /// The thread, from 0.
    pub thread: usize,
    /// The job's place in the list.
    pub index: usize,
    /// Bytes read.
    pub done: u64,
    /// Its size.
    pub size: u64,
}

/// A run in progress. Dropping it cancels it.
pub struct Run {
    shared: Arc<Shared>,
}

impl Run {
    /// Starts the threads, or as many of them as the system allows.
    ///
    /// # Errors
    ///
    /// The system allows none.
    pub fn start(jobs: Vec<Job>, options: Options) -> io::Result<Run> {
        let cpus = || std::thread::available_parallelism().map_or(1, |n| n.get());
        let wanted = if options.threads == 0 { cpus() } else { options.threads };
        // A file whose BLAKE3 is taken aside has its thread to itself.
        let buffers = plan().width().max(1 + aside::MAX_BUFFERS);
        let fits = options.max_memory / (buffers * (MIN_CHUNK + 2 * BLOCK));
        // A file that is checked again is read on every thread at once, so one job may use them all; else a file has
        // work for one thread, and for another that takes its BLAKE3.
        let again = jobs.iter().any(|job| job.mode == Mode::Blake3);
        let useful = if again { wanted } else { 2 * jobs.len() };
        let threads = wanted.min(fits).min(useful).max(1);
        let chunk = (options.max_memory / (threads * buffers)).saturating_sub(2 * BLOCK).clamp(MIN_CHUNK, CHUNK)
            / BLOCK
            * BLOCK;
        let shared = Arc::new(Shared::new(jobs, options, threads, chunk));
        for thread in 0..threads {
            let thread_shared = shared.clone();
            let builder = std::thread::Builder::new().name(format!("kandil-{thread}"));
            if let Err(error) = builder.spawn(move || thread_shared.work(thread)) {
                let missing = threads - thread;
                if shared.threads_live.fetch_sub(missing, Relaxed) == missing && thread == 0 {
                    return Err(error);
                }
                break;
            }
        }
        Ok(Run { shared })
    }

    /// What has finished since the last call, waiting up to `timeout` for the first.
    ///
    /// # Panics
    ///
    /// When one of the run's threads did, and what was finished before has been taken.
    pub fn take(&self, timeout: Duration) -> Vec<Outcome> {
        let deadline = Instant::now() + timeout.min(LONGEST_WAIT);
        let mut outcomes = lock(&self.shared.outcomes);
        while outcomes.is_empty() && self.shared.threads_live.load(Relaxed) > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            outcomes = self.shared.ready.wait_timeout(outcomes, left).expect("no panic under this lock").0;
        }
        assert!(!outcomes.is_empty() || !self.shared.panicked.load(Relaxed), "a thread of the run panicked");
        self.shared.taken.notify_all();
        std::mem::take(&mut outcomes)
    }

    /// All threads have stopped and every outcome has been taken.
    pub fn finished(&self) -> bool {
        self.shared.threads_live.load(Relaxed) == 0 && lock(&self.shared.outcomes).is_empty()
    }

    /// How far the run is.
    pub fn progress(&self) -> Progress {
        Progress {
            bytes_done: self.shared.bytes_done.load(Relaxed),
            bytes_total: self.shared.bytes_total,
            files_done: self.shared.files_done.load(Relaxed),
            lanes: self.shared.in_flight.iter().flat_map(|lanes| lock(lanes).clone()).collect(),
        }
    }

    /// Gives up the files in flight; the threads stop at the next chunk.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Relaxed);
        self.shared.wake.notify_all();
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What the threads of a run share.
pub(super) struct Shared {
    pub(super) jobs: Vec<Job>,
    pub(super) options: Options,
    pub(super) threads: usize,
    pub(super) chunk: usize,
    pub(super) spindles: Spindles,
    bytes_total: u64,
    bytes_done: AtomicU64,
    /// Bytes that files in lanes, or waiting for one, still have.
    remaining: AtomicU64,
    files_done: AtomicUsize,
    threads_live: AtomicUsize,
    /// Threads with nothing to do: the others look whether they can hand lanes over.
    idle: AtomicUsize,
    cancelled: AtomicBool,
    panicked: AtomicBool,
    queue: Mutex<Queue>,
    wake: Condvar,
    outcomes: Mutex<Vec<Outcome>>,
    ready: Condvar,
    taken: Condvar,
    in_flight: Vec<Mutex<Vec<InFlight>>>,
    /// When what has been read is within [`Options::max_rate`].
    next_read: Mutex<Instant>,
}

/// The work that waits.
struct Queue {
    /// Jobs of [`Mode::Sha256`], longest first.
    hash: VecDeque<usize>,
    /// Lanes that a thread gave away.
    given: Vec<FileLane>,
    /// Files of which buffers wait for BLAKE3.
    aside: VecDeque<Arc<Aside>>,
    /// Other jobs, longest first.
    other: VecDeque<usize>,
    /// Files that are being checked again, and may have pieces left to hand out.
    rechecks: VecDeque<Arc<Recheck>>,
    /// Files in lanes, those in `given` included.
    live: usize,
    /// Files that are being opened, and may bring work for others.
    opening: usize,
}

/// A job for a lane.
pub(super) struct Admitted {
    pub(super) index: usize,
    /// The lanes that the thread is expected to keep.
    pub(super) lanes: usize,
    /// Whether other threads have no file of their own.
    pub(super) idle: bool,
}

/// Work for a thread without lanes.
pub(super) enum Task {
    Lanes(Vec<FileLane>),
    Aside(Arc<Aside>),
    Piece(Piece),
    Done,
}

impl Shared {
    fn new(jobs: Vec<Job>, options: Options, threads: usize, chunk: usize) -> Shared {
        let mut order: Vec<usize> = (0..jobs.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(jobs[index].size));
        let (hash, other): (VecDeque<usize>, VecDeque<usize>) =
            order.into_iter().partition(|&index| jobs[index].mode == Mode::Sha256);
        let remaining = hash.iter().map(|&index| jobs[index].size).sum();
        let bytes_total = jobs.iter().filter(|job| job.mode != Mode::Scan).map(|job| job.size).sum();
        let queue = Queue {
            hash,
            given: Vec::new(),
            aside: VecDeque::new(),
            other,
            rechecks: VecDeque::new(),
            live: 0,
            opening: 0,
        };
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
    fn work(self: &Arc<Shared>, thread: usize) {
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

    /// The next job for a thread whose `lanes` files have `longest` bytes left at most, if it should fill another lane.
    pub(super) fn admit(&self, lanes: usize, longest: u64) -> Option<Admitted> {
        if lanes >= plan().width() {
            return None;
        }
        let mut queue = lock(&self.queue);
        let &index = queue.hash.front()?;
        let load = Load {
            longest: longest.max(self.jobs[index].size),
            total: self.remaining.load(Relaxed),
            files: queue.live + queue.hash.len(),
            threads: self.threads,
        };
        let expected = schedule::lanes(plan(), load);
        if lanes > 0 && lanes >= expected {
            return None;
        }
        queue.hash.pop_front();
        queue.live += 1;
        Some(Admitted { index, lanes: expected.max(lanes + 1), idle: load.files < self.threads })
    }

    /// Work for a thread whose lanes are empty; waits until there is some, or none will come.
    pub(super) fn next(&self) -> Task {
        let mut queue = lock(&self.queue);
        loop {
            if self.is_cancelled() {
                return Task::Done;
            }
            if !queue.hash.is_empty() || !queue.given.is_empty() {
                return Task::Lanes(std::mem::take(&mut queue.given));
            }
            if let Some(aside) = queue.aside.pop_front() {
                return Task::Aside(aside);
            }
            while let Some(recheck) = queue.rechecks.front() {
                match recheck.next_piece() {
                    Some(piece) => return Task::Piece(piece),
                    None => drop(queue.rechecks.pop_front()),
                }
            }
            if let Some(index) = queue.other.pop_front() {
                // Opening may take long: the others go on meanwhile.
                queue.opening += 1;
                drop(queue);
                let piece = self.open_other(index);
                queue = lock(&self.queue);
                queue.opening -= 1;
                self.wake.notify_all();
                match piece {
                    Some(piece) => return Task::Piece(piece),
                    None => continue,
                }
            }
            if queue.live == 0 && queue.opening == 0 {
                self.wake.notify_all();
                return Task::Done;
            }
            self.idle.fetch_add(1, Relaxed);
            queue = self.wake.wait_timeout(queue, NAP).expect("no panic under this lock").0;
            self.idle.fetch_sub(1, Relaxed);
        }
    }

    /// The first piece of a file that has no lane; the others may take the next ones.
    fn open_other(&self, index: usize) -> Option<Piece> {
        let job = &self.jobs[index];
        if job.mode == Mode::Scan {
            return Some(Piece::Scan(index));
        }
        match source::open(&job.path).and_then(|(file, stat)| Recheck::new(index, file, stat)) {
            Ok(recheck) => {
                let recheck = Arc::new(recheck);
                let piece = recheck.next_piece();
                lock(&self.queue).rechecks.push_back(recheck);
                piece
            }
            Err(error) => {
                self.advanced(job.size);
                self.failed(index, &error);
                None
            }
        }
    }

    /// Buffers of a file wait for BLAKE3: an idle thread should come.
    pub(super) fn call(&self, aside: &Arc<Aside>) {
        lock(&self.queue).aside.push_back(aside.clone());
        self.wake.notify_one();
    }

    /// Whether a thread waits for work that only another thread's lanes can give it.
    pub(super) fn someone_is_idle(&self) -> bool {
        self.idle.load(Relaxed) > 0
    }

    /// Hands `lanes` to an idle thread, unless others did before.
    pub(super) fn give(&self, lanes: &mut Vec<FileLane>, keep: usize) {
        let mut queue = lock(&self.queue);
        if queue.given.is_empty() && queue.hash.is_empty() {
            queue.given = lanes.split_off(keep);
            self.wake.notify_one();
        }
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

    /// A lane's job has ended.
    pub(super) fn lane_ended(&self, outcome: Outcome) {
        let mut queue = lock(&self.queue);
        queue.live -= 1;
        if queue.live == 0 && queue.hash.is_empty() {
            self.wake.notify_all();
        }
        drop(queue);
        self.done(outcome);
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
