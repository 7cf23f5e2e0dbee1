//! Who works on what: jobs, lanes and pieces that wait for a thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::aside::Aside;
use super::recheck::{Piece, Recheck};
use super::schedule::{self, Load};
use super::shared::{NAP, Shared, lock};
use super::source;
use super::worker::FileLane;
use super::{Job, Mode, Outcome};
use crate::sha256::lanes::plan;

/// The work that waits.
pub(super) struct Queue {
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

impl Queue {
    /// All jobs, none of them begun.
    pub(super) fn new(jobs: &[Job]) -> Queue {
        let mut order: Vec<usize> = (0..jobs.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(jobs[index].size));
        let (hash, other) = order.into_iter().partition(|&index| jobs[index].mode == Mode::Sha256);
        let (given, aside, rechecks) = (Vec::new(), VecDeque::new(), VecDeque::new());
        Queue { hash, given, aside, other, rechecks, live: 0, opening: 0 }
    }
}

impl Shared {
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
}
