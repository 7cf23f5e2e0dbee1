//! How long answers took, in 8 KiB: to within three per cent, whatever their number.

/// Parts of each doubling.
const PARTS: u64 = 32;
const FIRST: u32 = PARTS.trailing_zeros();
const COUNTS: usize = (64 - FIRST as usize) * PARTS as usize;

/// A count for each part of each doubling.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    largest: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: vec![0; COUNTS], total: 0, largest: 0 }
    }
}

impl Histogram {
    /// One more.
    pub fn add(&mut self, value: u64) {
        self.counts[part(value)] += 1;
        self.total += 1;
        self.largest = self.largest.max(value);
    }

    /// What a share (0 to 1) of the values do not exceed; None where there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let rank = ((self.total as f64 * share).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.filter(|_| self.total > 0).map(|part| top(part).min(self.largest))
    }
}

/// Values below [`PARTS`] have one each; above, the doubling and the five bits below the highest.
fn part(value: u64) -> usize {
    if value < PARTS {
        return value as usize;
    }
    let doubling = value.ilog2() - FIRST;
    (u64::from(doubling) * PARTS + (value >> doubling)) as usize
}

/// The largest value of a part.
fn top(part: usize) -> u64 {
    let part = part as u64;
    if part < 2 * PARTS {
        return part;
    }
    let doubling = part / PARTS - 1;
    ((part - doubling * PARTS + 1) << doubling).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_its_part() {
        for bit in 0..64 {
            for value in [1u64 << bit, (1u64 << bit) + (1u64 << bit) / 3, (1u64 << bit).wrapping_mul(2).wrapping_sub(1)]
            {
                let top = top(part(value));
                assert!(top >= value && top - value <= value / 31, "{value} has {top}");
            }
        }
    }

    #[test]
    fn quantiles_are_near() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=10_000).for_each(|value| histogram.add(value));
        for (share, value) in [(0.0, 1), (0.5, 5_000), (0.9, 9_000), (0.99, 9_900), (1.0, 10_000)] {
            let found = histogram.quantile(share).unwrap();
            assert!(found.abs_diff(value) <= value / 31, "{share}: {found}");
        }
    }
}
