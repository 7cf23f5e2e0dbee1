//! What is seen of the merges of byte-pair encoding while they come.

use super::set::{TokenSet, hash};
use super::{Look, Tally};

/// Up to this many merges are all looked at; ...
const ALL: u64 = 8 << 10;
/// ... of more, one of each block, so that it is up to this many.
const SAMPLE: u64 = 2 << 10;

/// The sanity of merges, most of which nobody looks at.
#[derive(Debug, Default)]
pub(super) struct Merges {
    /// One of as many merges is looked at.
    stride: u64,
    /// The index of the next one.
    next: u64,
    /// Merges without the space between their parts.
    pub(super) whole: Tally,
    /// Merges of what is no token.
    pub(super) strange: Tally,
    /// How many merges were compared with the tokens.
    pub(super) compared: u64,
}

impl Merges {
    pub(super) fn begin(&mut self, count: u64) {
        self.stride = if count <= ALL { 1 } else { count.div_ceil(SAMPLE) };
        self.next = self.draw(0);
    }

    /// The index of the merge that is looked at in a block: it follows no pattern, so that none in the file fits it.
    fn draw(&self, block: u64) -> u64 {
        let within = hash(&block.to_le_bytes(), 8).checked_rem(self.stride).unwrap_or(0);
        block.saturating_mul(self.stride).saturating_add(within)
    }

    /// Goes on to the block after that of `index`.
    fn go_on(&mut self, index: u64) {
        self.next = self.draw(index.checked_div(self.stride).unwrap_or(index).saturating_add(1));
    }
}

/// Looks at merges beside the tokens, where these came before them.
pub(in crate::gguf) struct Pairs<'a> {
    pub(super) merges: &'a mut Merges,
    pub(super) tokens: Option<&'a TokenSet>,
}

impl Pairs<'_> {
    /// Whether both parts are tokens, at one of the first spaces; None where nobody can tell.
    fn known(&self, tail: &[u8], length: usize) -> Option<bool> {
        let tokens = self.tokens.filter(|tokens| tokens.whole)?;
        let mut spaces = tail.iter().take(length).enumerate().skip(1).filter(|(_, byte)| **byte == b' ').take(4);
        Some(spaces.any(|(place, _)| {
            let begin = place.saturating_add(1);
            let second = tail.get(begin..).unwrap_or_default();
            tokens.contains(hash(tail, place)) && tokens.contains(hash(second, length.saturating_sub(begin)))
        }))
    }
}

impl Look for Pairs<'_> {
    #[inline(always)]
    fn wants(&self, index: u64) -> bool {
        index == self.merges.next
    }

    #[inline(never)]
    fn look(&mut self, index: u64, tail: &[u8], length: usize) {
        self.merges.go_on(index);
        let text = tail.get(..length).unwrap_or(tail);
        if !text.iter().skip(1).any(|&byte| byte == b' ') {
            self.merges.whole.add(index, text);
            return;
        }
        let known = self.known(tail, length);
        self.merges.compared = self.merges.compared.saturating_add(known.is_some().into());
        if known == Some(false) {
            self.merges.strange.add(index, text);
        }
    }

    fn skip(&mut self, index: u64, _length: u64) {
        if self.wants(index) {
            self.merges.go_on(index);
        }
    }
}
