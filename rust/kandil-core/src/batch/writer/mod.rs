//! A thread that appends whole lines, and syncs them in groups.

mod target;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::target::{Group, Target};
use super::run::{Recorded as Line, Sink};

/// What a power cut may take, at most.
const SYNC: Duration = Duration::from_millis(250);
/// Lines that come within so long go into one write: a write for each would cost more than all else of a row.
const GATHER: Duration = Duration::from_millis(10);
/// More bytes than these are not waited for.
const GROUP: usize = 256 << 10;
/// Bytes that wait to be written, after which nothing new is sent.
const ROOM: usize = 8 << 20;

/// How much has gone where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Lines in the files.
    pub lines: u64,
    /// Of these, on the disk.
    pub synced: u64,
}

/// Of output and errors.
#[derive(Default)]
struct Queue {
    waiting: [Group; 2],
    written: Written,
    /// Nothing more can be written, and why.
    failure: Option<String>,
    closing: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    called: Condvar,
}

/// Two files, output and errors, which this process alone may write to.
pub struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<[Target; 2]>>,
}

/// What became of everything, at the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// Lines that are in the files, and on the disk.
    pub written: u64,
    /// Why not all are.
    pub failure: Option<String>,
    /// Where the rest is, if it could be saved anywhere.
    pub rescued: Vec<PathBuf>,
    /// Lines that are nowhere.
    pub lost: u64,
}

/// Why outputs cannot be written to.
#[derive(Debug)]
pub enum WriterError {
    /// Of the file system.
    Io(PathBuf, io::Error),
    /// Another run writes to it.
    Busy(PathBuf),
}

impl Writer {
    /// Both files are there and locked; a run that goes on appends to them.
    ///
    /// # Errors
    /// See [`WriterError`].
    pub fn open(output: &Path, errors: &Path) -> Result<Writer, WriterError> {
        let mut targets = [Target::open(output)?, Target::open(errors)?];
        let shared = Arc::new(Shared { queue: Mutex::default(), called: Condvar::new() });
        let own = Arc::clone(&shared);
        let work = move || {
            own.work(&mut targets);
            targets
        };
        let thread = std::thread::Builder::new().name("kandil-writer".to_owned()).spawn(work);
        let thread = thread.map_err(|error| WriterError::Io(output.to_owned(), error))?;
        Ok(Writer { shared, thread: Some(thread) })
    }

    /// So far.
    #[must_use]
    pub fn written(&self) -> Written {
        self.shared.lock().written
    }

    /// For a run; there may be several.
    #[must_use]
    pub fn sink(&self) -> WriterSink {
        WriterSink(Arc::clone(&self.shared))
    }

    /// All is written and synced; where that cannot be, all that was received is saved in `rescue`, if that can be.
    /// Empty files are removed.
    pub fn close(mut self, rescue: &Path) -> Closed {
        let Some(targets) = self.finish() else {
            let queue = self.shared.lock();
            let lost = queue.written.lines - queue.written.synced + queue.lines();
            let failure = Some("a bug has ended the thread that writes".to_owned());
            return Closed { written: queue.written.synced, failure, rescued: Vec::new(), lost };
        };
        let mut queue = self.shared.lock();
        let mut closed = Closed { failure: queue.failure.take(), ..Closed::default() };
        for (target, waiting) in targets.into_iter().zip(std::mem::take(&mut queue.waiting)) {
            if closed.failure.is_none() {
                closed.written += target.lines();
                target.tidy();
                continue;
            }
            let (written, place, lost) = target.saved(&waiting, rescue);
            closed.written += written;
            closed.lost += lost;
            match place {
                Ok(place) => closed.rescued.extend(place),
                Err(error) => {
                    let failure = closed.failure.take().unwrap_or_default();
                    closed.failure = Some(format!("{failure}; nor can {}: {error}", rescue.display()));
                }
            }
        }
        closed
    }

    fn finish(&mut self) -> Option<[Target; 2]> {
        self.shared.lock().closing = true;
        self.shared.called.notify_one();
        self.thread.take()?.join().ok()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Queue {
    fn lines(&self) -> u64 {
        self.waiting.iter().map(|group| group.lines).sum()
    }

    fn bytes(&self) -> usize {
        self.waiting.iter().map(|group| group.bytes.len()).sum()
    }

    /// What could not be written stands before what came meanwhile.
    fn give_back(&mut self, groups: [Group; 2], failure: String) {
        self.failure = Some(failure);
        for (late, mut early) in self.waiting.iter_mut().zip(groups) {
            early.bytes.append(&mut late.bytes);
            early.lines += late.lines;
            *late = early;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until it is closed and all is on the disk, or something fails.
    fn work(&self, targets: &mut [Target; 2]) {
        let mut synced = Instant::now();
        let mut queue = self.lock();
        while queue.failure.is_none() {
            let (waiting, unsynced) = (queue.lines() > 0, queue.written.lines > queue.written.synced);
            let due = queue.closing || synced.elapsed() >= SYNC;
            let ready = waiting || (unsynced && due);
            if !ready {
                if queue.closing {
                    return;
                }
                let nap = if unsynced { SYNC.saturating_sub(synced.elapsed()) } else { Duration::from_secs(60) };
                queue = self.called.wait_timeout(queue, nap).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            if waiting && !queue.closing && queue.bytes() < GROUP {
                drop(queue);
                std::thread::sleep(GATHER);
                queue = self.lock();
            }
            let mut groups = std::mem::take(&mut queue.waiting);
            let lines: u64 = groups.iter().map(|group| group.lines).sum();
            drop(queue);
            let result = write(targets, &mut groups, due);
            if due {
                synced = Instant::now();
            }
            queue = self.lock();
            queue.written.lines += lines - groups.iter().map(|group| group.lines).sum::<u64>();
            match result {
                Ok(()) if due => queue.written.synced = queue.written.lines,
                Ok(()) => {}
                Err((path, error)) => queue.give_back(groups, format!("{}: {error}", path.display())),
            }
        }
    }
}

/// What was written is taken out of its group.
fn write(targets: &mut [Target; 2], groups: &mut [Group; 2], sync: bool) -> Result<(), (PathBuf, io::Error)> {
    for (target, group) in targets.iter_mut().zip(groups) {
        let result = if group.lines > 0 { target.append(group) } else { Ok(()) };
        result.map_err(|error| (target.path.clone(), error))?;
    }
    for target in targets.iter_mut().filter(|_| sync) {
        target.sync().map_err(|error| (target.path.clone(), error))?;
    }
    Ok(())
}

/// Where a run's lines go.
pub struct WriterSink(Arc<Shared>);

impl Sink for WriterSink {
    fn put(&mut self, line: Line) {
        let mut queue = self.0.lock();
        let idle = queue.lines() == 0;
        let group = &mut queue.waiting[usize::from(!line.ok)];
        group.bytes.extend_from_slice(&line.line);
        group.lines += 1;
        drop(queue);
        if idle {
            self.0.called.notify_one();
        }
    }

    fn room(&self) -> bool {
        self.0.lock().bytes() < ROOM
    }

    fn failure(&self) -> Option<String> {
        self.0.lock().failure.clone()
    }
}
