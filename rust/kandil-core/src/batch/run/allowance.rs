//! How much of the traffic may be repetition: a tenth, so that a server in trouble is not given more to do.

use super::SECOND;

/// Earned by a request that is sent for the first time; a repetition costs 1.
const EARNED: f64 = 0.1;
/// So that a small batch may repeat, too.
const FIRST: f64 = 10.0;
/// When nothing is left (and nothing new comes that would earn some), one repetition goes each tenth of a second.
const TRICKLE: u64 = SECOND / 10;
const SHORTEST: u64 = SECOND / 2;
const LONGEST: u64 = 60 * SECOND;

pub(super) struct Allowance {
    balance: f64,
    next: u64,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance { balance: FIRST, next: 0 }
    }
}

impl Allowance {
    /// Something new was sent.
    pub(super) fn earn(&mut self) {
        self.balance += EARNED;
    }

    /// Whether a repetition may go now; then it is paid for.
    pub(super) fn take(&mut self, now: u64) -> bool {
        if self.balance >= 1.0 {
            self.balance -= 1.0;
        } else if now >= self.next {
            self.next = now + TRICKLE;
        } else {
            return false;
        }
        true
    }

    /// When one may go at the latest.
    pub(super) fn next(&self) -> u64 {
        if self.balance >= 1.0 { 0 } else { self.next }
    }
}

/// Nanoseconds before a row goes again: at random up to twice as long each time, so that rows that failed together do
/// not come back together ("full jitter", Marc Brooker, "Exponential Backoff And Jitter", 2015).
pub(super) fn jitter(random: &mut u64, retries: u32) -> u64 {
    let most = SHORTEST.saturating_mul(1 << retries.min(16)).min(LONGEST);
    draw(random) % most
}

/// xorshift64* (Sebastiano Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016).
pub(super) fn draw(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 1
}
