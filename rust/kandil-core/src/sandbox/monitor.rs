//! The processes around the worker.
//!
//! The supervisor starts one process, which becomes the monitor here. `PR_SET_PDEATHSIG` cannot tie that one to the
//! supervisor, since it goes by the thread that started it, and trio starts processes from threads that come and go. So
//! the monitor watches standard input, which ends with the supervisor. Worker and init have no such doubt: they are
//! started by the only thread of the process above.
//!
//! With process numbers of its own, the worker is not the first of them: for an init, the kernel ignores the signals
//! that `abort` and CPU limits send, and a crash would be told wrongly.

use std::io;
use std::os::fd::RawFd;
use std::ptr::{null, null_mut};

/// Closes all but 0, 1, 2 and `keep`.
pub(super) fn close_others(keep: &[RawFd]) -> io::Result<()> {
    let mut keep: Vec<u32> = keep.iter().filter_map(|&fd| u32::try_from(fd).ok()).filter(|&fd| fd > 2).collect();
    keep.sort_unstable();
    let mut from = 3;
    for fd in keep {
        if fd > from {
            close_range(from, fd - 1)?;
        }
        from = fd + 1;
    }
    close_range(from, u32::MAX)
}

fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: closes descriptors that nobody is to use any more: this process is about to be given up to one task.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if !matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) {
        return Err(error); // an old kernel has no such call, and the filters of old containers refuse it
    }
    close_each(first, last)
}

fn close_each(first: u32, last: u32) -> io::Result<()> {
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str().and_then(|name| name.parse().ok());
    // Entries keep the folder open: its descriptor is among those that are closed, and must be nobody's by then.
    let open: Vec<u32> = std::fs::read_dir("/proc/self/fd")?.map_while(Result::ok).filter_map(number).collect();
    for fd in open.into_iter().filter(|fd| (first..=last).contains(fd)) {
        // SAFETY: as above.
        unsafe { libc::close(fd.cast_signed()) };
    }
    Ok(())
}

/// This process ends when the one above does, cannot be looked into, and leaves no core dump.
pub(super) fn die_with_parent() {
    // SAFETY: takes and changes no memory.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
    be_opaque();
}

/// This process cannot be looked into, and leaves no core dump: not to a program that takes them either, for which no
/// resource limit counts.
pub(super) fn be_opaque() {
    // SAFETY: takes and changes no memory.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
}

/// Returns in the worker alone, with nothing on standard input.
pub(super) fn fork(own_pids: bool) -> io::Result<()> {
    // SAFETY: opens a descriptor of our own; a C string.
    let nothing = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    let mask = block_child_signal()?;
    if own_pids {
        let mut status = [-1; 2];
        // SAFETY: the kernel writes two descriptors.
        if unsafe { libc::pipe2(status.as_mut_ptr(), libc::O_CLOEXEC) } == -1 {
            return Err(io::Error::last_os_error());
        }
        let [read, write] = status;
        match fork_once()? {
            0 => {}
            init => watch(init, Some(read)),
        }
        die_with_parent();
        match fork_once()? {
            0 => {}
            worker => be_init(worker, write),
        }
        // SAFETY: descriptors of our own.
        unsafe {
            libc::close(read);
            libc::close(write);
        }
    } else {
        match fork_once()? {
            0 => {}
            worker => watch(worker, None),
        }
    }
    // SAFETY: the mask is the one that was; the descriptor is our own.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const mask, null_mut());
        if nothing != -1 {
            libc::dup2(nothing, 0);
            libc::close(nothing);
        }
    }
    Ok(())
}

fn fork_once() -> io::Result<libc::pid_t> {
    // SAFETY: `enter` has seen to it that this process has one thread, so the child may do as it likes.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(pid),
    }
}

/// Whether this process's group is its own, with all that it has started and nobody else.
pub(super) fn leads_group() -> bool {
    // SAFETY: neither call takes memory.
    unsafe { libc::getpgrp() == libc::getpid() }
}

extern "C" fn woken(_signal: libc::c_int) {}

/// A child's end interrupts `ppoll`, and nothing else. Returns the mask that was.
fn block_child_signal() -> io::Result<libc::sigset_t> {
    // SAFETY: signal sets and actions are plain data, written before they are read; the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = woken as *const () as libc::sighandler_t;
        let mut set: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        if libc::sigaction(libc::SIGCHLD, &raw const action, null_mut()) == -1
            || libc::sigprocmask(libc::SIG_BLOCK, &raw const set, &raw mut before) == -1
        {
            return Err(io::Error::last_os_error());
        }
        Ok(before)
    }
}

/// The monitor: ends as the worker does, or ends it when standard input does. With `status`, `child` is an init, and
/// says there how the worker ended.
fn watch(child: libc::pid_t, status: Option<RawFd>) -> ! {
    let _ = close_others(status.as_slice());
    // SAFETY: standard output and error are the worker's now. Memory that the calls take is ours and lives on; `_exit`
    // runs nothing of Python's.
    unsafe {
        libc::close(1);
        libc::close(2);
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        let mut lifeline = libc::pollfd { fd: 0, events: 0, revents: 0 };
        let mut how = 0;
        while libc::waitpid(child, &raw mut how, libc::WNOHANG) == 0 {
            if libc::ppoll(&raw mut lifeline, 1, null(), &raw const none) > 0 {
                libc::kill(child, libc::SIGKILL);
                if leads_group() {
                    libc::kill(0, libc::SIGKILL); // what the worker has started, and this process
                }
                lifeline.fd = -1;
            }
        }
        if let Some(status) = status {
            let wanted = size_of_val(&how);
            if libc::read(status, (&raw mut how).cast(), wanted) != wanted.cast_signed() {
                how = libc::SIGKILL; // init was ended, and the worker with it
            }
        }
        end_as(how)
    }
}

/// Ends this process as the wait status `how` says.
fn end_as(how: libc::c_int) -> ! {
    // SAFETY: plain system calls on this process; the rlimit and the set are ours.
    unsafe {
        if libc::WIFSIGNALED(how) {
            let signal = libc::WTERMSIG(how);
            let core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &raw const core);
            libc::signal(signal, libc::SIG_DFL);
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const set, null_mut());
            libc::kill(libc::getpid(), signal);
            libc::_exit(128 + signal);
        }
        libc::_exit(libc::WEXITSTATUS(how))
    }
}

/// The first of the new process numbers: waits for the worker, tells how it ended, and takes all others along.
fn be_init(worker: libc::pid_t, status: RawFd) -> ! {
    let _ = close_others(&[status]);
    // SAFETY: memory that the calls take is ours; `_exit` runs nothing of Python's.
    unsafe {
        for fd in 0..3 {
            libc::close(fd);
        }
        let mut how = 0;
        loop {
            let ended = libc::waitpid(-1, &raw mut how, 0);
            if ended == worker {
                libc::write(status, (&raw const how).cast(), size_of_val(&how));
                libc::_exit(0);
            }
            if ended == -1 && io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
                libc::_exit(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_newer_call_descriptors_are_closed_one_by_one() {
        let mut how = 0;
        // SAFETY: the child closes what is open there alone, and ends.
        unsafe {
            match libc::fork() {
                -1 => panic!("fork: {}", io::Error::last_os_error()),
                0 => {
                    let high = libc::fcntl(0, libc::F_DUPFD, 100);
                    let closed = std::panic::catch_unwind(|| close_each(3, u32::MAX).is_ok()).unwrap_or(false);
                    let gone = high >= 100 && libc::fcntl(high, libc::F_GETFD) == -1;
                    let kept = libc::fcntl(0, libc::F_GETFD) != -1;
                    libc::_exit(libc::c_int::from(!(closed && gone && kept)));
                }
                child => assert_eq!(libc::waitpid(child, &raw mut how, 0), child),
            }
        }
        assert!(libc::WIFEXITED(how) && libc::WEXITSTATUS(how) == 0, "{how}");
    }
}
