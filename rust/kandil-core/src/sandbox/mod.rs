//! Takes away from this process all that loading a file does not need. Linux only.
//!
//! [`enter`] is called once, in a process of its own, after everything that it needs is loaded. It forks: what returns
//! is the worker, under all layers; what was called stays behind as a monitor that holds nothing, ends the worker when
//! standard input ends (its supervisor has died), and ends as the worker did, exit code or signal.
//!
//! | layer | by | takes away |
//! |---|---|---|
//! | `no_new_privs` | `prctl` | rights from set-user-id programs |
//! | `capabilities` | `capset`, `setresuid` | root's rights; root becomes nobody (65534) |
//! | `namespaces` | `unshare`, `pivot_root` | all files, the network, other processes, IPC: an empty, read-only root |
//! | `landlock` | the `landlock` crate | opening files, TCP, abstract sockets, signals to others |
//! | `rlimits` | `setrlimit` | memory, CPU time, descriptors; writing, processes, core dumps |
//! | `seccomp` | the `seccompiler` crate | every system call that is not listed in [`seccomp`] |
//!
//! [`confine`] and [`confine_program`] are for other kinds of processes, and take less away: a server, which goes on to
//! read its files and to take connections; and a program of somebody's, which runs as it would, but apart.
//!
//! `landlock` is written by the author of the kernel's part, `seccompiler` by rust-vmm for Firecracker and Cloud
//! Hypervisor: both are kept up, small, and checked by more people than bytes that we would assemble here. The rest is
//! a dozen plain system calls through `libc`.

#![allow(unsafe_code, reason = "system calls; each says why it is sound")]

mod capabilities;
mod landlock;
mod limits;
mod monitor;
mod namespaces;
mod program;
mod seccomp;
mod server;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::RawFd;

pub use program::{Program, confine as confine_program};
pub use server::{Server, confine};

/// What [`enter`] puts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the module's table says what each is")]
pub enum Layer {
    NoNewPrivs,
    Capabilities,
    Namespaces,
    Landlock,
    Rlimits,
    Seccomp,
}

impl Layer {
    /// Every layer, in the order in which they are put on.
    pub const ALL: [Self; 6] =
        [Self::NoNewPrivs, Self::Capabilities, Self::Namespaces, Self::Landlock, Self::Rlimits, Self::Seccomp];

    /// As reports spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoNewPrivs => "no_new_privs",
            Self::Capabilities => "capabilities",
            Self::Namespaces => "namespaces",
            Self::Landlock => "landlock",
            Self::Rlimits => "rlimits",
            Self::Seccomp => "seccomp",
        }
    }
}

/// Each layer, with the reason where it could not be put on.
pub type Layers = BTreeMap<Layer, Option<String>>;

/// Which layers must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// All but namespaces, which many systems do not grant.
    Usual,
    /// `seccomp`, and `landlock` or `namespaces`.
    Weaker,
    /// None: for tests that show what a layer is for.
    Nothing,
}

/// How [`enter`] does it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The descriptors that stay open, beside 0, 1 and 2.
    pub keep_fds: Vec<RawFd>,
    /// What may be mapped beyond what is mapped now.
    pub memory_bytes: u64,
    /// The CPU time after which the kernel ends the worker.
    pub cpu_seconds: u64,
    /// Whether threads may be started.
    pub threads: bool,
    /// Which layers must be there.
    pub demand: Demand,
    /// What is left out: for tests that show what a layer is for.
    pub without: Vec<Layer>,
}

/// Why a process is not in a sandbox, and must not go on.
#[derive(Debug)]
pub enum Error {
    /// Other threads run, which the layers would not bind.
    Threads(usize),
    /// These layers are demanded and could not be put on.
    Missing(Vec<String>),
    /// A step failed that belongs to no layer.
    Failed(&'static str, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads(count) => write!(f, "{count} threads run already, and the sandbox would hold only one"),
            Self::Missing(layers) => {
                write!(f, "this system does not give all that a sandbox needs: {}", layers.join("; "))
            }
            Self::Failed(step, error) => write!(f, "{step}: {error}"),
        }
    }
}

impl std::error::Error for Error {}

/// Returns in the worker, under the layers. See the module.
///
/// # Errors
/// Where `options.demand` is not met, or other threads run. The process may then have lost rights, and must end.
pub fn enter(options: &Options) -> Result<Layers, Error> {
    let threads = fs::read_dir("/proc/self/task").map_err(|error| Error::Failed("/proc/self/task", error))?.count();
    if threads != 1 {
        return Err(Error::Threads(threads));
    }
    let mapped = limits::mapped_bytes().map_err(|error| Error::Failed("/proc/self/statm", error))?;
    monitor::close_others(&options.keep_fds).map_err(|error| Error::Failed("close_range", error))?;
    let mut entering = Entering { options, layers: Layers::new() };

    entering.put(Layer::NoNewPrivs, no_new_privs);
    if !options.without.contains(&Layer::Capabilities) {
        capabilities::become_nobody();
    }
    entering.put(Layer::Namespaces, namespaces::unshare);
    let own_pids = entering.has(Layer::Namespaces);
    monitor::fork(own_pids).map_err(|error| Error::Failed("fork", error))?;
    if own_pids {
        entering.put(Layer::Namespaces, namespaces::empty_root);
    }
    entering.put(Layer::Capabilities, capabilities::drop_all);
    monitor::die_with_parent();
    entering.put(Layer::Landlock, landlock::restrict);
    entering.put(Layer::Rlimits, || limits::restrict(options, mapped));
    let root_is_empty = entering.has(Layer::Namespaces);
    entering.put(Layer::Seccomp, || seccomp::restrict(options.threads, root_is_empty));
    entering.checked()
}

struct Entering<'a> {
    options: &'a Options,
    layers: Layers,
}

impl Entering<'_> {
    fn put(&mut self, layer: Layer, put_on: impl FnOnce() -> Result<(), String>) {
        let reason = if self.options.without.contains(&layer) { Some("left out".to_owned()) } else { put_on().err() };
        self.layers.insert(layer, reason);
    }

    fn has(&self, layer: Layer) -> bool {
        self.layers.get(&layer) == Some(&None)
    }

    /// Where nothing keeps files away, no demand is met.
    fn without_files(mut self) -> Result<Layers, Error> {
        self.layers.insert(Layer::Namespaces, Some("not of files".to_owned()));
        self.checked()
    }

    fn checked(self) -> Result<Layers, Error> {
        let unmet = match self.options.demand {
            Demand::Nothing => false,
            Demand::Weaker => !(self.has(Layer::Seccomp) && (self.has(Layer::Landlock) || self.has(Layer::Namespaces))),
            Demand::Usual => Layer::ALL.into_iter().any(|layer| layer != Layer::Namespaces && !self.has(layer)),
        };
        if !unmet {
            return Ok(self.layers);
        }
        let missing =
            self.layers.iter().filter_map(|(layer, reason)| Some(format!("{}: {}", layer.name(), reason.as_ref()?)));
        Err(Error::Missing(missing.collect()))
    }
}

fn no_new_privs() -> Result<(), String> {
    // SAFETY: takes and changes no memory.
    check("prctl", unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })
}

/// What a system call said, in words.
fn check(call: &str, result: libc::c_int) -> Result<(), String> {
    if result == -1 { Err(format!("{call}: {}", io::Error::last_os_error())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entering(options: &Options, absent: &[Layer]) -> Result<Layers, Error> {
        let layers = Layer::ALL.map(|layer| (layer, absent.contains(&layer).then(|| "refused".to_owned())));
        Entering { options, layers: layers.into() }.checked()
    }

    fn options(demand: Demand) -> Options {
        Options { keep_fds: vec![], memory_bytes: 0, cpu_seconds: 0, threads: false, demand, without: vec![] }
    }

    #[test]
    fn namespaces_alone_may_be_refused() {
        let usual = options(Demand::Usual);
        assert!(entering(&usual, &[]).is_ok());
        assert!(entering(&usual, &[Layer::Namespaces]).is_ok());
        for layer in Layer::ALL.into_iter().filter(|&layer| layer != Layer::Namespaces) {
            let error = entering(&usual, &[layer]).unwrap_err().to_string();
            assert!(error.ends_with(&format!("{}: refused", layer.name())), "{error}");
        }
    }

    #[test]
    fn weaker_still_needs_the_filter_and_a_way_to_keep_files_away() {
        let weaker = options(Demand::Weaker);
        assert!(entering(&weaker, &[Layer::Landlock, Layer::Rlimits, Layer::Capabilities]).is_ok());
        assert!(entering(&weaker, &[Layer::Namespaces, Layer::NoNewPrivs]).is_ok());
        assert!(entering(&weaker, &[Layer::Landlock, Layer::Namespaces]).is_err());
        assert!(entering(&weaker, &[Layer::Seccomp]).is_err());
        assert!(entering(&options(Demand::Nothing), &Layer::ALL).is_ok());
    }

    #[test]
    fn a_process_with_threads_is_refused() {
        // The test harness itself has threads.
        let (_keep, wait) = std::sync::mpsc::channel::<()>();
        let _thread = std::thread::spawn(move || wait.recv());
        assert!(matches!(enter(&options(Demand::Nothing)), Err(Error::Threads(2..))));
    }
}
