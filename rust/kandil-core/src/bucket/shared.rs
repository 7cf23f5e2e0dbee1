//! A value in a file that all processes of a user map; what a dead one held is found out and given back.
//!
//! Each process holds a lock of the kernel's on one byte far behind the file's end, its *owner* byte, for as long as it
//! lives; so whether an owner lives is a question to the kernel, and no process's number can be mistaken for another's.
//! The value itself is guarded by a word in the file, which needs no system call where nobody is in the way; who finds
//! it taken by a dead owner takes it over and mends the value.
//!
//! The file is written whole before it is mapped, and is replaced, never cut: cutting it would kill who maps it.

use std::cell::UnsafeCell;
use std::fs::{self, File, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Breaker, Bucket, Caller};

const MAGIC: u64 = u64::from_le_bytes(*b"kandilB1");
/// Before it come the locks of nobody: files here are much smaller.
const LOCKS: i64 = 1 << 40;
const OWNERS: u64 = 255;
const SPINS: u32 = 200;
/// The value is held for less than a microsecond; who holds it for so long was stopped meanwhile.
const PATIENCE: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_micros(50);
const SECOND: u64 = 1_000_000_000;

/// What can lie in such a file.
///
/// # Safety
///
/// `repr(C)`, of `u64` alone: every bit pattern is a value, and none has padding.
pub unsafe trait Plain: Default {
    /// Which of them it is.
    const KIND: u64;
    /// What garbage may have made of it is as it must be, and what the dead held is given back.
    fn mend(&mut self, now: u64, alive: &mut dyn FnMut(u64) -> bool);
}

// SAFETY: it is `repr(C)`, as are its parts, of `u64`.
unsafe impl Plain for Bucket {
    const KIND: u64 = 1;
    fn mend(&mut self, now: u64, alive: &mut dyn FnMut(u64) -> bool) {
        Bucket::mend(self, now);
        self.sweep(now, alive);
    }
}

// SAFETY: it is `repr(C)`, of `u64`.
unsafe impl Plain for Breaker {
    const KIND: u64 = 2;
    fn mend(&mut self, now: u64, _: &mut dyn FnMut(u64) -> bool) {
        Breaker::mend(self, now);
    }
}

#[repr(C)]
struct Head {
    magic: u64,
    kind: u64,
    size: u64,
    /// Which boot of the machine the clock counts from.
    boot: [u64; 2],
    /// The file's time is the clock's and this: it goes on where another boot ended.
    offset: u64,
    /// The file's time, and the wall clock's, of a moment within the last second in which it was used.
    seen: u64,
    seen_wall: u64,
}

#[repr(C)]
struct Layout<T> {
    /// Whose it is now; 0: nobody's.
    lock: AtomicU64,
    inner: UnsafeCell<Inner<T>>,
}

#[repr(C)]
struct Inner<T> {
    head: Head,
    value: T,
}

/// The clocks, when a file is opened.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// Nanoseconds, as all later calls give them.
    pub now: u64,
    /// Nanoseconds since 1970.
    pub wall: u64,
    /// Which boot `now` counts from.
    pub boot: u128,
}

/// A value in a file.
pub struct Shared<T: Plain> {
    file: File,
    map: NonNull<Layout<T>>,
    owner: u64,
}

// SAFETY: the value is reached only under the lock in it.
unsafe impl<T: Plain> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Plain> Sync for Shared<T> {}

impl<T: Plain> Shared<T> {
    /// Opens the file, or makes it. What is no such file, or broken, is replaced.
    ///
    /// # Errors
    ///
    /// The file system does not let it be made, mapped, or locked; it is another user's; other processes use it who
    /// count time from another boot; 255 processes use it.
    pub fn open(path: &Path, clocks: Clocks) -> Result<Shared<T>> {
        for _ in 0..8 {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
                .open(path)?;
            let found = file.metadata()?;
            // SAFETY: it has no arguments and cannot fail.
            if !found.is_file() || found.uid() != unsafe { libc::geteuid() } {
                return Err(Error::new(ErrorKind::PermissionDenied, "it is not a file of this user's"));
            }
            lock_setup(&file)?;
            if !fs::symlink_metadata(path).is_ok_and(|now| now.ino() == found.ino() && now.dev() == found.dev()) {
                continue; // somebody replaced it meanwhile
            }
            if file.metadata()?.len() == 0 {
                write_new::<T>(&file, clocks)?;
            } else if !is_sound::<T>(&file) {
                fs::remove_file(path)?;
                continue;
            }
            return Shared::mapped(file, clocks);
        }
        Err(Error::new(ErrorKind::WouldBlock, "it is replaced again and again"))
    }

    /// With the lock on the set-up, which is let go.
    fn mapped(file: File, clocks: Clocks) -> Result<Shared<T>> {
        let owner = (1..=OWNERS)
            .find(|owner| set_lock(&file, *owner, libc::F_WRLCK).is_ok())
            .ok_or_else(|| Error::new(ErrorKind::QuotaExceeded, "too many processes use it"))?;
        // SAFETY: a new mapping, of a file that is as long (`is_sound`) and that nobody cuts.
        let map = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size_of::<Layout<T>>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if map == libc::MAP_FAILED {
            return Err(Error::last_os_error());
        }
        let map = NonNull::new(map.cast()).ok_or(ErrorKind::InvalidData)?;
        let shared = Shared { file, map, owner };
        // Who had this owner byte before is dead: its lock is nobody's.
        let _ = shared.layout().lock.compare_exchange(owner, 0, Ordering::AcqRel, Ordering::Relaxed);
        let others = (1..=OWNERS).any(|other| other != owner && shared.alive(other));
        shared.locked(clocks.now, true, |head, value: &mut T| {
            let boot = [clocks.boot as u64, (clocks.boot >> 64) as u64];
            if head.boot != boot {
                if others {
                    return Err(Error::new(ErrorKind::Unsupported, "another machine uses it"));
                }
                let passed = clocks.wall.saturating_sub(head.seen_wall);
                let offset = head.seen.saturating_add(passed).saturating_sub(clocks.now);
                (head.boot, head.offset) = (boot, offset.min(u64::MAX / 4));
            }
            let now = clocks.now.saturating_add(head.offset);
            value.mend(now, &mut |other| other != owner && shared.alive(other));
            Ok(())
        })??;
        set_lock(&shared.file, 0, libc::F_UNLCK)?;
        Ok(shared)
    }

    /// Calls with the value, alone. `now` is the clock's.
    ///
    /// # Errors
    ///
    /// `WouldBlock`: a process that was stopped has it.
    pub fn with<R>(&self, now: u64, act: impl FnOnce(&mut T, &Caller<'_>) -> R) -> Result<R> {
        self.locked(now, false, |head, value| {
            let now = now.saturating_add(head.offset);
            if now.abs_diff(head.seen) > SECOND {
                (head.seen, head.seen_wall) = (now, wall());
            }
            act(value, &Caller { now, owner: self.owner, alive: &|owner| self.alive(owner) })
        })
    }

    fn locked<R>(&self, now: u64, setting_up: bool, act: impl FnOnce(&mut Head, &mut T) -> R) -> Result<R> {
        let taken_over = self.lock(setting_up)?;
        let _unlock = Unlock(&self.layout().lock);
        // SAFETY: the lock is ours, so nobody else has a reference; every bit pattern is a value.
        let Inner { head, value } = unsafe { &mut *self.layout().inner.get() };
        if taken_over && !setting_up {
            value.mend(now.saturating_add(head.offset), &mut |other| self.alive(other));
        }
        Ok(act(head, value))
    }

    /// Whether it was a dead owner's.
    fn lock(&self, setting_up: bool) -> Result<bool> {
        let lock = &self.layout().lock;
        for _ in 0..SPINS {
            if lock.compare_exchange_weak(0, self.owner, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return Ok(false);
            }
            std::hint::spin_loop();
        }
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            thread::sleep(PAUSE);
            if lock.compare_exchange(0, self.owner, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return Ok(false);
            }
            if self.take_over(lock, setting_up) {
                return Ok(true);
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }

    /// Under the set-up lock, so that no new process gets the dead one's owner byte meanwhile.
    fn take_over(&self, lock: &AtomicU64, setting_up: bool) -> bool {
        let holder = lock.load(Ordering::Relaxed);
        if holder == 0 || self.alive(holder) || !setting_up && set_lock(&self.file, 0, libc::F_WRLCK).is_err() {
            return false;
        }
        let dead = !self.alive(holder);
        let ours = dead && lock.compare_exchange(holder, self.owner, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if !setting_up {
            drop(set_lock(&self.file, 0, libc::F_UNLCK));
        }
        ours
    }

    fn alive(&self, owner: u64) -> bool {
        owner == self.owner || (1..=OWNERS).contains(&owner) && is_locked(&self.file, owner)
    }

    fn layout(&self) -> &Layout<T> {
        // SAFETY: mapped for as long as `self` lives; shared references to atomics and cells may be many.
        unsafe { self.map.as_ref() }
    }
}

impl<T: Plain> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: mapped by `open` with this length, and no reference outlives `self`.
        unsafe { libc::munmap(self.map.as_ptr().cast(), size_of::<Layout<T>>()) };
    }
}

/// Also where the call panicked.
struct Unlock<'a>(&'a AtomicU64);

impl Drop for Unlock<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

/// All bytes are there, so that the disk cannot be full when they are written through the map.
fn write_new<T: Plain>(mut file: &File, clocks: Clocks) -> Result<()> {
    let head = Head {
        magic: MAGIC,
        kind: T::KIND,
        size: size_of::<Layout<T>>() as u64,
        boot: [clocks.boot as u64, (clocks.boot >> 64) as u64],
        offset: 0,
        seen: clocks.now,
        seen_wall: clocks.wall,
    };
    let new = Box::new(Layout { lock: AtomicU64::new(0), inner: UnsafeCell::new(Inner { head, value: T::default() }) });
    // SAFETY: `Layout` is `repr(C)` and of `u64` alone, so all its bytes are initialized.
    let bytes = unsafe { std::slice::from_raw_parts(ptr::from_ref(&*new).cast::<u8>(), size_of::<Layout<T>>()) };
    file.write_all(bytes)
}

fn is_sound<T: Plain>(file: &File) -> bool {
    let mut words = [0_u8; 32];
    let size = size_of::<Layout<T>>() as u64;
    let expected = [MAGIC, T::KIND, size];
    file.metadata().is_ok_and(|found| found.len() == size)
        && file.read_exact_at(&mut words, 0).is_ok()
        && words[8..].chunks_exact(8).zip(expected).all(|(word, expected)| word == expected.to_ne_bytes())
}

/// Setting up takes a moment; who takes longer was stopped.
fn lock_setup(file: &File) -> Result<()> {
    let begun = Instant::now();
    loop {
        match set_lock(file, 0, libc::F_WRLCK) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && begun.elapsed() < 5 * PATIENCE => {
                thread::sleep(Duration::from_millis(1));
            }
            other => return other,
        }
    }
}

fn range(byte: u64, kind: i32) -> libc::flock {
    // SAFETY: a C struct of integers.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as i16;
    lock.l_whence = libc::SEEK_SET as i16;
    lock.l_start = LOCKS + byte as i64;
    lock.l_len = 1;
    lock
}

/// For the open file, not the process: fcntl(2), open file description locks. `WouldBlock`: another has it.
fn set_lock(file: &File, byte: u64, kind: i32) -> Result<()> {
    let lock = range(byte, kind);
    // SAFETY: the descriptor is open, the struct lives.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &lock) } {
        0 => Ok(()),
        _ => match Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::EACCES) => Err(ErrorKind::WouldBlock.into()),
            error => Err(error),
        },
    }
}

/// By another open file. Where the kernel does not say, it is: nothing is taken from the living.
fn is_locked(file: &File, byte: u64) -> bool {
    let mut lock = range(byte, libc::F_WRLCK);
    // SAFETY: as above; the kernel writes into the struct.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &mut lock) };
    result != 0 || i32::from(lock.l_type) != libc::F_UNLCK
}

fn wall() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |passed| passed.as_nanos() as u64)
}
