//! What is seen of scores, token types and the normalizer's map while they come.

/// The last of llama.cpp's `LLAMA_TOKEN_TYPE_…`, which run from 0: a token that stands for a byte.
const BYTE: u32 = 6;
/// There is one for each byte.
const MOST_BYTES: usize = 512;
/// Elements that are looked at together; most have none that is worth a second look.
const BLOCK: usize = 64;

/// Numbers of four bytes, and the index of each in its array. `part` has whole numbers only.
fn blocks(part: &[u8], from: u64, big_endian: bool) -> impl Iterator<Item = (u64, [u32; BLOCK], usize)> {
    part.chunks(BLOCK.wrapping_mul(4)).scan(from, move |index, bytes| {
        let mut block = [0; BLOCK];
        let (numbers, _) = bytes.as_chunks();
        for (to, from) in block.iter_mut().zip(numbers) {
            *to = if big_endian { u32::from_be_bytes(*from) } else { u32::from_le_bytes(*from) };
        }
        let first = *index;
        *index = index.saturating_add(numbers.len() as u64);
        Some((first, block, numbers.len()))
    })
}

/// So many strange elements are kept; the rest are counted.
const MOST_STRANGE: usize = 512;

/// Elements of which few are worth saying.
#[derive(Debug, Default)]
pub(super) struct Strange {
    pub(super) count: u64,
    /// Index and bits of the first, ascending.
    pub(super) some: Vec<(u64, u32)>,
}

impl Strange {
    fn add(&mut self, index: u64, bits: u32) {
        self.count = self.count.saturating_add(1);
        if self.some.len() < MOST_STRANGE {
            self.some.push((index, bits));
        }
    }
}

/// The array of token types.
#[derive(Debug, Default)]
pub(super) struct Types {
    index: u64,
    /// All have been seen.
    pub(super) complete: bool,
    /// The indices of the first [`MOST_BYTES`] tokens that stand for bytes, ascending.
    pub(super) bytes: Vec<u64>,
    pub(super) outside: Strange,
}

impl Types {
    pub(super) fn look(&mut self, part: &[u8], big_endian: bool) {
        for (first, block, count) in blocks(part, self.index, big_endian) {
            if block.iter().any(|&kind| kind >= BYTE) {
                for (&kind, index) in block.iter().zip(first..).take(count) {
                    if kind > BYTE {
                        self.outside.add(index, kind);
                    } else if kind == BYTE && self.bytes.len() < MOST_BYTES {
                        self.bytes.push(index);
                    }
                }
            }
        }
        self.index = self.index.saturating_add((part.len() / 4) as u64);
    }
}

/// The array of scores.
#[derive(Debug, Default)]
pub(super) struct Scores {
    index: u64,
    pub(super) infinite: Strange,
}

impl Scores {
    pub(super) fn look(&mut self, part: &[u8], big_endian: bool) {
        const EXPONENT: u32 = 0x7f80_0000;
        for (first, block, count) in blocks(part, self.index, big_endian) {
            if block.iter().fold(false, |any, &bits| any | (bits & EXPONENT == EXPONENT)) {
                for (&bits, index) in block.iter().zip(first..).take(count) {
                    if bits & EXPONENT == EXPONENT {
                        self.infinite.add(index, bits);
                    }
                }
            }
        }
        self.index = self.index.saturating_add((part.len() / 4) as u64);
    }
}

/// `precompiled_charsmap`: a number of four bytes in little-endian order, a trie of as many bytes, and strings that end
/// with a zero byte.
#[derive(Debug, Default)]
pub(super) struct Charsmap {
    head: Vec<u8>,
    pub(super) last: Option<u8>,
    pub(super) complete: bool,
}

impl Charsmap {
    pub(super) fn look(&mut self, part: &[u8]) {
        let missing = 4_usize.saturating_sub(self.head.len());
        self.head.extend(part.iter().take(missing));
        self.last = part.last().copied().or(self.last);
    }

    /// The size of the trie; None where the array is too short to say.
    pub(super) fn trie_size(&self) -> Option<u64> {
        self.head.first_chunk().map(|bytes| u32::from_le_bytes(*bytes).into())
    }
}
