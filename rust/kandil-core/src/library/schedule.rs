//! The policy, as functions of numbers: how many lanes a thread fills, and what it hands to an idle one.
//!
//! A lane advances at the same speed in a step of 9 lanes as of 16, but slower than alone: many lanes give throughput,
//! few give an early end to a large file. Sizes are in bytes; times in nanoseconds per block of 64 bytes times bytes,
//! that is, only their order means something.

use crate::sha256::lanes::Plan;

/// The part of a SHA-256 pass that taking BLAKE3 beside it may cost.
pub const BLAKE3_SHARE: f64 = 0.15;

/// What the decision about one thread's lanes rests on.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The longest remaining of the thread's files, the one that it might take next included.
    pub longest: u64,
    /// Remaining bytes of all files, on all threads and waiting.
    pub total: u64,
    /// Files on all threads and waiting.
    pub files: usize,
    /// Threads.
    pub threads: usize,
}

/// The number of lanes at which the thread with `load.longest` and the rest of the machine end soonest.
pub fn lanes(plan: &Plan, load: Load) -> usize {
    let share = load.files.div_ceil(load.threads).clamp(1, plan.width());
    let most = load.files.clamp(1, plan.width());
    // From the even share outwards, so that it wins ties.
    let mut best = (share, end(plan, load, share));
    for lanes in 1..=most {
        let time = end(plan, load, lanes);
        if time < best.1 * 0.99 {
            best = (lanes, time);
        }
    }
    best.0
}

/// When all would be done if this thread kept `lanes` lanes full and the others shared the rest.
fn end(plan: &Plan, load: Load, lanes: usize) -> f64 {
    let alone = load.longest as f64 * plan.cost(lanes);
    let others = load.threads - 1;
    if others == 0 {
        return alone.max(load.total as f64 * plan.cost(lanes) / lanes as f64);
    }
    let rest = (load.total as f64 - load.longest as f64 * lanes as f64).max(0.0);
    let files = load.files.saturating_sub(lanes);
    if files == 0 {
        return alone;
    }
    let width = files.div_ceil(others).min(plan.width());
    alone.max(rest * plan.cost(width) / (width * others) as f64)
}

/// When a thread is done that has files of these `remaining` bytes, longest first, in its lanes and takes no more.
fn drain(plan: &Plan, remaining: impl DoubleEndedIterator<Item = u64> + ExactSizeIterator) -> f64 {
    let (mut lanes, mut before, mut time) = (remaining.len(), 0, 0.0);
    for bytes in remaining.rev() {
        time += (bytes - before) as f64 * plan.cost(lanes);
        (before, lanes) = (bytes, lanes - 1);
    }
    time
}

/// How many of its files, longest first in `remaining`, a thread should keep when another is idle; the rest goes there.
/// `None`: handing over would not end sooner by a twentieth.
pub fn keep(plan: &Plan, remaining: &[u64]) -> Option<usize> {
    let now = drain(plan, remaining.iter().copied());
    let after = |k: usize| {
        let (kept, given) = remaining.split_at(k);
        drain(plan, kept.iter().copied()).max(drain(plan, given.iter().copied()))
    };
    let (k, time) = (1..remaining.len()).map(|k| (k, after(k))).min_by(|a, b| a.1.total_cmp(&b.1))?;
    (time < now * 0.95).then_some(k)
}
