//! Waits until a moment, as exactly as the system can: the runtime's own timers are up to a millisecond late, and an
//! open loop would count that as the server's.

#[cfg(target_os = "linux")]
pub(super) use linux::Alarm;
#[cfg(not(target_os = "linux"))]
pub(super) use portable::Alarm;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// Of the clock of `bucket::now`.
    pub(in super::super) struct Alarm(AsyncFd<OwnedFd>);

    impl Alarm {
        pub(in super::super) fn new() -> io::Result<Alarm> {
            // SAFETY: no memory is given.
            let fd = unsafe { libc::timerfd_create(libc::CLOCK_BOOTTIME, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: it is open, and nobody else's.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            // SAFETY: it is the same open descriptor for as long as it is registered.
            Ok(Alarm(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE)? }))
        }

        pub(in super::super) async fn until(&mut self, moment: u64) -> io::Result<()> {
            const SECOND: u64 = 1_000_000_000;
            let moment = moment.max(1); // 0 is never
            let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            let at =
                libc::timespec { tv_sec: (moment / SECOND).cast_signed(), tv_nsec: (moment % SECOND).cast_signed() };
            let timer = libc::itimerspec { it_interval: never, it_value: at };
            let fd = self.0.as_raw_fd();
            // SAFETY: the timer lives until the call ends, and the old one is not asked for.
            if unsafe { libc::timerfd_settime(fd, libc::TFD_TIMER_ABSTIME, &raw const timer, std::ptr::null_mut()) } < 0
            {
                return Err(io::Error::last_os_error());
            }
            loop {
                let mut ready = self.0.readable().await?;
                let read = ready.try_io(|timer| {
                    let mut times = [0_u8; 8];
                    // SAFETY: it is as large as is said.
                    let size = unsafe { libc::read(timer.as_raw_fd(), times.as_mut_ptr().cast(), times.len()) };
                    if size < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
                });
                if let Ok(read) = read {
                    return read;
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use std::io;
    use std::time::Duration;

    pub(in super::super) struct Alarm;

    impl Alarm {
        pub(in super::super) fn new() -> io::Result<Alarm> {
            Ok(Alarm)
        }

        pub(in super::super) async fn until(&mut self, moment: u64) -> io::Result<()> {
            tokio::time::sleep(Duration::from_nanos(moment.saturating_sub(crate::bucket::now()))).await;
            Ok(())
        }
    }
}
