//! One thread of a run: fills its lanes, reads, hashes, scans, and ends them.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use super::aside::Aside;
use super::queue::{Admitted, Task};
use super::run::InFlight;
use super::schedule::{self, BLAKE3_SHARE};
use super::shared::Shared;
use super::source::{Read, Source};
use super::walk::describe;
use super::{Blake3, CHUNK, Outcome};
use crate::gguf::WholeScan;
use crate::sha256::lanes::{self, Lane, plan};
use crate::sha256::{BLOCK, MAX_WIDTH};

/// Between two looks of a thread all of whose files wait for a disk that another thread reads.
const NAP: Duration = Duration::from_millis(2);

/// A file in a lane.
pub(super) struct FileLane {
    index: usize,
    lane: Lane,
    source: Source,
    /// Bytes of the lane's space that are filled so far.
    filled: usize,
    scan: WholeScan,
    beside: Beside,
}

/// Where a file's BLAKE3 is taken.
enum Beside {
    Nowhere,
    /// On the file's own thread.
    Here(Box<blake3::Hasher>),
    /// On idle threads, which have not had the last so many bytes of the lane's buffer.
    Aside(Arc<Aside>, usize),
}

impl FileLane {
    fn remaining(&self) -> u64 {
        self.source.stat().size.saturating_sub(self.lane.length())
    }

    /// Takes what `read` brought; at the end of the file or of the space the lane has blocks.
    fn take(&mut self, count: usize) {
        self.filled += count;
        if count > 0 && self.filled < self.lane.space().len() {
            return;
        }
        let offset = self.lane.length();
        let bytes = self.lane.filled(std::mem::take(&mut self.filled));
        self.scan.feed(offset, bytes);
        match &mut self.beside {
            Beside::Nowhere => {}
            Beside::Here(hasher) => drop(hasher.update(bytes)),
            Beside::Aside(_, owed) => *owed = bytes.len(),
        }
    }

    /// Hands a buffer that has been compressed to the idle threads.
    fn pass_on(&mut self, shared: &Shared) {
        if let Beside::Aside(aside, owed @ 1..) = &mut self.beside {
            let mut buffer = aside.free(self.lane.size());
            self.lane.swap(&mut buffer);
            if aside.push(buffer, std::mem::take(owed)) {
                shared.call(aside);
            }
        }
    }

    fn outcome(mut self) -> (Outcome, Lane) {
        let mut outcome = Outcome { index: self.index, ..Outcome::default() };
        match self.source.finish() {
            Ok(stat) => {
                outcome.stat = Some(stat);
                outcome.sha256 = Some(self.lane.digest());
                outcome.blake3 = match self.beside {
                    Beside::Nowhere => None,
                    Beside::Here(hasher) => Some(*hasher.finalize().as_bytes()),
                    Beside::Aside(aside, _) => Some(aside.finish()),
                };
                outcome.scan = Some(self.scan.finish());
            }
            Err(error) => outcome.error = Some(describe(&error)),
        }
        (outcome, self.lane)
    }
}

pub(super) struct Worker<'a> {
    shared: &'a Arc<Shared>,
    thread: usize,
    lanes: Vec<FileLane>,
    /// Buffers of files that have ended.
    spare: Vec<Lane>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, thread: usize) -> Worker<'a> {
        Worker { shared, thread, lanes: Vec::new(), spare: Vec::new() }
    }

    pub(super) fn work(&mut self) {
        while !self.shared.is_cancelled() {
            self.admit();
            if !self.lanes.is_empty() {
                self.step();
                continue;
            }
            self.show();
            match self.shared.next() {
                Task::Lanes(lanes) => self.lanes = lanes,
                Task::Aside(aside) => aside.work(),
                Task::Piece(piece) => piece.work(self.shared, self.thread),
                Task::Done => return,
            }
        }
    }

    /// Fills lanes with new files as far as the policy wants it.
    fn admit(&mut self) {
        let longest = |lanes: &[FileLane]| lanes.iter().map(FileLane::remaining).max().unwrap_or(0);
        while let Some(admitted) = self.shared.admit(self.lanes.len(), longest(&self.lanes)) {
            let index = admitted.index;
            let options = &self.shared.options;
            let job = &self.shared.jobs[index];
            match Source::open(&job.path, options.drop_cache) {
                Ok(source) => {
                    let beside = beside(options.blake3, &admitted);
                    let lane = self.spare.pop().unwrap_or_else(|| Lane::new(self.shared.chunk));
                    let scan = WholeScan::new(source.stat().size);
                    self.lanes.push(FileLane { index, lane, source, filled: 0, scan, beside });
                }
                Err(error) => {
                    self.shared.lane_advanced(job.size);
                    let error = Some(describe(&error));
                    self.shared.lane_ended(Outcome { index, error, ..Outcome::default() });
                }
            }
        }
    }

    /// Reads what there is, advances the lanes that have blocks, ends those that are done.
    fn step(&mut self) {
        self.read();
        lanes::advance(plan(), self.lanes.iter_mut().map(|file| &mut file.lane));
        self.end_done();
        self.show();
        if self.lanes.len() > 1 && self.shared.someone_is_idle() {
            self.lanes.sort_by_key(|file| std::cmp::Reverse(file.remaining()));
            let remaining: Vec<u64> = self.lanes.iter().map(FileLane::remaining).collect();
            if let Some(keep) = schedule::keep(plan(), &remaining) {
                self.shared.give(&mut self.lanes, keep);
            }
        }
    }

    /// Fills every lane that has no blocks from what is in memory; waits for a disk only if no lane has any.
    fn read(&mut self) {
        let mut position = 0;
        while position < self.lanes.len() {
            if self.lanes[position].lane.blocks() == 0 && !self.read_lane(position, false) {
                continue;
            }
            position += 1;
        }
        if self.lanes.is_empty() || self.lanes.iter().any(|file| file.lane.blocks() > 0) {
            return;
        }
        let allowed = |file: &FileLane| self.shared.spindles.acquire(file.source.stat().device, file.index);
        match self.lanes.iter().position(allowed) {
            Some(position) => {
                self.read_lane(position, true);
            }
            None => std::thread::sleep(NAP),
        }
    }

    /// Reads into one lane until it has blocks or the disk is not ready; `wait`: until it has. False: the file could not
    /// be read, and its lane is gone.
    fn read_lane(&mut self, position: usize, wait: bool) -> bool {
        let file = &mut self.lanes[position];
        file.pass_on(self.shared);
        let before = file.lane.length() + file.filled as u64;
        let result = loop {
            let space = &mut file.lane.space()[file.filled..];
            let read = if wait { file.source.wait(space).map(Read::Bytes) } else { file.source.read(space) };
            match read {
                Ok(Read::Bytes(count)) => file.take(count),
                Ok(Read::Pending) => {
                    if self.shared.spindles.acquire(file.source.stat().device, file.index) {
                        file.source.ask();
                    }
                    break Ok(());
                }
                Err(error) => break Err(error),
            }
            if file.lane.blocks() > 0 || self.shared.is_cancelled() {
                break Ok(());
            }
        };
        let after = file.lane.length() + file.filled as u64;
        self.shared.lane_advanced(after - before);
        self.shared.pace((after - before) as usize);
        let Err(error) = result else { return true };
        let mut file = self.lanes.swap_remove(position);
        self.shared.spindles.release(file.source.stat().device, file.index);
        self.shared.lane_advanced(file.remaining().saturating_sub(file.filled as u64));
        file.lane.restart();
        self.spare.push(file.lane);
        let error = Some(describe(&error));
        self.shared.lane_ended(Outcome { index: file.index, error, ..Outcome::default() });
        false
    }

    fn end_done(&mut self) {
        let mut position = 0;
        while position < self.lanes.len() {
            if !self.lanes[position].lane.done() {
                position += 1;
                continue;
            }
            let mut file = self.lanes.swap_remove(position);
            self.shared.spindles.release(file.source.stat().device, file.index);
            file.pass_on(self.shared);
            let (outcome, mut lane) = file.outcome();
            lane.restart();
            self.spare.push(lane);
            self.shared.lane_ended(outcome);
        }
    }

    fn show(&self) {
        let thread = self.thread;
        self.shared.show(
            thread,
            self.lanes.iter().map(|file| InFlight {
                thread,
                index: file.index,
                done: file.lane.length(),
                size: file.source.stat().size,
            }),
        );
    }
}

/// Where to take the BLAKE3 of a file that has just got a lane.
fn beside(wanted: Blake3, admitted: &Admitted) -> Beside {
    match wanted {
        Blake3::Never => Beside::Nowhere,
        _ if admitted.idle && !blake3_is_cheap(admitted.lanes) => Beside::Aside(Arc::new(Aside::new()), 0),
        Blake3::Auto if !blake3_is_cheap(admitted.lanes) => Beside::Nowhere,
        _ => Beside::Here(Box::default()),
    }
}

/// Whether BLAKE3 beside SHA-256 costs a thread of `lanes` lanes little enough.
fn blake3_is_cheap(lanes: usize) -> bool {
    /// Nanoseconds per block of 64 bytes: the best of a few short runs.
    static COST: LazyLock<f64> = LazyLock::new(|| {
        let bytes = vec![0x5a; CHUNK];
        let run = |_| {
            let start = Instant::now();
            std::hint::black_box(blake3::Hasher::new().update(&bytes));
            start.elapsed()
        };
        let best = (0..4).map(run).min().unwrap_or_default();
        best.as_nanos() as f64 / (CHUNK / BLOCK) as f64
    });
    let lanes = lanes.min(MAX_WIDTH);
    lanes as f64 * *COST <= BLAKE3_SHARE * plan().cost(lanes)
}
