//! What the server has seen. One thread counts, another may read.

use std::fmt::{self, Display, Formatter};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub(crate) static COUNTS: Counts = Counts {
    completions: AtomicU64::new(0),
    refused: AtomicU64::new(0),
    connections: AtomicU64::new(0),
    open_connections: Level::new(),
    in_flight: Level::new(),
};

/// Shown as JSON.
pub(crate) struct Counts {
    pub(crate) completions: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) open_connections: Level,
    /// Requests that are whole and wait for their answer's time.
    pub(crate) in_flight: Level,
}

/// Something that rises and falls; its peak is kept.
pub(crate) struct Level {
    now: AtomicU64,
    peak: AtomicU64,
}

impl Level {
    const fn new() -> Self {
        Self { now: AtomicU64::new(0), peak: AtomicU64::new(0) }
    }

    pub(crate) fn rises(&self) {
        self.peak.fetch_max(self.now.fetch_add(1, Relaxed) + 1, Relaxed);
    }

    pub(crate) fn falls(&self) {
        self.now.fetch_sub(1, Relaxed);
    }
}

impl Display for Counts {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let json = serde_json::json!({
            "completions": self.completions.load(Relaxed),
            "refused": self.refused.load(Relaxed),
            "connections": self.connections.load(Relaxed),
            "peak_open_connections": self.open_connections.peak.load(Relaxed),
            "peak_in_flight": self.in_flight.peak.load(Relaxed),
            "cpu_seconds": cpu_seconds(),
        });
        json.fmt(out)
    }
}

/// Of this process, user and system.
fn cpu_seconds() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the structure is as large as the call says; zeros are valid for it should the call fail.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
