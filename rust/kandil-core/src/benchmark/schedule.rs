//! When requests are due.

const SECOND: f64 = 1e9;

/// How requests follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// A closed loop: as one ends, the next one begins.
    AsOthersEnd,
    /// An open loop: whatever becomes of them, so many a second on average, with the gaps of a Poisson process.
    Poisson {
        /// Above 0.
        per_second: f64,
        /// The same one draws the same gaps.
        seed: u64,
    },
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// One is to be sent.
    Now,
    /// At this moment.
    At(u64),
    /// When one has ended.
    AfterAnEnd,
    /// All were sent.
    Over,
}

/// The requests of a round that are still to be sent.
pub struct Schedule {
    arrivals: Arrivals,
    at_once: usize,
    left: usize,
    next: u64,
    random: u64,
}

impl Schedule {
    /// For `requests`, from the moment `now`; never more than `at_once` of them are under way.
    #[must_use]
    pub fn new(arrivals: Arrivals, requests: usize, at_once: usize, now: u64) -> Schedule {
        let random = if let Arrivals::Poisson { seed, .. } = arrivals { seed } else { 0 };
        let mut schedule = Schedule { arrivals, at_once: at_once.max(1), left: requests, next: now, random };
        schedule.advance();
        schedule
    }

    /// Of the next request, where so many are under way.
    #[must_use]
    pub fn due(&self, now: u64, under_way: usize) -> Due {
        match self.arrivals {
            _ if self.left == 0 => Due::Over,
            Arrivals::Poisson { .. } if self.next > now => Due::At(self.next),
            _ if under_way >= self.at_once => Due::AfterAnEnd,
            _ => Due::Now,
        }
    }

    /// The next request is sent: gives the moment at which it was due, which may be long ago in an open loop.
    pub fn send(&mut self, now: u64) -> u64 {
        let due = if self.arrivals == Arrivals::AsOthersEnd { now } else { self.next };
        self.left = self.left.saturating_sub(1);
        self.advance();
        due
    }

    /// Nothing more is sent.
    pub fn stop(&mut self) {
        self.left = 0;
    }

    fn advance(&mut self) {
        if let Arrivals::Poisson { per_second, .. } = self.arrivals {
            let gap = -self.draw().ln() / per_second * SECOND;
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "what is too large is the largest"
            )]
            let gap = gap as u64;
            self.next = self.next.saturating_add(gap);
        }
    }

    /// Above 0, up to 1: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
    fn draw(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
        let whole = ((mixed >> 11) + 1) as f64;
        whole / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POISSON: Arrivals = Arrivals::Poisson { per_second: 100.0, seed: 7 };

    fn dues(arrivals: Arrivals, requests: usize) -> Vec<u64> {
        let mut schedule = Schedule::new(arrivals, requests, usize::MAX, 1_000);
        let mut dues = Vec::new();
        let mut now = 1_000;
        loop {
            match schedule.due(now, dues.len()) {
                Due::Now => dues.push(schedule.send(now)),
                Due::At(moment) => now = moment,
                Due::AfterAnEnd => unreachable!("any number may be under way"),
                Due::Over => return dues,
            }
        }
    }

    #[test]
    fn a_closed_loop_keeps_as_many_under_way_as_it_may() {
        let mut schedule = Schedule::new(Arrivals::AsOthersEnd, 3, 2, 5);
        assert_eq!((schedule.due(5, 0), schedule.send(5)), (Due::Now, 5));
        assert_eq!((schedule.due(6, 1), schedule.send(6)), (Due::Now, 6));
        assert_eq!(schedule.due(7, 2), Due::AfterAnEnd);
        assert_eq!((schedule.due(90, 1), schedule.send(90)), (Due::Now, 90));
        assert_eq!(schedule.due(91, 2), Due::Over);
    }

    #[test]
    fn an_open_loop_has_the_gaps_of_a_poisson_process() {
        let dues = dues(POISSON, 20_000);
        let gaps: Vec<f64> = dues.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / SECOND).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 0.01).abs() < 0.0003, "{mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "an exponential's deviation is its mean");
        let mut lag = gaps.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum::<f64>();
        lag /= gaps.len() as f64 * variance;
        assert!(lag.abs() < 0.03, "no gap tells the next one: {lag}");
    }

    #[test]
    fn the_same_seed_draws_the_same_gaps() {
        assert_eq!(dues(POISSON, 50), dues(POISSON, 50));
        assert_ne!(dues(POISSON, 50), dues(Arrivals::Poisson { per_second: 100.0, seed: 8 }, 50));
    }

    #[test]
    fn what_had_to_wait_in_an_open_loop_is_due_when_it_was() {
        let planned = dues(POISSON, 3);
        let mut schedule = Schedule::new(POISSON, 3, 1, 1_000);
        assert_eq!(schedule.due(1_000, 0), Due::At(planned[0]));
        assert_eq!(schedule.send(planned[0]), planned[0]);
        let late = planned[2] + 1_000_000_000;
        assert_eq!(schedule.due(late, 1), Due::AfterAnEnd);
        assert_eq!(schedule.send(late), planned[1], "its latency counts from here: nothing is left out");
        assert_eq!(schedule.send(late), planned[2]);
        assert_eq!(schedule.due(late, 0), Due::Over);
    }

    #[test]
    fn nothing_is_due_after_a_stop() {
        let mut schedule = Schedule::new(POISSON, 3, 1, 0);
        schedule.stop();
        assert_eq!(schedule.due(u64::MAX, 0), Due::Over);
    }
}
