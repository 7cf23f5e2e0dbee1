//! Wakes a thread that waits until a file descriptor can be read.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};
#[cfg(unix)]
use std::os::unix::net::UnixStream as Stream;

/// A pair of sockets. Waking it again before it was drained costs no system call.
pub struct Waker {
    near: Stream,
    far: Stream,
    woken: AtomicBool,
}

#[cfg(unix)]
impl Waker {
    /// # Errors
    /// There are no file descriptors left.
    pub fn new() -> io::Result<Waker> {
        let (near, far) = Stream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        Ok(Waker { near, far, woken: AtomicBool::new(false) })
    }

    /// Readable when somebody has called [`Waker::wake`].
    #[must_use]
    pub fn fileno(&self) -> RawFd {
        self.near.as_raw_fd()
    }

    /// From any thread.
    pub fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            let _ = (&self.far).write(&[0]); // full or closed: it is awake, or nobody is there
        }
    }

    /// To be called by who was woken, before it looks for what there is.
    pub fn drain(&self) {
        let mut bytes = [0; 16];
        while matches!((&self.near).read(&mut bytes), Ok(16)) {}
        self.woken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wakes_once_until_it_is_drained() {
        let waker = Waker::new().unwrap();
        let pending = || (&waker.near).read(&mut [0; 8]).ok();
        assert_eq!(pending(), None);
        waker.wake();
        waker.wake();
        assert_eq!(pending(), Some(1));
        waker.wake();
        assert_eq!(pending(), None, "not drained yet");
        waker.drain();
        waker.wake();
        assert_eq!(pending(), Some(1));
    }
}
