//! How many calls to one model may be under way: as many as it answers without slowing down or saying no.
//!
//! AIMD: grows by one a round of answers, after a quick start; shrinks at once by what a refusal or a slower server
//! calls for. Time is an argument, in nanoseconds.

/// What is left after "too many".
const REFUSED: f64 = 0.7;
/// What is left where answers take more than twice as long as they used to.
const SLOWER: f64 = 0.9;
const SLOWDOWN: f64 = 2.0;
/// Milliseconds of jitter are no slowdown.
const SLACK: f64 = 50e6;
/// How much slower the usual time follows that of late when it rises: rows may have become longer for good.
const USUAL: f64 = 1.0 / 16.0;
/// Slowness alone leaves this share of the most.
const FLOOR: f64 = 1.0 / 8.0;

/// Calls to one model at once.
#[derive(Clone, Debug)]
pub struct Window {
    size: f64,
    most: f64,
    /// Below it, the window grows by one for each answer; above it, by one (or a fiftieth) a round.
    steep: f64,
    /// Nanoseconds to an answer: lately, and usually.
    lately: f64,
    usually: f64,
    /// Answers since the last cut.
    since_cut: u64,
}

impl Window {
    /// Begins with `first` calls at once, and never has more than `most`.
    #[must_use]
    pub fn new(first: usize, most: usize) -> Window {
        let most = most.max(1) as f64;
        Window { size: (first as f64).clamp(1.0, most), most, steep: most, lately: 0.0, usually: 0.0, since_cut: 0 }
    }

    /// Calls that may be under way.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size as usize
    }

    /// Nanoseconds to an answer, as of late.
    #[must_use]
    pub fn usual_time(&self) -> u64 {
        self.lately as u64
    }

    /// An answer came after so many nanoseconds (of a long one, its share), while `running` calls were under way.
    pub fn answered(&mut self, took: u64, running: usize) {
        let took = took as f64;
        if self.usually == 0.0 {
            (self.lately, self.usually) = (took, took);
        }
        let weight = 2.0 / (self.size + 1.0).max(16.0);
        self.lately += (took - self.lately) * weight;
        let change = self.lately - self.usually;
        self.usually += change * if change > 0.0 { weight * USUAL } else { weight };
        self.since_cut += 1;
        if self.lately > self.usually * SLOWDOWN + SLACK && self.since_cut as f64 > self.size {
            if self.size * SLOWER >= self.most * FLOOR {
                self.cut(SLOWER);
            }
            return;
        }
        if running as f64 >= self.size * 0.8 {
            let step = if self.size < self.steep { 1.0 } else { (1.0 / self.size).max(0.02) };
            self.size = (self.size + step).min(self.most);
        }
    }

    /// The server said "too many", or did not answer in time. What was under way then says it only once.
    pub fn congested(&mut self) {
        if self.since_cut as f64 > self.size * REFUSED || self.steep == self.most {
            self.cut(REFUSED);
        }
    }

    fn cut(&mut self, to: f64) {
        self.size = (self.size * to).max(1.0);
        self.steep = self.size;
        self.since_cut = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn grows_to_the_most_while_answers_take_as_long_as_ever() {
        let mut window = Window::new(8, 100);
        for _ in 0..92 {
            window.answered(200 * MS, window.size());
        }
        assert_eq!(window.size(), 100);
    }

    #[test]
    fn does_not_grow_where_nothing_more_is_asked() {
        let mut window = Window::new(50, 100);
        for _ in 0..1000 {
            window.answered(200 * MS, 3);
        }
        assert_eq!(window.size(), 50);
    }

    #[test]
    fn a_burst_of_refusals_counts_once() {
        let mut window = Window::new(100, 100);
        for _ in 0..60 {
            window.congested();
        }
        assert_eq!(window.size(), 70);
        for _ in 0..70 {
            window.answered(200 * MS, 70);
        }
        window.congested();
        assert!(window.size() < 60, "{window:?}");
    }

    #[test]
    fn never_less_than_one() {
        let mut window = Window::new(2, 2);
        for _ in 0..50 {
            window.congested();
            window.answered(MS, 1);
        }
        assert!((1..=2).contains(&window.size()));
    }

    /// A server with room for 40: more only wait. The window ends near what it can do, and keeps all of it busy.
    #[test]
    fn finds_what_a_server_can_do() {
        let mut window = Window::new(40, 1000);
        for _ in 0..200_000 {
            let queued = window.size().saturating_sub(40) as u64;
            window.answered(100 * MS + queued * 100 * MS / 40, window.size());
        }
        assert!((40..=1000).contains(&window.size()));
        let before = window.size();
        for _ in 0..3 * before {
            window.answered(1500 * MS * 1000 / 40, window.size());
        }
        assert!(window.size() < before, "slower by far: {} after {before}", window.size());
    }

    #[test]
    fn one_slow_answer_changes_nothing() {
        let mut window = Window::new(100, 100);
        for turn in 0..1000 {
            window.answered(if turn == 500 { 30_000 * MS } else { 200 * MS }, 100);
        }
        assert!(window.size() >= 88, "{window:?}");
    }
}
