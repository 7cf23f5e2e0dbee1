//! BLAKE3 of one file on all threads, and single header scans: work for threads that have no lanes.
//!
//! BLAKE3 is a tree over chunks of 1 KiB, so the pieces of a file, cut at a power of two, are whole subtrees that can be
//! hashed in any order and joined (BLAKE3 paper, section 2.1; `blake3::hazmat`).

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use blake3::Hasher;
use blake3::hazmat::{self, ChainingValue, HasherExt, left_subtree_len};

use super::run::InFlight;
use super::shared::Shared;
use super::source::{self, ASK, Stat, advise_dont_need, advise_will_need, read_full};
use super::{CHUNK, Outcome};

/// Bytes in a piece: a power of two.
const PIECE: u64 = 4 << 20;

/// One file that is being checked again.
pub(super) struct Recheck {
    index: usize,
    file: File,
    stat: Stat,
    handed: AtomicU64,
    joined: Mutex<Joined>,
}

/// What has come back.
struct Joined {
    values: Vec<ChainingValue>,
    left: u64,
    error: Option<io::Error>,
}

/// Work for a thread without lanes.
pub(super) enum Piece {
    /// A header scan.
    Scan(usize),
    /// The so manieth piece of a file.
    Of(Arc<Recheck>, u64),
}

impl Recheck {
    /// An error where the file claims a size whose pieces do not fit in memory.
    pub(super) fn new(index: usize, file: File, stat: Stat) -> io::Result<Recheck> {
        let left = stat.size.div_ceil(PIECE).max(1);
        let mut values = Vec::new();
        values.try_reserve_exact(usize::try_from(left).map_err(io::Error::other)?)?;
        values.resize(left as usize, [0; 32]);
        let joined = Mutex::new(Joined { values, left, error: None });
        Ok(Recheck { index, file, stat, handed: AtomicU64::new(0), joined })
    }

    fn count(&self) -> u64 {
        self.stat.size.div_ceil(PIECE).max(1)
    }

    pub(super) fn next_piece(self: &Arc<Recheck>) -> Option<Piece> {
        let number = self.handed.fetch_add(1, Relaxed);
        (number < self.count()).then(|| Piece::Of(self.clone(), number))
    }

    /// The chaining value of one piece; of a file that is one piece, the hash itself.
    fn hash(&self, shared: &Shared, number: u64) -> io::Result<ChainingValue> {
        let (start, end) = (number * PIECE, ((number + 1) * PIECE).min(self.stat.size));
        let mut hasher = Hasher::new();
        hasher.set_input_offset(start);
        let mut buffer = vec![0; 2 * CHUNK];
        let (mut offset, mut cold) = (start, false);
        while offset < end && !shared.is_cancelled() {
            let want = (end - offset).min(buffer.len() as u64) as usize;
            let ahead = || {
                if !std::mem::replace(&mut cold, true) {
                    (offset..end).step_by(ASK as usize).for_each(|at| advise_will_need(&self.file, at, ASK));
                }
            };
            let result = read_full(&self.file, &mut buffer[..want], offset, ahead);
            let count = result.and_then(|count| if count < want { Err(source::shrank()) } else { Ok(count) });
            // What cannot be read is done with, too.
            shared.advanced(if count.is_ok() { want as u64 } else { end - offset });
            hasher.update(&buffer[..count?]);
            offset += want as u64;
            shared.pace(want);
        }
        if cold && shared.options.drop_cache {
            advise_dont_need(&self.file, start, end - start);
        }
        Ok(if self.count() == 1 { *hasher.finalize().as_bytes() } else { hasher.finalize_non_root() })
    }

    /// Takes one piece's value; the last one gives the outcome.
    fn join(&self, number: u64, value: io::Result<ChainingValue>) -> Option<Outcome> {
        let mut joined = self.joined.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match value {
            Ok(value) => joined.values[number as usize] = value,
            Err(error) => joined.error = joined.error.take().or(Some(error)),
        }
        joined.left -= 1;
        if joined.left > 0 {
            return None;
        }
        let mut outcome = Outcome { index: self.index, ..Outcome::default() };
        match joined.error.take().map_or_else(|| self.unchanged(), Err) {
            Ok(()) => {
                outcome.stat = Some(self.stat);
                outcome.blake3 = Some(root(&joined.values, self.stat.size));
            }
            Err(error) => outcome.error = Some(super::walk::describe(&error)),
        }
        Some(outcome)
    }

    fn unchanged(&self) -> io::Result<()> {
        let same = Stat::of(&self.file.metadata()?) == self.stat;
        if same { Ok(()) } else { Err(source::was_changed()) }
    }
}

impl Piece {
    pub(super) fn work(self, shared: &Arc<Shared>, thread: usize) {
        let (recheck, number) = match self {
            Piece::Scan(index) => return shared.scan(index),
            Piece::Of(recheck, number) => (recheck, number),
        };
        let (index, size) = (recheck.index, recheck.stat.size);
        shared.show(thread, std::iter::once(InFlight { thread, index, done: number * PIECE, size }));
        let value = recheck.hash(shared, number);
        if shared.is_cancelled() {
            return;
        }
        if let Some(outcome) = recheck.join(number, value) {
            shared.done(outcome);
        }
    }
}

/// The hash of a file of `size` bytes out of its pieces' values.
fn root(values: &[ChainingValue], size: u64) -> [u8; 32] {
    if let [only] = values {
        return *only;
    }
    let (left, right) = split(values, size);
    *hazmat::merge_subtrees_root(&left, &right, hazmat::Mode::Hash).as_bytes()
}

/// The chaining values of the two subtrees of `size` bytes.
fn split(values: &[ChainingValue], size: u64) -> (ChainingValue, ChainingValue) {
    let bytes = left_subtree_len(size);
    let (left, right) = values.split_at((bytes / PIECE) as usize);
    (subtree(left, bytes), subtree(right, size - bytes))
}

fn subtree(values: &[ChainingValue], size: u64) -> ChainingValue {
    if let [only] = values {
        return *only;
    }
    let (left, right) = split(values, size);
    hazmat::merge_subtrees_non_root(&left, &right, hazmat::Mode::Hash)
}
