//! A file while it comes: written as it comes, hashed behind the first gap, and now and then made safe on the disk.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::blocks::Blocks;
use super::journal::{Begun, Found, Journal};
use crate::gguf::{Scan, WholeScan};
use crate::library::Stat;
use crate::sha256::{Digest, Sha256};
use crate::transport::Waker;

/// No file is so large, and no server is believed that says so.
const LARGEST: u64 = 16 << 40;
/// What is made safe at once.
const WINDOW: u64 = 32 << 20;
/// What is hashed at once: it fits into a core's own cache.
const READ: usize = 512 << 10;
/// How often what was written is made safe: often, so that little is left to be when all has come.
const SYNC: Duration = Duration::from_secs(1);

/// Where a file goes while it comes.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The file itself.
    pub file: &'a Path,
    /// What is there of it; None: it can only come whole.
    pub journal: Option<&'a Path>,
    /// In the journal: what must be the same for blocks to belong together. One line.
    pub identity: &'a str,
    /// The system's start, which a power cut changes.
    pub boot: &'a str,
}

/// How far it is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// None: nobody has said.
    pub size: Option<u64>,
    /// On this machine.
    pub written: u64,
    /// From the beginning.
    pub hashed: u64,
}

/// The file, as its threads share it.
pub(super) struct Part {
    file: File,
    state: Mutex<State>,
    /// There is more to hash, or an end.
    grown: Condvar,
    /// There is an end.
    closed: Condvar,
    waker: Arc<Waker>,
}

struct State {
    blocks: Option<Blocks>,
    journal: Option<Journal>,
    /// Without blocks: all that came.
    written: u64,
    /// Without blocks: known at the end.
    size: Option<u64>,
    /// Without blocks: what is to come, where it is known.
    expected: Option<u64>,
    hashed: u64,
    digest: Option<Digest>,
    scan: Option<Scan>,
    failed: Option<io::Error>,
    closing: bool,
}

/// A file while it comes, with the threads that hash it and make it safe. Dropping it keeps what came, and does not wait
/// for the disk.
pub(super) struct Writing {
    pub(super) part: Arc<Part>,
    hashing: Option<JoinHandle<()>>,
}

impl Writing {
    /// The file, and what was found of it.
    pub(super) fn open(place: Place<'_>, size: Option<u64>, waker: Arc<Waker>) -> io::Result<(Writing, Found)> {
        if size.is_some_and(|size| size > LARGEST) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(place.file)?;
        let (journal, found) = match place.journal.zip(size) {
            Some((path, _)) => {
                let (journal, found) = Journal::open(path, place.identity, place.boot)?;
                (Some(journal), found)
            }
            None => (None, Found::Nothing),
        };
        let mut blocks = journal.as_ref().and(size).map(Blocks::new);
        let there = file.metadata()?.len();
        if let (Some(blocks), Found::Blocks(found)) = (&mut blocks, &found) {
            found.iter().for_each(|begun| blocks.restore(*begun, there));
        } else {
            file.set_len(0)?;
        }
        if let Some(size) = size
            && let Err(error) = reserve(&file, size)
        {
            let _ = file.set_len(file.metadata()?.len()); // what was reserved is free again
            return Err(error);
        }
        let state = State {
            written: 0,
            size: if blocks.is_some() { size } else { None },
            expected: size,
            blocks,
            journal,
            hashed: 0,
            digest: None,
            scan: None,
            failed: None,
            closing: false,
        };
        let part =
            Arc::new(Part { file, state: Mutex::new(state), grown: Condvar::new(), closed: Condvar::new(), waker });
        let hashing = started("kandil-hash", Arc::clone(&part), Part::hash)?;
        if let Some(folder) = place.journal.and_then(Path::parent) {
            let folder = folder.to_owned();
            started("kandil-sync", Arc::clone(&part), move |part| part.keep_safe(&folder))?;
        }
        Ok((Writing { part, hashing: Some(hashing) }, found))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut state = self.part.lock();
        state.closing = true;
        let _ = state.record_begun(&mut Vec::new()); // if not, it comes again
        drop(state);
        self.part.grown.notify_all();
        self.part.closed.notify_all();
        if let Some(thread) = self.hashing.take() {
            let _ = thread.join();
        }
    }
}

fn started(
    name: &str,
    part: Arc<Part>,
    work: impl FnOnce(&Part) -> io::Result<()> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // A panic is a bug, of which somebody has to be told: else they wait for ever.
        let ended = catch_unwind(AssertUnwindSafe(|| work(&part)));
        if let Err(error) = ended.unwrap_or_else(|_| Err(super::bug())) {
            part.lock().failed.get_or_insert(error);
        }
        part.waker.wake();
    })
}

impl Part {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn progress(&self) -> Progress {
        let state = self.lock();
        let written = state.blocks.as_ref().map_or(state.written, Blocks::total);
        Progress { size: state.size, written, hashed: state.hashed }
    }

    pub(super) fn is_whole(&self) -> bool {
        let progress = self.progress();
        progress.size == Some(progress.written)
    }

    /// What was taken by nobody who is still there.
    pub(super) fn free(&self) {
        if let Some(blocks) = &mut self.lock().blocks {
            blocks.free();
        }
    }

    /// What is to come of a file that comes whole, where it is known.
    pub(super) fn expected(&self) -> Option<u64> {
        self.lock().expected
    }

    pub(super) fn take(&self, shares: usize) -> Option<Range<u64>> {
        self.lock().blocks.as_mut()?.take(shares)
    }

    pub(super) fn give_back(&self, span: &Range<u64>) {
        if let Some(blocks) = &mut self.lock().blocks {
            blocks.give_back(span);
        }
    }

    /// The bytes are in the file, and what is whole by them is in the journal.
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)?;
        let mut state = self.lock();
        if let Some(error) = state.failed.take() {
            return Err(error); // of who reads it, or makes it safe
        }
        let State { blocks, journal, written, .. } = &mut *state;
        *written += bytes.len() as u64;
        if let (Some(blocks), Some(journal)) = (blocks, journal) {
            journal.wrote(blocks.wrote(offset, bytes.len() as u64).map(|block| (block, None)))?;
        }
        drop(state);
        self.grown.notify_all();
        Ok(())
    }

    /// A file that comes whole has come.
    pub(super) fn ended(&self) {
        let mut state = self.lock();
        state.size = Some(state.written);
        drop(state);
        self.grown.notify_all();
    }

    /// Why nothing can be written or read any more; once.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.lock().failed.take()
    }

    /// The digest of all, once all is hashed.
    pub(super) fn digest(&self) -> Option<Digest> {
        self.lock().digest
    }

    /// What was found in it on the way, once; None where its size was not known before.
    pub(super) fn scan(&self) -> Option<Scan> {
        self.lock().scan.take()
    }

    pub(super) fn stat(&self) -> io::Result<Stat> {
        Ok(Stat::of(&self.file.metadata()?))
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn hash(&self) -> io::Result<()> {
        let (mut sha256, mut hashed, mut buffer) = (Sha256::default(), 0, vec![0; READ]);
        let mut scan = self.lock().expected.map(WholeScan::new);
        loop {
            let mut state = self.lock();
            state.hashed = hashed;
            while state.front() == hashed && state.size != Some(hashed) && !state.closing {
                state = self.grown.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.size == Some(hashed) {
                state.digest = Some(sha256.digest());
                state.scan = scan.map(WholeScan::finish);
                return Ok(());
            }
            if state.closing {
                return Ok(());
            }
            let ready = usize::try_from(state.front() - hashed).unwrap_or(READ).min(READ);
            drop(state);
            let part = &mut buffer[..ready];
            self.file.read_exact_at(part, hashed)?;
            sha256.update(part);
            if let Some(scan) = &mut scan {
                scan.feed(hashed, part);
            }
            hashed += ready as u64;
        }
    }

    /// Until the end. The disk is never waited for with the lock held.
    fn keep_safe(&self, folder: &Path) -> io::Result<()> {
        let Some(own) = self.lock().journal.as_ref().map(Journal::handle).transpose()? else { return Ok(()) };
        let (mut safe, mut begun) = (0, Vec::new());
        loop {
            let is_open = |state: &mut State| !state.closing;
            let waited = self.closed.wait_timeout_while(self.lock(), SYNC, is_open);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.closing {
                return Ok(());
            }
            let count = state.record_begun(&mut begun)?;
            drop(state);
            if count == safe {
                continue;
            }
            // Before `fdatasync`, during which a file system may let nobody write; and little at once, for who wants to end.
            let length = self.file.metadata()?.len();
            for offset in (0..length).step_by(WINDOW as usize) {
                if self.lock().closing {
                    return Ok(());
                }
                write_out(&self.file, offset);
            }
            let synced = self.file.sync_data();
            if safe == 0 {
                File::open(folder)?.sync_all()?; // the names of the file and of its journal
            }
            let mut state = self.lock();
            let State { journal: Some(journal), closing: false, .. } = &mut *state else {
                return Ok(()); // the journal may be another process's by now
            };
            match synced {
                Ok(()) => journal.synced(count)?,
                Err(error) => return journal.doubt().and(Err(error)),
            }
            drop(state);
            own.sync_data()?;
            safe = count;
        }
    }
}

impl State {
    /// What was written of blocks that are not whole, unless it is `known`, is in the journal. How much that has.
    fn record_begun(&mut self, known: &mut Vec<Begun>) -> io::Result<usize> {
        let (Some(blocks), Some(journal)) = (&self.blocks, &mut self.journal) else { return Ok(0) };
        let begun = blocks.begun();
        if begun != *known {
            journal.wrote(begun.iter().copied())?;
            *known = begun;
        }
        Ok(journal.count())
    }

    fn front(&self) -> u64 {
        self.blocks.as_ref().map_or(self.written, Blocks::front)
    }
}

/// What was written here goes to the disk, and is waited for, but nobody is held up who writes meanwhile.
fn write_out(file: &File, offset: u64) {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let how = libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
        let offset = libc::off64_t::try_from(offset).unwrap_or_default();
        // SAFETY: the descriptor is open for as long as `file` lives. If it fails, `fdatasync` will say.
        unsafe { libc::sync_file_range(file.as_raw_fd(), offset, WINDOW as libc::off64_t, how) };
    }
    let _ = (file, offset);
}

/// The disk's room is this file's, so that it does not end in the middle; where a file system does not do that, it may.
fn reserve(file: &File, size: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let Ok(length) = libc::off_t::try_from(size) else {
            return Err(io::ErrorKind::FileTooLarge.into());
        };
        // SAFETY: the descriptor is open for as long as `file` lives; nothing else is pointed to.
        let failed =
            length > 0 && unsafe { libc::fallocate(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, 0, length) } != 0;
        if failed {
            let error = io::Error::last_os_error();
            if !matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINTR)) {
                return Err(error);
            }
        }
    }
    let _ = (file, size);
    Ok(())
}
