//! Resource limits.

use std::fs;
use std::io;

use super::{Options, Program, check};

/// Enough for what is kept, a stream over it, and a copy; not for what only takes memory of the kernel's.
const FILES: libc::rlim_t = 32;

const PROGRAM_FILES: libc::rlim_t = 1024;

/// How much this process has mapped: Python and the libraries that it works with, half a gigabyte where they are large.
pub(super) fn mapped_bytes() -> io::Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: Option<u64> = statm.split(' ').next().and_then(|pages| pages.parse().ok());
    // SAFETY: takes and changes no memory.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let bytes = pages.zip(u64::try_from(page).ok()).and_then(|(pages, page)| pages.checked_mul(page));
    bytes.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// Limits that nothing can raise again.
pub(super) fn restrict(options: &Options, mapped: u64) -> Result<(), String> {
    let mut limits = vec![
        ("RLIMIT_AS", libc::RLIMIT_AS, mapped.saturating_add(options.memory_bytes)),
        ("RLIMIT_NOFILE", libc::RLIMIT_NOFILE, FILES),
        ("RLIMIT_FSIZE", libc::RLIMIT_FSIZE, 0),
        ("RLIMIT_CORE", libc::RLIMIT_CORE, 0),
        ("RLIMIT_MEMLOCK", libc::RLIMIT_MEMLOCK, 0),
        ("RLIMIT_MSGQUEUE", libc::RLIMIT_MSGQUEUE, 0),
        ("RLIMIT_LOCKS", libc::RLIMIT_LOCKS, 0),
    ];
    if !options.threads {
        limits.push(("RLIMIT_NPROC", libc::RLIMIT_NPROC, 0)); // it counts threads as well
    }
    for (name, resource, value) in limits {
        set(name, resource, value, value)?;
    }
    // First SIGXCPU, which says what happened, and a second later SIGKILL, which cannot be caught.
    set("RLIMIT_CPU", libc::RLIMIT_CPU, options.cpu_seconds, options.cpu_seconds.saturating_add(1))
}

/// Limits of a server, which nothing can raise again. Drivers of GPUs write memory as files.
pub(super) fn restrict_server(data_bytes: Option<u64>, devices: bool) -> Result<(), String> {
    for (name, resource) in [("RLIMIT_CORE", libc::RLIMIT_CORE), ("RLIMIT_MSGQUEUE", libc::RLIMIT_MSGQUEUE)] {
        set(name, resource, 0, 0)?;
    }
    if !devices {
        set("RLIMIT_FSIZE", libc::RLIMIT_FSIZE, 0, 0)?;
    }
    data_bytes.map_or(Ok(()), |bytes| set("RLIMIT_DATA", libc::RLIMIT_DATA, bytes, bytes))
}

/// How many processes and threads the whole system has: none of them counts for a new limit.
pub(super) fn running() -> io::Result<u64> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let running = load.split(' ').nth(3).and_then(|tasks| tasks.split_once('/')?.1.parse().ok());
    running.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// Limits of a program, for each of its processes, which nothing can raise again. `running`: see [`running`].
pub(super) fn restrict_program(program: &Program, running: u64) -> Result<(), String> {
    let limits = [
        ("RLIMIT_AS", libc::RLIMIT_AS, program.memory_bytes),
        ("RLIMIT_FSIZE", libc::RLIMIT_FSIZE, program.file_bytes),
        ("RLIMIT_NPROC", libc::RLIMIT_NPROC, running.saturating_add(program.processes)),
        ("RLIMIT_NOFILE", libc::RLIMIT_NOFILE, PROGRAM_FILES),
        ("RLIMIT_CORE", libc::RLIMIT_CORE, 0),
        ("RLIMIT_MEMLOCK", libc::RLIMIT_MEMLOCK, 0),
        ("RLIMIT_MSGQUEUE", libc::RLIMIT_MSGQUEUE, 0),
    ];
    for (name, resource, value) in limits {
        set(name, resource, value, value)?;
    }
    set("RLIMIT_CPU", libc::RLIMIT_CPU, program.cpu_seconds, program.cpu_seconds.saturating_add(1))
}

#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

fn set(name: &str, resource: Resource, soft: libc::rlim_t, hard: libc::rlim_t) -> Result<(), String> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one rlimit, which is ours.
    check(name, unsafe { libc::getrlimit(resource, &raw mut now) })?;
    let limit = libc::rlimit { rlim_cur: soft.min(now.rlim_max), rlim_max: hard.min(now.rlim_max) };
    // SAFETY: the kernel reads one rlimit, which is ours.
    check(name, unsafe { libc::setrlimit(resource, &raw const limit) })
}
