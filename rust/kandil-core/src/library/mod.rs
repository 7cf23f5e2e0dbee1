//! Reads a whole library: every file once, hashed and scanned from the same buffers, on all cores.
//!
//! * [`walk`] finds the files.
//! * [`Run`] does the work on threads of its own. A thread keeps up to 16 or 32 files in the lanes of one SIMD kernel and takes
//!   the next file as one ends, longest first ([`schedule`] says how many lanes a thread should fill, and when to hand
//!   lanes to an idle thread).
//! * [`source`] reads with bounded `pread`, never a map, and keeps the disk busy ahead of the hash.
//! * [`recheck`] compares with BLAKE3, one large file on all cores.
//!
//! Memory is threads × lanes × [`CHUNK`] bytes of buffers, whatever the library's size, and never more than
//! [`Options::max_memory`]; of a header only what a verdict needs is kept while its file is hashed.

mod aside;
mod queue;
pub mod recheck;
pub mod run;
pub mod schedule;
mod shared;
pub mod source;
pub mod walk;
mod worker;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use run::{Progress, Run};
pub use source::Stat;

use crate::gguf::Scan;
use crate::sha256::Digest;

/// Bytes read into a lane at a time. Larger chunks are slower: sixteen of these fill a typical second-level cache.
pub const CHUNK: usize = 64 << 10;

/// What to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// SHA-256 of all bytes, and a scan of the GGUF header in the same pass.
    Sha256,
    /// BLAKE3 of all bytes, nothing else.
    Blake3,
    /// The GGUF header alone.
    Scan,
}

/// One file to read.
#[derive(Clone, Debug)]
pub struct Job {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes as far as known: only the order of work rests on it.
    pub size: u64,
    /// What to do.
    pub mode: Mode,
}

/// When a SHA-256 pass takes a file's BLAKE3 as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blake3 {
    /// Where it costs at most [`schedule::BLAKE3_SHARE`] of the time: few large files, or an idle thread to do it.
    Auto,
    /// For every file.
    Always,
    /// For none.
    Never,
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads; 0: one per usable CPU.
    pub threads: usize,
    /// Bound on the buffers, in bytes. Threads are dropped where even small buffers do not fit.
    pub max_memory: usize,
    /// Bound on the bytes read per second, over all threads.
    pub max_rate: Option<u64>,
    /// When to take BLAKE3 beside SHA-256.
    pub blake3: Blake3,
    /// Whether what had to be read from the disk is dropped from the page cache afterwards.
    pub drop_cache: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { threads: 0, max_memory: 32 << 20, max_rate: None, blake3: Blake3::Auto, drop_cache: false }
    }
}

/// What became of one job.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The job's place in the list.
    pub index: usize,
    /// Why the file could not be read whole; then there are no digests.
    pub error: Option<String>,
    /// The file as it was from the first byte read to the last.
    pub stat: Option<Stat>,
    /// In [`Mode::Sha256`].
    pub sha256: Option<Digest>,
    /// In [`Mode::Blake3`], and in [`Mode::Sha256`] where [`Blake3`] said so.
    pub blake3: Option<[u8; 32]>,
    /// In [`Mode::Sha256`] and [`Mode::Scan`].
    pub scan: Option<Scan>,
}
