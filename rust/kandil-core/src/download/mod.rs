//! A file from a server to this disk: by several connections, hashed while it comes, and going on after any end.
//!
//! What is tried, how often and from where is for the caller to say: a [`Download`] keeps what came from one attempt to
//! the next, in [`Place`]. Python's `kandil.download` is that caller.

mod attempt;
mod blocks;
mod journal;
mod part;

#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, Uri};

pub use blocks::BLOCK;
pub use journal::begun;
pub use part::{Place, Progress};

use crate::gguf::Scan;
use crate::library::Stat;
use crate::sha256::Digest;
use crate::transport::{Deadlines, Fault, Proxy, Settings, Thread, Waker};
use journal::Found;
use part::Writing;

/// Where a file comes from, in one attempt.
#[derive(Clone, Debug)]
pub struct Source {
    /// Without redirects from here on.
    pub uri: Uri,
    /// A key is marked as sensitive.
    pub headers: HeaderMap,
    /// What the server calls this state of the file: another one is never mixed in.
    pub etag: Option<String>,
    /// For `If-Range`: the ETag, if it says that bytes are the same, or the time of the last change.
    pub condition: Option<String>,
    /// A host, and the addresses that it has: it is not looked up again.
    pub addresses: Option<(String, Vec<IpAddr>)>,
    /// Of each request.
    pub deadlines: Deadlines,
    /// Who leads to its origin, which is named as in `https://example.com`.
    pub proxy: Option<(String, Proxy)>,
}

/// How much at once.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Connections, at most. A file that can only come whole has one.
    pub connections: usize,
    /// Bytes a second, of all together.
    pub rate: Option<u64>,
}

/// Why an attempt ended before all was there.
#[derive(Debug)]
pub enum Trouble {
    /// The network.
    Fault(Fault),
    /// The server has answered something else.
    Refused {
        /// HTTP's.
        status: u16,
        /// As they came.
        headers: HeaderMap,
    },
    /// The file is not the one any more that was begun, or the server does not give parts of it.
    Changed(&'static str),
    /// The server has packed the file, which is none then that anybody published.
    Encoded(String),
    /// It cannot be written.
    Disk(io::Error),
}

/// A file that comes. Dropping it ends that, and keeps what came.
pub struct Download {
    thread: Thread,
    writing: Writing,
    pace: Pace,
    waker: Arc<Waker>,
    ended: Arc<Mutex<Option<Vec<Trouble>>>>,
    /// Bytes that were there before.
    pub resumed: u64,
    /// What was there before was of another file, and is gone.
    pub replaced: bool,
}

/// Says that an attempt is over, however it ends.
struct End {
    told: Arc<Mutex<Option<Vec<Trouble>>>>,
    waker: Arc<Waker>,
    troubles: Option<Vec<Trouble>>,
}

impl End {
    fn with(mut self, troubles: Vec<Trouble>) {
        self.troubles = Some(troubles);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let troubles = self.troubles.take().unwrap_or_else(|| vec![Trouble::Disk(bug())]);
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(troubles);
        self.waker.wake();
    }
}

impl Download {
    /// What is there is read and hashed from now on. `size` in bytes, where it is known; with a journal it must be. Without
    /// one, it is for one attempt.
    ///
    /// # Errors
    /// The file or its journal cannot be opened, or there is no room for it.
    pub fn open(place: Place<'_>, size: Option<u64>, pace: Pace) -> io::Result<Download> {
        let waker = Arc::new(Waker::new()?);
        let (writing, found) = Writing::open(place, size, Arc::clone(&waker))?;
        let thread = Thread::start(Settings::default()).map_err(|fault| io::Error::other(fault.to_string()))?;
        Ok(Download {
            thread,
            resumed: writing.part.progress().written,
            replaced: found == Found::Other,
            writing,
            pace,
            waker,
            ended: Arc::default(),
        })
    }

    /// Woken when an attempt ends, and when all is hashed.
    #[must_use]
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Begins to fetch what is missing; one attempt at a time.
    pub fn attempt(&self, source: Source) {
        let (part, pace) = (Arc::clone(&self.writing.part), self.pace);
        let end = End { told: Arc::clone(&self.ended), waker: Arc::clone(&self.waker), troubles: None };
        self.thread.spawn(move |client| async move {
            end.with(attempt::run(&client, &part, source, pace).await);
        });
    }

    /// What went wrong in an attempt that has ended; empty: nothing. None: it goes on.
    #[must_use]
    pub fn ended(&self) -> Option<Vec<Trouble>> {
        let mut troubles = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        if self.writing.part.is_whole() {
            troubles.clear(); // others did what these could not
        }
        troubles.extend(self.writing.part.failure().map(Trouble::Disk));
        Some(troubles)
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.writing.part.progress()
    }

    /// The SHA-256 of all, as soon as all has come and is hashed.
    ///
    /// # Errors
    /// What was written cannot be read.
    pub fn digest(&self) -> io::Result<Option<Digest>> {
        let digest = self.writing.part.digest();
        match self.writing.part.failure() {
            Some(error) if digest.is_none() => Err(error),
            _ => Ok(digest),
        }
    }

    /// What was found in the file while it was hashed, as a scan of a library finds it; once. None: its size was not
    /// known before, and nothing was looked at.
    #[must_use]
    pub fn scan(&self) -> Option<Scan> {
        self.writing.part.scan()
    }

    /// The file as it is now.
    ///
    /// # Errors
    /// The system does not say.
    pub fn stat(&self) -> io::Result<Stat> {
        self.writing.part.stat()
    }

    /// All that was written is on the disk.
    ///
    /// # Errors
    /// It could not be written there.
    pub fn sync(&self) -> io::Result<()> {
        self.writing.part.sync()
    }
}

fn bug() -> io::Error {
    io::Error::other("its thread ended before its time: please report it")
}
