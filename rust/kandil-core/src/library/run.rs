//! One run over a list of jobs, as its caller sees it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::aside;
use super::shared::{Shared, lock};
use super::{CHUNK, Job, Mode, Options, Outcome};
use crate::sha256::BLOCK;
use crate::sha256::lanes::plan;

/// The smallest buffer of a lane, where memory is scarce.
const MIN_CHUNK: usize = 8 << 10;
/// The longest that a call waits for an outcome.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

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
