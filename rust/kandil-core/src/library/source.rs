//! Reading one file from its beginning to its end while the disk works ahead.
//!
//! What lies in the page cache is read without asking twice. At the first read that would wait, the source turns cold:
//! from then on it asks the kernel for a window ahead (`POSIX_FADV_WILLNEED`), so that many lanes keep many requests in
//! the disk's queue while the processor hashes what is there. A rotating disk serves one cold file at a time
//! ([`Spindles`]), or it would do nothing but seek.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Mutex;

use crate::gguf;

/// How far a cold source asks ahead.
const WINDOW: u64 = 16 << 20;
/// How much it asks for in one call; the kernel cuts larger requests short.
pub(super) const ASK: u64 = 1 << 20;
/// Behind a cold source that drops its cache, this much is left.
const BEHIND: u64 = 4 << 20;

/// What identifies one state of one file. Times are nanoseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Size in bytes.
    pub size: u64,
    /// Last change of the bytes.
    pub mtime_ns: i64,
    /// Last change of the bytes or of the inode; on Unix file systems not settable by programs.
    pub ctime_ns: i64,
    /// The file's number on its device.
    pub inode: u64,
    /// The device.
    pub device: u64,
}

impl Stat {
    /// Of what `metadata` describes.
    pub fn of(metadata: &std::fs::Metadata) -> Stat {
        use std::os::unix::fs::MetadataExt;
        let ns = |seconds: i64, nanoseconds: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds);
        Stat {
            size: metadata.len(),
            mtime_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }
}

/// Opens a regular file, and says in which state it is.
pub fn open(path: &Path) -> io::Result<(File, Stat)> {
    let folder = || io::Error::new(io::ErrorKind::InvalidInput, "is a folder");
    let file = gguf::open_regular(path).map_err(|error| if path.is_dir() { folder() } else { error })?;
    let stat = Stat::of(&file.metadata()?);
    Ok((file, stat))
}

/// Reads at `offset` until `buffer` is full or the file ends. Calls `cold` where not all of it was in the page cache.
pub fn read_full(file: &File, buffer: &mut [u8], offset: u64, cold: impl FnOnce()) -> io::Result<usize> {
    let cached = read_cached(file, buffer, offset);
    let mut filled = *cached.as_ref().unwrap_or(&0);
    let waits = cached.map_or_else(|error| error.kind() == io::ErrorKind::WouldBlock, |count| count < buffer.len());
    if waits {
        cold();
    }
    while filled < buffer.len() {
        match read_at(file, &mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes; 0 at the end of the file.
    Bytes(usize),
    /// The disk has them: [`Source::ask`] for them and come back, or [`Source::wait`].
    Pending,
}

/// One file being read from front to back.
pub struct Source {
    file: File,
    stat: Stat,
    offset: u64,
    /// Up to where the kernel was asked to read; `None` while all came from the cache.
    asked: Option<u64>,
    dropped: u64,
    drop_cache: bool,
    /// Whether the file system can say that a read would wait.
    can_tell: bool,
}

impl Source {
    /// Opens the regular file at `path`.
    pub fn open(path: &Path, drop_cache: bool) -> io::Result<Source> {
        let (file, stat) = open(path)?;
        Ok(Source { file, stat, offset: 0, asked: None, dropped: 0, drop_cache, can_tell: cfg!(target_os = "linux") })
    }

    /// The file as it was opened.
    pub fn stat(&self) -> &Stat {
        &self.stat
    }

    /// Whether this source has ever had to wait for its disk.
    pub fn is_cold(&self) -> bool {
        self.asked.is_some()
    }

    /// The next bytes, if they are in memory.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Read> {
        if !self.can_tell {
            return self.wait(buffer).map(Read::Bytes);
        }
        match read_cached(&self.file, buffer, self.offset) {
            Ok(count) => Ok(Read::Bytes(self.took(count))),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(Read::Pending),
                io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput => {
                    self.can_tell = false;
                    self.wait(buffer).map(Read::Bytes)
                }
                _ => Err(error),
            },
        }
    }

    /// The next bytes, waiting for the disk.
    pub fn wait(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.ask();
        loop {
            match read_at(&self.file, buffer, self.offset) {
                Ok(count) => return Ok(self.took(count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The file again, after the last byte: an error if it is not what it was.
    pub fn finish(&mut self) -> io::Result<Stat> {
        if self.drop_cache && self.is_cold() {
            advise_dont_need(&self.file, self.dropped, 0);
        }
        let now = Stat::of(&self.file.metadata()?);
        match () {
            () if self.offset < self.stat.size => Err(shrank()),
            () if self.offset > self.stat.size => Err(changed("grew")),
            () if now != self.stat => Err(was_changed()),
            () => Ok(now),
        }
    }

    fn took(&mut self, count: usize) -> usize {
        self.offset += count as u64;
        if self.is_cold() {
            self.ask();
            if self.drop_cache && self.offset > self.dropped + 2 * BEHIND {
                let until = self.offset - BEHIND;
                advise_dont_need(&self.file, self.dropped, until - self.dropped);
                self.dropped = until;
            }
        }
        count
    }

    /// Has the kernel read ahead, up to [`WINDOW`] beyond the offset; from now on the source is cold.
    pub fn ask(&mut self) {
        if self.asked.is_none() {
            self.dropped = self.offset; // what came before was in the cache already
        }
        let mut asked = self.asked.unwrap_or(self.offset).max(self.offset);
        let until = (self.offset + WINDOW).min(self.stat.size);
        while asked + ASK <= until || (asked < until && until == self.stat.size) {
            advise_will_need(&self.file, asked, ASK);
            asked += ASK;
        }
        self.asked = Some(asked);
    }
}

pub(super) fn shrank() -> io::Error {
    changed("shrank")
}

pub(super) fn was_changed() -> io::Error {
    changed("was changed")
}

fn changed(how: &str) -> io::Error {
    io::Error::other(format!("the file {how} while it was read"))
}

/// `pread` of what the page cache holds; `WouldBlock` where that is nothing, `Unsupported` where nobody can tell.
#[cfg(target_os = "linux")]
fn read_cached(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::os::fd::AsRawFd;
    let vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let offset = i64::try_from(offset).map_err(io::Error::other)?;
    // SAFETY: the vector describes `buffer`, which is borrowed for the call.
    let count = unsafe { libc::preadv2(file.as_raw_fd(), &vector, 1, offset, libc::RWF_NOWAIT) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

#[cfg(not(target_os = "linux"))]
fn read_cached(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    read_at(file, buffer, offset)
}

#[cfg(target_os = "linux")]
pub(super) fn advise_will_need(file: &File, offset: u64, length: u64) {
    advise(file, offset, length, libc::POSIX_FADV_WILLNEED);
}

#[cfg(target_os = "linux")]
pub(super) fn advise_dont_need(file: &File, offset: u64, length: u64) {
    advise(file, offset, length, libc::POSIX_FADV_DONTNEED);
}

#[cfg(target_os = "linux")]
fn advise(file: &File, offset: u64, length: u64, advice: i32) {
    use std::os::fd::AsRawFd;
    // A hint: where it is refused, reading is slower and nothing else.
    if let (Ok(offset), Ok(length)) = (offset.try_into(), length.try_into()) {
        // SAFETY: takes no pointers.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), offset, length, advice) };
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn advise_will_need(_: &File, _: u64, _: u64) {}

#[cfg(not(target_os = "linux"))]
pub(super) fn advise_dont_need(_: &File, _: u64, _: u64) {}

/// Which file each rotating disk is reading. Other devices are not limited.
#[derive(Default)]
pub struct Spindles {
    /// Per device: `None` if it does not rotate, else the job that reads from it.
    readers: Mutex<HashMap<u64, Option<Option<usize>>>>,
}

impl Spindles {
    /// Whether `job` may wait for `device` now. The right is kept until [`Spindles::release`].
    pub fn acquire(&self, device: u64, job: usize) -> bool {
        let mut readers = self.readers.lock().expect("no panic under this lock");
        match readers.entry(device).or_insert_with(|| rotates(device).then_some(None)) {
            None => true,
            Some(reader) => *reader.get_or_insert(job) == job,
        }
    }

    /// `job` reads no more.
    pub fn release(&self, device: u64, job: usize) {
        let mut readers = self.readers.lock().expect("no panic under this lock");
        if let Some(Some(reader)) = readers.get_mut(&device)
            && *reader == Some(job)
        {
            *reader = None;
        }
    }
}

/// Whether `device` is a disk that has to seek. Virtual disks that claim to rotate do not.
#[cfg(target_os = "linux")]
fn rotates(device: u64) -> bool {
    let node = format!("/sys/dev/block/{}:{}", libc::major(device), libc::minor(device));
    let Ok(link) = std::fs::canonicalize(node) else { return false };
    let virtual_disk = link.components().any(|part| {
        let name = part.as_os_str().to_string_lossy();
        ["vd", "xvd", "nbd", "zram"].iter().any(|prefix| {
            name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        })
    });
    // A partition has no queue of its own: its disk does.
    let flag = [link.join("queue/rotational"), link.join("../queue/rotational")];
    !virtual_disk && flag.iter().find_map(|f| std::fs::read_to_string(f).ok()).is_some_and(|text| text.trim() == "1")
}

#[cfg(not(target_os = "linux"))]
fn rotates(_: u64) -> bool {
    false
}
