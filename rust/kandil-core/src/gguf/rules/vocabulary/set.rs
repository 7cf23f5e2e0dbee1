//! A set of tokens that has room for their fingerprints only.

/// 640 KiB, as dozens of scans can be under way at once.
const MOST_BUCKETS: u64 = 10 << 10;
/// As many tokens belong to a bucket on average, where there are enough of them; with more it would too often be full.
const FILL: u64 = 6;
const SLOTS: usize = 10;
/// A token whose bucket is full stands in one of the next ones.
const PROBES: usize = 8;

/// Odd numbers without a pattern. They are the same in each process, so that a file is judged the same each time: who
/// makes up tokens that collide only has the own file refused.
const FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
const SECOND: u64 = 0xd1b5_4a32_d192_ed03;

/// The bytes that belong to a text of each length, in the low and in the high half of a word.
static MASKS: [[u64; 2]; 17] = [
    [0, 0],
    [0xff, 0],
    [0xffff, 0],
    [0xff_ffff, 0],
    [0xffff_ffff, 0],
    [0xff_ffff_ffff, 0],
    [0xffff_ffff_ffff, 0],
    [0xff_ffff_ffff_ffff, 0],
    [u64::MAX, 0],
    [u64::MAX, 0xff],
    [u64::MAX, 0xffff],
    [u64::MAX, 0xff_ffff],
    [u64::MAX, 0xffff_ffff],
    [u64::MAX, 0xff_ffff_ffff],
    [u64::MAX, 0xffff_ffff_ffff],
    [u64::MAX, 0xff_ffff_ffff_ffff],
    [u64::MAX, u64::MAX],
];

/// The hash of the first `length` bytes of `tail`. Reads 16 bytes at once where `tail` has them: most tokens are shorter,
/// and a branch on each one's length would cost more than the hash.
#[inline(always)]
pub(super) fn hash(tail: &[u8], length: usize) -> u64 {
    match (tail.first_chunk(), MASKS.get(length)) {
        (Some(word), Some([low, high])) => {
            let word = u128::from_le_bytes(*word);
            mix(word as u64 & low, (word >> 64) as u64 & high, length)
        }
        _ => hash_any(tail.get(..length).unwrap_or(tail)),
    }
}

#[inline(never)]
fn hash_any(text: &[u8]) -> u64 {
    let halves = |word: [u8; 16]| {
        let word = u128::from_le_bytes(word);
        (word as u64, (word >> 64) as u64)
    };
    let Some(last) = text.last_chunk() else {
        let (low, high) = text.split_at_checked(8).unwrap_or((text, &[]));
        return mix(number(low), number(high), text.len());
    };
    let (low, high) = halves(*last);
    if text.len() == 16 {
        return mix(low, high, 16);
    }
    let (words, _) = text.as_chunks();
    let state = words.iter().fold(mix(low, high, text.len()), |state, word| {
        let (low, high) = halves(*word);
        multiply(low ^ state, high ^ FIRST) ^ state.rotate_left(23)
    });
    multiply(state ^ FIRST, SECOND)
}

/// At most eight bytes as a number.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| (number << 8) | u64::from(byte))
}

#[inline(always)]
fn mix(low: u64, high: u64, length: usize) -> u64 {
    multiply(low ^ FIRST, high ^ SECOND.rotate_left(length as u32))
}

/// Both halves of the product, folded.
#[inline(always)]
fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(u128::from(b));
    product as u64 ^ (product >> 64) as u64
}

/// 47 bits of each hash, beside the 13 that the bucket tells; in one line of the cache.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Bucket {
    /// Odd, so that an empty slot, which is 0, matches nothing.
    low: [u32; SLOTS],
    high: [u16; SLOTS],
    used: u8,
    /// It was full when one more token belonged to it.
    over: bool,
}

impl Bucket {
    const EMPTY: Self = Self { low: [0; SLOTS], high: [0; SLOTS], used: 0, over: false };

    #[inline(always)]
    fn has(&self, (low, high): (u32, u16)) -> bool {
        let hit = self.low.iter().fold(false, |hit, &slot| hit | (slot == low));
        hit && self.low.iter().zip(&self.high).any(|slot| slot == (&low, &high))
    }

    /// False where it is full.
    #[inline(always)]
    fn add(&mut self, (low, high): (u32, u16)) -> bool {
        let used = self.used as usize;
        let (Some(slot), Some(rest)) = (self.low.get_mut(used), self.high.get_mut(used)) else {
            self.over = true;
            return false;
        };
        (*slot, *rest) = (low, high);
        self.used = self.used.wrapping_add(1);
        true
    }
}

/// The hashes of tokens. Of a hundred thousand, two that differ are taken for one in less than one of a hundred million
/// vocabularies.
#[derive(Debug)]
pub(super) struct TokenSet {
    buckets: Box<[Bucket]>,
    /// Each hash that was added is held.
    pub(super) whole: bool,
}

impl TokenSet {
    /// For as many tokens, or for somewhat more than a hundred thousand.
    pub(super) fn new(count: u64) -> Self {
        let buckets = count.div_ceil(FILL).clamp(1, MOST_BUCKETS) as usize;
        Self { buckets: vec![Bucket::EMPTY; buckets].into(), whole: true }
    }

    #[inline(always)]
    fn place(&self, hash: u64) -> usize {
        ((hash >> 32).wrapping_mul(self.buckets.len() as u64) >> 32) as usize
    }

    #[inline(always)]
    fn fingerprint(hash: u64) -> (u32, u16) {
        (hash as u32 | 1, (hash >> 32) as u16)
    }

    /// Whether a hash is there; if not it is added.
    #[inline(always)]
    pub(super) fn insert(&mut self, hash: u64) -> bool {
        let place = self.place(hash);
        let print = Self::fingerprint(hash);
        let Some(bucket) = self.buckets.get_mut(place) else { return false };
        bucket.has(print) || (!bucket.add(print) && self.insert_beyond(place, print))
    }

    /// As [`Self::insert`], for a hash whose bucket is full.
    #[inline(never)]
    fn insert_beyond(&mut self, place: usize, print: (u32, u16)) -> bool {
        let (before, from) = self.buckets.split_at_mut(place);
        for bucket in from.iter_mut().chain(before).skip(1).take(PROBES) {
            if bucket.has(print) {
                return true;
            }
            if bucket.add(print) {
                return false;
            }
        }
        self.whole = false; // this one is not held
        false
    }

    #[inline(never)]
    fn is_beyond(&self, place: usize, print: (u32, u16)) -> bool {
        let (before, from) = self.buckets.split_at(place);
        for bucket in from.iter().chain(before).skip(1).take(PROBES) {
            if bucket.has(print) {
                return true;
            }
            if !bucket.over {
                return false;
            }
        }
        false
    }

    pub(super) fn contains(&self, hash: u64) -> bool {
        let (place, print) = (self.place(hash), Self::fingerprint(hash));
        let Some(bucket) = self.buckets.get(place) else { return false };
        bucket.has(print) || (bucket.over && self.is_beyond(place, print))
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use std::collections::HashSet;

    use super::{TokenSet, hash};

    fn number_hash(number: u64) -> u64 {
        hash(&number.to_le_bytes(), 8)
    }

    #[test]
    fn a_hash_is_of_its_bytes_alone() {
        let text: Vec<u8> = (0..100).collect();
        let mut seen = HashSet::new();
        for length in 0..=60 {
            let alone = hash(&text[..length], length);
            assert_eq!(alone, hash(&text, length), "length {length}");
            assert!(seen.insert(alone), "length {length}");
        }
        assert_ne!(hash(b"a", 1), hash(b"a\0", 2));
        for place in 0..60 {
            let mut other = text.clone();
            other[place] ^= 0x80;
            assert!(seen.insert(hash(&other, 60)), "byte {place}");
        }
    }

    #[test]
    fn tokens_are_found_again() {
        for count in [1, 7, 269, 30_000, 73_728] {
            let mut set = TokenSet::new(count);
            assert!(size_of_val(&*set.buckets) <= 640 << 10);
            assert!((0..count).all(|number| !set.insert(number_hash(number))), "{count} different ones");
            assert!(set.whole, "each of {count} is held");
            assert!((0..count).all(|number| set.contains(number_hash(number))), "{count} are there");
            assert!((0..count).all(|number| set.insert(number_hash(number))), "{count} again");
            assert!((count..2 * count).all(|number| !set.contains(number_hash(number))), "others than {count}");
        }
    }

    #[test]
    fn too_many_are_none_the_worse() {
        let mut set = TokenSet::new(1_000_000);
        assert!((0..1_000_000).all(|number| !set.insert(number_hash(number))));
        assert!(!set.whole);
    }
}
