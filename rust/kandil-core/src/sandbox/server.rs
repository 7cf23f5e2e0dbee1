//! A server of models: it goes on to read its files, to compute, and to take connections, and does nothing else.
//!
//! Weaker than [`enter`](super::enter), which is for files of which nothing is known: it is on top of that, for files
//! that were verified, and is never a reason not to run. What a system does not grant is left out, and told.

use std::fs;
use std::path::PathBuf;

use super::{Error, Layer, Layers, capabilities, landlock, limits, monitor, no_new_privs, seccomp};

/// What is left to it.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// Files to read. It is the files that are meant: what takes their names later cannot be opened.
    pub files: Vec<PathBuf>,
    /// Folders to read and to load libraries from.
    pub folders: Vec<PathBuf>,
    /// Devices to compute with: read, written, asked. Their drivers want more than a processor does, and get it.
    pub devices: Vec<PathBuf>,
    /// The memory of its own that it may take, mapped files aside.
    pub data_bytes: Option<u64>,
}

/// This process, and all threads that it will start, keep only what `server` says.
///
/// # Errors
/// Where other threads run, which the layers would not bind.
pub fn confine(server: &Server) -> Result<Layers, Error> {
    let threads = fs::read_dir("/proc/self/task").map_err(|error| Error::Failed("/proc/self/task", error))?.count();
    if threads != 1 {
        return Err(Error::Threads(threads));
    }
    monitor::be_opaque();
    let devices = !server.devices.is_empty();
    let absent = |result: Result<(), String>| result.err();
    Ok(Layers::from([
        (Layer::NoNewPrivs, absent(no_new_privs())),
        (Layer::Capabilities, absent(capabilities::drop_all())),
        (Layer::Landlock, absent(landlock::restrict_server(server))),
        (Layer::Rlimits, absent(limits::restrict_server(server.data_bytes, devices))),
        (Layer::Seccomp, absent(seccomp::server::restrict(devices))),
    ]))
}
