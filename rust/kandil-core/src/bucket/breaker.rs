//! A circuit breaker: a server that fails again and again is left alone for a while, then asked by one call.

const SECOND: u64 = 1_000_000_000;
/// So many failures, one after another, open the circuit.
const FAILURES: u64 = 5;
const FIRST_OPEN: u64 = 5 * SECOND;
const LONGEST_OPEN: u64 = 60 * SECOND;
/// A probe that says nothing for so long is held for lost.
const PROBE: u64 = 120 * SECOND;

/// Whether a call may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// The circuit is closed: all is well.
    Yes,
    /// It was open, and this one call finds out.
    Probe,
    /// It is open, or another call finds out: `until` is when to ask again.
    No {
        /// When it opened.
        since: u64,
        /// When to ask again.
        until: u64,
    },
}

/// Of one origin. Time is an argument, as everywhere; every bit pattern is a breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Breaker {
    /// One after another.
    failures: u64,
    /// 0: closed.
    opened: u64,
    until: u64,
    /// How often it opened without a success between.
    times: u64,
    /// Whose probe is under way; 0: nobody's.
    probe: u64,
    probe_began: u64,
}

impl Breaker {
    /// Whether `owner`'s call may go; a probe must be told what became of it. Who is dead probes nothing.
    pub fn admit(&mut self, now: u64, owner: u64, alive: impl FnOnce(u64) -> bool) -> Admitted {
        if self.opened == 0 {
            return Admitted::Yes;
        }
        if now < self.until {
            return Admitted::No { since: self.opened, until: self.until };
        }
        let lost = self.probe_began.saturating_add(PROBE);
        if self.probe != 0 && now < lost && alive(self.probe) {
            return Admitted::No { since: self.opened, until: now.saturating_add(SECOND) };
        }
        (self.probe, self.probe_began) = (owner.max(1), now);
        Admitted::Probe
    }

    /// The server answered: closed.
    pub fn succeeded(&mut self) {
        *self = Breaker::default();
    }

    /// It failed, or was not reached. A failed probe opens the circuit again, each time for twice as long.
    pub fn failed(&mut self, now: u64) {
        self.failures = self.failures.saturating_add(1);
        let probing = self.opened != 0 && now >= self.until;
        if !probing && (self.opened != 0 || self.failures < FAILURES) {
            return; // a call that was under way when it opened says nothing new
        }
        let length = FIRST_OPEN.saturating_mul(1 << self.times.min(8)).min(LONGEST_OPEN);
        self.opened = if self.opened == 0 { now.max(1) } else { self.opened };
        self.until = now.saturating_add(length);
        self.times = self.times.saturating_add(1);
        (self.probe, self.probe_began) = (0, 0);
    }

    /// The probe was not sent, or cancelled: the next call probes.
    pub fn abandoned(&mut self, owner: u64) {
        if self.probe == owner.max(1) {
            (self.probe, self.probe_began) = (0, 0);
        }
    }

    /// Failures one after another, since when it is open (None: closed), and until when nobody is let through.
    #[must_use]
    pub fn state(&self) -> (u64, Option<(u64, u64)>) {
        (self.failures, (self.opened != 0).then_some((self.opened, self.until)))
    }

    /// What a file may have wrong is as it must be.
    pub fn mend(&mut self, now: u64) {
        self.opened = self.opened.min(now);
        self.until = self.until.min(now.saturating_add(LONGEST_OPEN));
        self.probe_began = self.probe_began.min(now);
    }
}
