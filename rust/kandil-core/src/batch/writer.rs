//! A thread that appends whole lines, and syncs them in groups.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::recorded::{private, sync_folder};
use super::run::{Recorded as Line, Sink};

/// What a power cut may take, at most.
const SYNC: Duration = Duration::from_millis(250);
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

#[derive(Default)]
struct Queue {
    lines: [Vec<u8>; 2],
    count: u64,
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
    /// Lines that are on the disk.
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

struct Target {
    path: PathBuf,
    file: File,
    /// Whole lines end here.
    length: u64,
}

impl Target {
    fn open(path: &Path) -> Result<Target, WriterError> {
        let failed = |error| WriterError::Io(path.to_owned(), error);
        let mut file = private(path, false).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(WriterError::Busy(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
        sync_folder(path).map_err(failed)?;
        Ok(Target { path: path.to_owned(), file, length })
    }

    /// All of it, or, where that fails, nothing.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(lines) {
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length += lines.len() as u64;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()?;
        if is_gone(&self.file, &self.path) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "somebody has removed it"));
        }
        Ok(())
    }
}

/// The name leads elsewhere, or nowhere.
#[cfg(unix)]
fn is_gone(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let key = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    std::fs::metadata(path).ok().map(key) != file.metadata().ok().map(key)
}

#[cfg(not(unix))]
fn is_gone(_file: &File, path: &Path) -> bool {
    !path.exists()
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
        let Some(targets) = self.finish() else { return Closed::default() };
        let mut queue = self.shared.lock();
        let mut closed = Closed {
            written: queue.written.synced,
            failure: queue.failure.take(),
            rescued: Vec::new(),
            lost: queue.count,
        };
        if closed.failure.is_none() {
            for target in &targets {
                if target.length == 0 {
                    let _ = std::fs::remove_file(&target.path);
                }
            }
            return closed;
        }
        let lines = std::mem::take(&mut queue.lines);
        drop(queue);
        let saved = targets.into_iter().zip(lines).map(|(target, lines)| saved(target, &lines, rescue));
        match saved.collect::<io::Result<Vec<_>>>() {
            Ok(places) => {
                closed.rescued = places.into_iter().flatten().collect();
                closed.lost = 0;
            }
            Err(error) => {
                let failure = closed.failure.take().unwrap_or_default();
                closed.failure = Some(format!("{failure}; nor can {}: {error}", rescue.display()));
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

/// What could not be written, and, where its file is gone, that file's content before it.
fn saved(mut target: Target, lines: &[u8], rescue: &Path) -> io::Result<Option<PathBuf>> {
    let gone = is_gone(&target.file, &target.path);
    if lines.is_empty() && !(gone && target.length > 0) {
        return Ok(None);
    }
    std::fs::create_dir_all(rescue)?;
    let name = target.path.file_name().unwrap_or_default();
    let place = rescue.join(name);
    let mut to = private(&place, false)?;
    if gone {
        let mut old =
            File::open(format!("/proc/self/fd/{}", number(&target.file))).or_else(|_| target.file.try_clone())?;
        old.seek(SeekFrom::Start(0))?;
        io::copy(&mut Read::take(&mut old, target.length), &mut to)?;
        target.length = 0;
    }
    to.write_all(lines)?;
    to.sync_all()?;
    Ok(Some(place))
}

#[cfg(unix)]
fn number(file: &File) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(file)
}

#[cfg(not(unix))]
fn number(_file: &File) -> i32 {
    -1
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, targets: &mut [Target; 2]) {
        let mut synced = Instant::now();
        let mut queue = self.lock();
        loop {
            let waiting = queue.written.lines > queue.written.synced;
            if queue.failure.is_some() || (queue.count == 0 && !waiting && queue.closing) {
                return;
            }
            if queue.count == 0 && !(waiting && (queue.closing || synced.elapsed() >= SYNC)) {
                let nap = if waiting { SYNC.saturating_sub(synced.elapsed()) } else { Duration::from_secs(60) };
                queue = self.called.wait_timeout(queue, nap).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let (mut lines, count) = (std::mem::take(&mut queue.lines), std::mem::take(&mut queue.count));
            let (closing, before) = (queue.closing, queue.written.lines);
            drop(queue);
            let due = closing || synced.elapsed() >= SYNC;
            let result = write(targets, &mut lines, due);
            if due {
                synced = Instant::now();
            }
            queue = self.lock();
            match result {
                Ok(()) => {
                    queue.written.lines += count;
                    if due {
                        queue.written.synced = before + count;
                    }
                }
                Err((path, error)) => {
                    queue.failure = Some(format!("{}: {error}", path.display()));
                    for (late, lines) in queue.lines.iter_mut().zip(lines) {
                        late.splice(0..0, lines);
                    }
                    queue.count += count;
                }
            }
        }
    }
}

/// What was written is taken out of `lines`.
fn write(targets: &mut [Target; 2], lines: &mut [Vec<u8>; 2], sync: bool) -> Result<(), (PathBuf, io::Error)> {
    for (target, lines) in targets.iter_mut().zip(lines.iter_mut()) {
        if !lines.is_empty() {
            target.append(lines).map_err(|error| (target.path.clone(), error))?;
            lines.clear();
        }
    }
    if sync {
        for target in targets.iter() {
            target.sync().map_err(|error| (target.path.clone(), error))?;
        }
    }
    Ok(())
}

/// Where a run's lines go.
pub struct WriterSink(Arc<Shared>);

impl Sink for WriterSink {
    fn put(&mut self, line: Line) {
        let mut queue = self.0.lock();
        let idle = queue.count == 0;
        queue.count += 1;
        queue.lines[usize::from(!line.ok)].extend_from_slice(&line.line);
        drop(queue);
        if idle {
            self.0.called.notify_one();
        }
    }

    fn room(&self) -> bool {
        let queue = self.0.lock();
        queue.lines.iter().map(Vec::len).sum::<usize>() < ROOM
    }

    fn failure(&self) -> Option<String> {
        self.0.lock().failure.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("kandil-writer-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn line(text: &str, ok: bool) -> Line {
        Line { lane: 0, ok, content: [0; 16], line: format!("{text}\n").into_bytes() }
    }

    fn wait_for_failure(sink: &WriterSink) {
        while sink.failure().is_none() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn every_line_is_in_its_file_at_the_end() {
        let folder = folder("lines");
        let (output, errors) = (folder.join("out"), folder.join("errors"));
        let writer = Writer::open(&output, &errors).unwrap();
        let mut sink = writer.sink();
        for number in 0..10_000 {
            sink.put(line(&number.to_string(), number % 100 != 0));
        }
        let closed = writer.close(&folder.join("rescue"));
        assert_eq!(closed, Closed { written: 10_000, ..Closed::default() });
        assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 9_900);
        assert_eq!(fs::read_to_string(&errors).unwrap().lines().nth(1), Some("100"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn two_runs_do_not_write_to_one_output() {
        let folder = folder("busy");
        let (output, errors) = (folder.join("out"), folder.join("errors"));
        let writer = Writer::open(&output, &errors).unwrap();
        assert!(matches!(Writer::open(&output, &errors), Err(WriterError::Busy(_))));
        writer.close(&folder);
        assert!(!output.exists(), "an empty one is not left behind");
        Writer::open(&output, &errors).unwrap().close(&folder);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_a_full_disk_refuses_is_saved_elsewhere() {
        let folder = folder("full");
        let (output, errors) = (PathBuf::from("/dev/full"), folder.join("errors"));
        if !output.exists() {
            return;
        }
        let writer = Writer::open(&output, &errors).unwrap();
        let mut sink = writer.sink();
        sink.put(line("first", true));
        wait_for_failure(&sink);
        sink.put(line("late", true));
        sink.put(line("wrong", false));
        let closed = writer.close(&folder.join("rescue"));
        assert!(closed.failure.unwrap().contains("/dev/full"));
        assert_eq!((closed.rescued.len(), closed.lost), (2, 0));
        assert_eq!(fs::read_to_string(folder.join("rescue/full")).unwrap(), "first\nlate\n");
        assert_eq!(fs::read_to_string(folder.join("rescue/errors")).unwrap(), "wrong\n");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_removed_output_is_saved_whole() {
        let folder = folder("gone");
        fs::create_dir(folder.join("there")).unwrap();
        let (output, errors) = (folder.join("there/out"), folder.join("there/errors"));
        let writer = Writer::open(&output, &errors).unwrap();
        let mut sink = writer.sink();
        sink.put(line("first", true));
        while writer.written().lines == 0 {
            std::thread::yield_now();
        }
        fs::remove_dir_all(folder.join("there")).unwrap();
        sink.put(line("second", true));
        wait_for_failure(&sink);
        let closed = writer.close(&folder.join("rescue"));
        assert_eq!(closed.rescued, [folder.join("rescue/out")]);
        assert_eq!(fs::read_to_string(folder.join("rescue/out")).unwrap(), "first\nsecond\n");
        fs::remove_dir_all(folder).unwrap();
    }
}
