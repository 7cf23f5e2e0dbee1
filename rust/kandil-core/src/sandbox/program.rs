//! A program of somebody's, as tests are that nobody has read: it computes, reads what it is given, writes into its own
//! folders, and starts processes that are held as it is.
//!
//! Unlike [`enter`](super::enter), nothing is known of what it needs, so it keeps all system calls but those that lead
//! out. Landlock does not rule on modes, owners, times and attributes of files: calls that set them do nothing, and say
//! that they have.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{Demand, Entering, Error, Layer, Layers, Options, capabilities, landlock, limits, monitor, namespaces};
use super::{no_new_privs, seccomp};

/// What is left to it.
#[derive(Clone, Debug)]
pub struct Program {
    /// Files and folders to read, and to run programs from. What is not there is left out.
    pub readable: Vec<PathBuf>,
    /// Folders to write in as well.
    pub writable: Vec<PathBuf>,
    /// What each process may map.
    pub memory_bytes: u64,
    /// The CPU time after which the kernel ends a process.
    pub cpu_seconds: u64,
    /// The size of each file that is written.
    pub file_bytes: u64,
    /// How many processes and threads there may be beside those that run now, the whole system's.
    pub processes: u64,
    /// Which layers must be there.
    pub demand: Demand,
    /// What is left out: for tests that show what a layer is for.
    pub without: Vec<Layer>,
}

/// Returns in a new process, which keeps only what `program` says, over `execve` too; standard input is empty there.
///
/// What was called stays behind as a monitor: it ends as the new process does, and when standard input ends it takes
/// its whole process group along. Nothing can leave that group.
///
/// # Errors
/// Where other threads run, this process leads no group of its own, or `program.demand` is not met. It must then end.
pub fn confine(program: &Program) -> Result<Layers, Error> {
    let threads = fs::read_dir("/proc/self/task").map_err(|error| Error::Failed("/proc/self/task", error))?.count();
    if threads != 1 {
        return Err(Error::Threads(threads));
    }
    if !monitor::leads_group() {
        return Err(Error::Failed("getpgrp", io::Error::other("this process leads no group")));
    }
    let running = limits::running().map_err(|error| Error::Failed("/proc/loadavg", error))?;
    monitor::close_others(&[]).map_err(|error| Error::Failed("close_range", error))?;
    let options = Options {
        keep_fds: Vec::new(),
        memory_bytes: program.memory_bytes,
        cpu_seconds: program.cpu_seconds,
        threads: true,
        demand: program.demand,
        without: program.without.clone(),
    };
    let mut entering = Entering { options: &options, layers: Layers::new() };

    entering.put(Layer::NoNewPrivs, no_new_privs);
    entering.put(Layer::Namespaces, namespaces::unshare);
    let own_pids = entering.has(Layer::Namespaces);
    monitor::fork(own_pids).map_err(|error| Error::Failed("fork", error))?;
    entering.put(Layer::Capabilities, capabilities::drop_all);
    monitor::die_with_parent();
    entering.put(Layer::Landlock, || landlock::restrict_program(program));
    entering.put(Layer::Rlimits, || limits::restrict_program(program, running));
    let alone = own_pids || landlock::keeps_signals_in();
    entering.put(Layer::Seccomp, || seccomp::program::restrict(alone));
    // A network and processes of its own are no way to keep files away.
    if entering.has(Layer::Landlock) { entering.checked() } else { entering.without_files() }
}
