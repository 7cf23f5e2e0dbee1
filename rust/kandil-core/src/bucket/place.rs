//! Where a bucket or a breaker is: in this process, or in a file that all of a user's processes share.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

#[cfg(target_os = "linux")]
pub use super::shared::Plain;
#[cfg(target_os = "linux")]
use super::shared::{self, Shared};
use super::{Bucket, Caller, Cost, Taken, Token};

/// Looking for dead processes asks the kernel about each, so not at every call that must wait.
const SWEEP: u64 = 20_000_000;
/// How soon to ask again whose file another process holds, which was stopped meanwhile.
const BUSY: u64 = 20_000_000;

#[cfg(not(target_os = "linux"))]
mod anywhere {
    /// What may be in a file.
    pub trait Plain: Default {}
    impl<T: Default> Plain for T {}
}
#[cfg(not(target_os = "linux"))]
pub use anywhere::Plain;

enum Inner<T: Plain> {
    Here(Mutex<Box<T>>),
    #[cfg(target_os = "linux")]
    File(Shared<T>),
}

/// A value, and who else has it.
pub struct Place<T: Plain> {
    inner: Inner<T>,
    /// When dead processes were last looked for.
    swept: AtomicU64,
}

impl<T: Plain> Place<T> {
    /// In this process alone.
    #[must_use]
    pub fn here() -> Place<T> {
        Place { inner: Inner::Here(Mutex::default()), swept: AtomicU64::new(0) }
    }

    /// In this file, which is made where it is not there.
    ///
    /// # Errors
    /// Of the file system; elsewhere than on Linux always.
    #[cfg(target_os = "linux")]
    pub fn open(path: &Path, now: u64) -> io::Result<Place<T>> {
        use std::time::{SystemTime, UNIX_EPOCH};

        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos() as u64);
        let clocks = shared::Clocks { now, wall, boot: boot()? };
        Ok(Place { inner: Inner::File(Shared::open(path, clocks)?), swept: AtomicU64::new(0) })
    }

    /// In this file, which is made where it is not there.
    ///
    /// # Errors
    /// Of the file system; elsewhere than on Linux always.
    #[cfg(not(target_os = "linux"))]
    pub fn open(_path: &Path, _now: u64) -> io::Result<Place<T>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "processes share limits on Linux alone"))
    }

    /// None: another process has it, which was stopped meanwhile.
    pub fn with<R>(&self, now: u64, act: impl FnOnce(&mut T, &Caller<'_>) -> R) -> Option<R> {
        match &self.inner {
            Inner::Here(value) => {
                let mut value = value.lock().unwrap_or_else(PoisonError::into_inner);
                Some(act(&mut value, &Caller { now, owner: 1, alive: &|_| true }))
            }
            #[cfg(target_os = "linux")]
            Inner::File(shared) => shared.with(now, act).ok(),
        }
    }

    /// Other processes may have it, too.
    pub fn is_shared(&self) -> bool {
        !matches!(self.inner, Inner::Here(_))
    }

    /// Whether it is time to look for dead processes.
    fn sweeps(&self, now: u64) -> bool {
        let due = self.is_shared() && now.abs_diff(self.swept.load(Ordering::Relaxed)) >= SWEEP;
        if due {
            self.swept.store(now, Ordering::Relaxed);
        }
        due
    }
}

impl Place<Bucket> {
    /// [`Bucket::take`]; before it says to wait, what dead processes had is given back.
    pub fn take(&self, now: u64, cost: Cost, place: Option<Token>) -> Taken {
        let taken = self.with(now, |bucket, caller| {
            let first = bucket.take(now, caller.owner, cost, place);
            if matches!(first, Taken::Granted(_)) || !self.sweeps(now) {
                return first;
            }
            bucket.sweep(now, remembered(caller.alive));
            bucket.take(now, caller.owner, cost, place)
        });
        match taken {
            Some(Taken::Wait(wait)) => Taken::Wait(wait.max(1)),
            Some(granted) => granted,
            None => Taken::Wait(BUSY),
        }
    }

    /// [`Bucket::wait`].
    pub fn wait(&self, now: u64, cost: Cost) -> u64 {
        self.with(now, |bucket, _| bucket.wait(now, cost)).unwrap_or(BUSY)
    }
}

/// Asks about each owner once.
pub fn remembered(alive: &dyn Fn(u64) -> bool) -> impl FnMut(u64) -> bool {
    let mut known = [None; 256];
    move |owner| {
        let known = usize::try_from(owner).ok().and_then(|owner| known.get_mut(owner));
        known.is_some_and(|known| *known.get_or_insert_with(|| alive(owner)))
    }
}

#[cfg(target_os = "linux")]
fn boot() -> io::Result<u128> {
    let said = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    u128::from_str_radix(&said.trim().replace('-', ""), 16).map_err(io::Error::other)
}
