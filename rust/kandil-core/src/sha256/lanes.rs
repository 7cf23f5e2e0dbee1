//! Many streams at once: which kernels take how many live lanes, and a lane's own state.
//!
//! A kernel of 16 lanes costs the same for 9 live lanes as for 16, two registers in step may or may not beat one, and on CPUs with SHA instructions two interleaved
//! streams may beat eight half-empty lanes. So every kernel is timed once at start (about a millisecond in all), and
//! [`Plan`] holds the cheapest combination for every number of live lanes.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::{BLOCK, Digest, INITIAL, Kernel, MAX_WIDTH, State, kernels, pad, to_digest};

/// For every number of live lanes the kernels to use, and what a step costs.
pub struct Plan {
    /// `steps[n]`: the kernel for the first lanes when `n` are live; the rest is `steps[n - width]`.
    steps: [Kernel; MAX_WIDTH + 1],
    /// `costs[n]`: nanoseconds to advance `n` lanes by one block each.
    costs: [f64; MAX_WIDTH + 1],
    width: usize,
}

/// The plan of this machine, made at first use.
pub fn plan() -> &'static Plan {
    static PLAN: LazyLock<Plan> = LazyLock::new(|| Plan::new(kernels(), cost));
    &PLAN
}

impl Plan {
    /// The cheapest plan out of `kernels`, of which one has width 1; `cost` gives the nanoseconds of one call per block.
    pub fn new(kernels: &[Kernel], cost: impl Fn(&Kernel) -> f64) -> Plan {
        let priced: Vec<(Kernel, f64)> = kernels.iter().map(|k| (*k, cost(k))).collect();
        let mut plan = Plan { steps: [priced[0].0; MAX_WIDTH + 1], costs: [0.0; MAX_WIDTH + 1], width: 1 };
        for lanes in 1..=MAX_WIDTH {
            // A wide kernel with empty lanes beats narrow ones only if it is clearly cheaper: ties go to the narrow one.
            let options = priced.iter().filter(|(k, _)| lanes > 1 || k.width == 1);
            let total = |(k, price): &(Kernel, f64)| price + plan.costs[lanes.saturating_sub(k.width)];
            let best = options.min_by(|a, b| total(a).total_cmp(&total(b))).expect("a kernel of width 1");
            plan.costs[lanes] = total(best);
            plan.steps[lanes] = best.0;
        }
        // Timing noise must not make more lanes look cheaper than fewer.
        for lanes in 2..=MAX_WIDTH {
            plan.costs[lanes] = plan.costs[lanes].max(plan.costs[lanes - 1]);
        }
        let speed = |lanes: usize| lanes as f64 / plan.costs[lanes];
        let best = (1..=MAX_WIDTH).map(speed).fold(0.0, f64::max);
        plan.width = (1..=MAX_WIDTH).find(|&lanes| speed(lanes) >= best * 0.95).unwrap_or(1);
        plan
    }

    /// The kernel for one stream.
    pub fn single(&self) -> &Kernel {
        &self.steps[1]
    }

    /// The number of lanes that gives a thread its throughput: more than these gain less than a twentieth.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Nanoseconds to advance `lanes` lanes by a block each.
    pub fn cost(&self, lanes: usize) -> f64 {
        self.costs[lanes.min(MAX_WIDTH)]
    }

    /// Kernels as `set×width` for every number of live lanes, to show and to record beside figures.
    pub fn describe(&self) -> Vec<String> {
        (1..=MAX_WIDTH).map(|lanes| self.combination(lanes).join("+")).collect()
    }

    fn combination(&self, mut lanes: usize) -> Vec<String> {
        let mut names = Vec::new();
        while lanes > 0 {
            let kernel = &self.steps[lanes];
            names.push(format!("{}x{}", kernel.set, kernel.width));
            lanes = lanes.saturating_sub(kernel.width);
        }
        names
    }

    /// Takes `data[i]`, whole blocks and all of the same length, into `states[i]`; at most [`MAX_WIDTH`] of them.
    pub fn compress(&self, mut states: &mut [State], mut data: &[&[u8]]) {
        while !states.is_empty() {
            let kernel = &self.steps[states.len()];
            let (now, rest) = states.split_at_mut(states.len().min(kernel.width));
            let (data_now, data_rest) = data.split_at(now.len());
            kernel.compress(now, data_now);
            (states, data) = (rest, data_rest);
        }
    }
}

/// Nanoseconds per block of one call: the best of several runs. Wide kernels run for longer: some processors give wide
/// registers their full speed only after a fraction of a millisecond.
fn cost(kernel: &Kernel) -> f64 {
    const BLOCKS: usize = 32;
    let bytes = [0x5a; BLOCKS * BLOCK];
    let data = [&bytes[..]; MAX_WIDTH];
    let mut states = [INITIAL; MAX_WIDTH];
    let enough = Duration::from_micros(50 + 10 * kernel.width as u64);
    let (mut best, begin) = (Duration::MAX, Instant::now());
    for run in 0.. {
        let start = Instant::now();
        kernel.compress(&mut states[..kernel.width], &data[..kernel.width]);
        best = best.min(start.elapsed());
        if run >= 3 && begin.elapsed() >= enough {
            break;
        }
    }
    best.as_nanos() as f64 / BLOCKS as f64
}

/// One message on its way through a lane: the hash so far and the blocks that wait.
pub struct Lane {
    state: State,
    buffer: Box<[u8]>,
    /// What of `buffer` waits to be compressed: whole blocks.
    waiting: std::ops::Range<usize>,
    length: u64,
    /// The padding is in the buffer: nothing may follow.
    padded: bool,
}

impl Lane {
    /// A lane that takes up to `capacity` bytes at a time, a multiple of [`BLOCK`].
    pub fn new(capacity: usize) -> Lane {
        assert!(capacity > 0 && capacity.is_multiple_of(BLOCK), "whole blocks");
        let buffer = vec![0; capacity + 2 * BLOCK].into_boxed_slice();
        Lane { state: INITIAL, buffer, waiting: 0..0, length: 0, padded: false }
    }

    /// Begins a new message in the same buffer.
    pub fn restart(&mut self) {
        (self.state, self.waiting, self.length, self.padded) = (INITIAL, 0..0, 0, false);
    }

    /// Bytes in its buffer, the room for padding included.
    pub fn size(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes taken so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Blocks that wait.
    pub fn blocks(&self) -> usize {
        self.waiting.len() / BLOCK
    }

    /// All has been taken and compressed; [`Lane::digest`] is the message's.
    pub fn done(&self) -> bool {
        self.padded && self.waiting.is_empty()
    }

    /// Where to write the next bytes while no block waits; then call [`Lane::filled`].
    pub fn space(&mut self) -> &mut [u8] {
        debug_assert!(self.waiting.is_empty() && !self.padded);
        let end = self.buffer.len() - 2 * BLOCK;
        &mut self.buffer[..end]
    }

    /// The first `count` bytes of the space have been written. Fewer than all of it: the message ends here.
    /// Returns them.
    pub fn filled(&mut self, count: usize) -> &[u8] {
        let capacity = self.buffer.len() - 2 * BLOCK;
        self.length += count as u64;
        let mut end = count;
        if count < capacity {
            let whole = count - count % BLOCK;
            end = whole + pad(&mut self.buffer[whole..], count % BLOCK, self.length);
            self.padded = true;
        }
        self.waiting = 0..end;
        &self.buffer[..count]
    }

    /// Puts another buffer of the same size in the place of the lane's, whose blocks have all been compressed.
    ///
    /// # Panics
    ///
    /// When blocks wait, or the sizes differ.
    pub fn swap(&mut self, buffer: &mut Box<[u8]>) {
        assert!(self.waiting.is_empty() && buffer.len() == self.buffer.len(), "an empty lane, equal buffers");
        std::mem::swap(&mut self.buffer, buffer);
    }

    /// The digest of the message.
    ///
    /// # Panics
    ///
    /// Before [`Lane::done`].
    pub fn digest(&self) -> Digest {
        assert!(self.done(), "the message has not ended");
        to_digest(&self.state)
    }
}

/// Advances all of `lanes` that have blocks by as many blocks as each of them has. At most [`MAX_WIDTH`] lanes.
pub fn advance<'a>(plan: &Plan, lanes: impl Iterator<Item = &'a mut Lane>) {
    let mut live: [Option<&mut Lane>; MAX_WIDTH] = [const { None }; MAX_WIDTH];
    let mut count = 0;
    for lane in lanes.filter(|lane| lane.blocks() > 0) {
        live[count] = Some(lane);
        count += 1;
    }
    let live = &mut live[..count];
    let Some(blocks) = live.iter().flatten().map(|lane| lane.blocks()).min() else { return };
    let mut states = [INITIAL; MAX_WIDTH];
    let mut data: [&[u8]; MAX_WIDTH] = [&[]; MAX_WIDTH];
    for (i, lane) in live.iter().flatten().enumerate() {
        states[i] = lane.state;
        data[i] = &lane.buffer[lane.waiting.start..][..blocks * BLOCK];
    }
    plan.compress(&mut states[..count], &data[..count]);
    for (lane, state) in live.iter_mut().flatten().zip(states) {
        lane.state = state;
        lane.waiting.start += blocks * BLOCK;
    }
}
