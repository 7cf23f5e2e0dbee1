//! What is seen of the tokens while they come.

use super::Look;
use super::set::{TokenSet, hash};

/// Vocabularies have tokens of some hundred bytes: lines of spaces or of dashes.
pub(super) const LONG: u64 = 4 << 10;
/// No text that a tokenizer was trained on has a word like that.
pub(super) const HUGE: u64 = 64 << 10;
/// Of a vocabulary that has more tokens than both together, the first are compared with each other and with the last,
/// which are those that were added by hand.
const FIRST: u64 = 64 << 10;
const LAST: u64 = 8 << 10;
/// Tokens whose hashes are looked up together, so that the memory's delays overlap.
const BATCH: usize = 64;
/// Tokens such as `<0x0A>`, of which there is one for each byte, and those that resemble them.
const MOST_BYTES: usize = 512;
/// Tokens that are too short to stand for a byte; vocabularies have one or two thousand.
const MOST_SHORT: usize = 4096;

/// The tokens' texts, of which fingerprints and what is strange are kept.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// None before the first token, and once nothing more will be compared with them.
    pub(super) set: Option<TokenSet>,
    /// How many tokens there are; None where no vocabulary has begun.
    pub(super) count: Option<u64>,
    /// The indices of tokens such as `<0x0A>` and `<0xff>`, ascending.
    pub(super) bytes: Vec<u64>,
    /// Other tokens from `<0x` to `>`, and `<0xff>`, with their indices.
    pub(super) odd: Vec<(u64, Box<[u8]>)>,
    /// The indices of tokens of one or two bytes before any zero byte, ascending.
    pub(super) short: Vec<u32>,
    /// The tokens from the one to the other index are not compared.
    spared: (u64, u64),
    /// Hashes of the tokens that come before `next`.
    pending: Vec<u64>,
    next: u64,
    /// How many tokens an earlier one equals, and the index of the first of them.
    pub(super) again: u64,
    pub(super) first_again: u64,
    /// Index and length of the longest token that is too long.
    pub(super) longest: Option<(u64, u64)>,
}

impl Tokens {
    pub(super) fn begin(&mut self, count: u64) {
        self.count = Some(count);
        let (first, last) = (FIRST, count.saturating_sub(LAST));
        let mut set = TokenSet::new(count);
        if first < last {
            (self.spared, set.whole) = ((first, last), false);
        }
        self.set = Some(set);
    }

    #[inline(always)]
    fn compare(&mut self, index: u64, tail: &[u8], length: usize) {
        let hash = if length == 0 {
            hash(&[&[0xff; 8], &index.to_le_bytes()[..]].concat(), 16) // llama.cpp gives each a name of its own
        } else {
            hash(tail, length)
        };
        if self.pending.len() >= BATCH || index != self.next {
            self.flush();
        }
        self.pending.push(hash);
        self.next = index.wrapping_add(1);
    }

    /// Looks for the pending tokens among those before them.
    #[inline(never)]
    pub(super) fn flush(&mut self) {
        let Some(set) = &mut self.set else { return };
        let first = self.next.saturating_sub(self.pending.len() as u64);
        for (&hash, index) in self.pending.iter().zip(first..) {
            if set.insert(hash) {
                if self.again == 0 {
                    self.first_again = index;
                }
                self.again = self.again.saturating_add(1);
            }
        }
        self.pending.clear();
    }

    #[cold]
    #[inline(never)]
    fn look_at_byte(&mut self, index: u64, text: &[u8]) {
        let Some(digits) = text.strip_prefix(b"<0x").and_then(|rest| rest.strip_suffix(b">")) else { return };
        let byte = digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
        if byte && self.bytes.len() < MOST_BYTES {
            self.bytes.push(index);
        }
        if (!byte || digits.iter().any(u8::is_ascii_lowercase)) && self.odd.len() < MOST_BYTES {
            self.odd.push((index, text.get(..100).unwrap_or(text).into()));
        }
    }

    #[cold]
    #[inline(never)]
    fn look_at_long(&mut self, index: u64, length: u64) {
        if self.longest.is_none_or(|(_, longest)| longest < length) {
            self.longest = Some((index, length));
        }
    }
}

impl Look for Tokens {
    #[inline(always)]
    fn wants(&self, _index: u64) -> bool {
        true
    }

    #[inline(always)]
    fn look(&mut self, index: u64, tail: &[u8], length: usize) {
        if index < self.spared.0 || self.spared.1 <= index {
            self.compare(index, tail, length);
        }
        if tail.starts_with(b"<0x") {
            self.look_at_byte(index, tail.get(..length).unwrap_or(tail));
        }
        // C programs see a text's end at its first zero byte, and llama.cpp gives what is empty a name of its own.
        let text = tail.get(..length.min(3)).unwrap_or(tail);
        let short = matches!(text, [1..=255] | [1..=255, _] | [1..=255, 0, _] | [1..=255, _, 0]);
        if short && self.short.len() < MOST_SHORT {
            self.short.extend(u32::try_from(index));
        }
        if length as u64 > LONG {
            self.look_at_long(index, length as u64);
        }
    }

    fn skip(&mut self, index: u64, length: u64) {
        self.look_at_long(index, length);
    }
}
