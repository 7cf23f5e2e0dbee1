//! BLAKE3 of a file beside its SHA-256, by a thread that has nothing else to do.
//!
//! Where there are fewer files than threads, a buffer that SHA-256 is done with is handed to an idle thread, and the lane
//! goes on with another one. The file is still read once, and both digests are of the same bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

/// Buffers under way for one file; beyond that its own thread takes them.
pub(super) const MAX_BUFFERS: usize = 8;
/// So many are worth waking a thread.
const WAKE: usize = 3;

/// The BLAKE3 of one file, and the buffers that wait for it.
pub(super) struct Aside {
    hasher: Mutex<blake3::Hasher>,
    buffers: Mutex<Buffers>,
}

#[derive(Default)]
struct Buffers {
    /// In the order of the file, each with the bytes that count.
    full: VecDeque<(Box<[u8]>, usize)>,
    free: Vec<Box<[u8]>>,
    made: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Aside {
    pub(super) fn new() -> Aside {
        Aside { hasher: Mutex::default(), buffers: Mutex::default() }
    }

    /// A buffer of `size` bytes to go on with. Where nobody takes the full ones, this thread does.
    pub(super) fn free(&self, size: usize) -> Box<[u8]> {
        loop {
            let mut buffers = lock(&self.buffers);
            if let Some(free) = buffers.free.pop() {
                return free;
            }
            if buffers.made < MAX_BUFFERS {
                buffers.made += 1;
                return vec![0; size].into_boxed_slice();
            }
            drop(buffers);
            self.work();
        }
    }

    /// Hands in the next `count` bytes of the file. True: an idle thread should be woken.
    pub(super) fn push(&self, buffer: Box<[u8]>, count: usize) -> bool {
        let mut buffers = lock(&self.buffers);
        buffers.full.push_back((buffer, count));
        buffers.full.len() == WAKE
    }

    /// Hashes all that waits.
    pub(super) fn work(&self) {
        let mut hasher = lock(&self.hasher);
        while let Some((buffer, count)) = { lock(&self.buffers).full.pop_front() } {
            hasher.update(&buffer[..count]);
            lock(&self.buffers).free.push(buffer);
        }
    }

    /// The digest of all bytes handed in.
    pub(super) fn finish(&self) -> [u8; 32] {
        self.work();
        *lock(&self.hasher).finalize().as_bytes()
    }
}
