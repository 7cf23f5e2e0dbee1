//! How much was granted in the time that a limit looks back over.

use std::array;

/// Into how many parts a window is cut. What was granted counts until its whole part has left the window, so for up to
/// one part too long: the rate stays within 1/256, 0.4 %, of the limit, and is never over it.
const PARTS: u64 = 256;
const CELLS: usize = PARTS as usize + 1;
/// More than any limit; small enough that sums of it do not overflow.
pub(crate) const MOST: u64 = 1 << 48;

/// A limit over a sliding window. All numbers may be garbage, as a file may have them: none of that panics.
#[derive(Clone)]
#[repr(C)]
pub(crate) struct Window {
    /// Nanoseconds of one part.
    part: u64,
    /// 0: not known.
    pub(crate) limit: u64,
    /// Granted, and not known to have arrived: it counts, whenever that was.
    pub(crate) held: u64,
    total: u64,
    /// The newest part that anything was written to, counted from the clock's zero.
    newest: u64,
    cells: [u64; CELLS],
}

impl Window {
    pub(crate) fn new(length: u64) -> Window {
        Window { part: length / PARTS, limit: 0, held: 0, total: 0, newest: 0, cells: [0; CELLS] }
    }

    /// Numbers that a file may have wrong are as they must be.
    pub(crate) fn mend(&mut self, length: u64, now: u64) {
        self.part = length / PARTS;
        self.limit = self.limit.min(MOST);
        self.held = 0;
        // Another process may be a little further in time than the moment at which this one began to wait for its turn.
        if self.newest > self.at(now) + PARTS {
            (self.newest, self.cells) = (0, [0; CELLS]);
        }
        self.cells = array::from_fn(|index| self.cells[index].min(MOST));
        self.total = self.cells.iter().sum();
    }

    /// What counts now.
    pub(crate) fn used(&mut self, now: u64) -> u64 {
        self.advance(now);
        self.total.saturating_add(self.held)
    }

    /// Whether so much more may go. What is more than the whole limit goes alone: it can never be less.
    pub(crate) fn admits(&mut self, amount: u64, now: u64) -> bool {
        if self.limit == 0 || amount == 0 {
            return true;
        }
        let used = self.used(now);
        used == 0 || used.saturating_add(amount) <= self.limit
    }

    /// Nanoseconds until so much more may go, if nothing else goes; None: what is held decides.
    pub(crate) fn wait(&mut self, amount: u64, now: u64) -> Option<u64> {
        if self.admits(amount, now) {
            return Some(0);
        }
        let room = self.limit.saturating_sub(amount);
        if self.held > room {
            return None;
        }
        let mut left = self.total;
        let newest = self.newest;
        for index in newest.saturating_sub(PARTS)..=newest {
            left = left.saturating_sub(self.cells[cell(index)]);
            if left.saturating_add(self.held) <= room {
                let leaves = (index + PARTS + 1).saturating_mul(self.part);
                return Some(leaves.saturating_sub(now));
            }
        }
        None
    }

    pub(crate) fn add(&mut self, amount: u64, now: u64) {
        self.advance(now);
        let amount = amount.min(MOST);
        let newest = &mut self.cells[cell(self.newest)];
        *newest = newest.saturating_add(amount);
        self.total = self.total.saturating_add(amount);
    }

    /// Takes back what was added at `then`, where that still counts.
    pub(crate) fn take_back(&mut self, amount: u64, then: u64, now: u64) {
        self.advance(now);
        let index = self.at(then);
        if index <= self.newest && index + PARTS >= self.newest {
            let old = &mut self.cells[cell(index)];
            let amount = amount.min(*old);
            *old -= amount;
            self.total = self.total.saturating_sub(amount);
        }
    }

    /// Counts until `leaves`, or for the whole window where that is sooner.
    pub(crate) fn add_until(&mut self, amount: u64, leaves: u64, now: u64) {
        self.advance(now);
        let index = self.at(leaves).saturating_sub(PARTS).clamp(self.newest.saturating_sub(PARTS), self.newest);
        let amount = amount.min(MOST);
        let old = &mut self.cells[cell(index)];
        *old = old.saturating_add(amount);
        self.total = self.total.saturating_add(amount);
    }

    /// How long the window is.
    pub(crate) fn length(&self) -> u64 {
        self.part * PARTS
    }

    /// Parts that have wholly left count no more. Time never runs backwards here.
    fn advance(&mut self, now: u64) {
        let index = self.at(now);
        if index <= self.newest {
            return;
        }
        if index - self.newest >= CELLS as u64 {
            (self.cells, self.total) = ([0; CELLS], 0);
        } else {
            for gone in self.newest + 1..=index {
                let old = &mut self.cells[cell(gone)];
                self.total = self.total.saturating_sub(*old);
                *old = 0;
            }
        }
        self.newest = index;
    }

    fn at(&self, time: u64) -> u64 {
        time / self.part.max(1)
    }
}

fn cell(index: u64) -> usize {
    (index % CELLS as u64) as usize
}
