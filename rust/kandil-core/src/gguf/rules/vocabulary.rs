//! Rules for the tokenizer: tokens, their scores and types, merges, and the tokens that are special.
//!
//! Arrays are looked at while they are walked, and never held: [`Vocabulary`] keeps counts, fingerprints of the tokens until
//! the last key, and the first of what is strange. What only the whole header can tell is in `whole`.

mod list;
mod merges;
mod numbers;
mod seen;
mod set;
mod tokens;
mod whole;

use super::super::header::{Entry, Header, ValueType};
use super::Findings;
pub(super) use list::VOCABULARY;
use merges::{Merges, Pairs};
use numbers::{Charsmap, Scores, Types};
use tokens::Tokens;

/// Looks at strings of an array as they are walked.
pub(in crate::gguf) trait Look {
    /// Whether it is to be shown the string with this index.
    fn wants(&self, index: u64) -> bool;
    /// The string is the first `length` bytes of `tail`; what is behind it may or may not be there.
    fn look(&mut self, index: u64, tail: &[u8], length: usize);
    /// A string that is too long to be shown.
    fn skip(&mut self, index: u64, length: u64);
}

/// Looks at nothing.
#[derive(Debug)]
pub(in crate::gguf) struct Unwatched;

impl Look for Unwatched {
    #[inline(always)]
    fn wants(&self, _index: u64) -> bool {
        false
    }
    fn look(&mut self, _index: u64, _tail: &[u8], _length: usize) {}
    fn skip(&mut self, _index: u64, _length: u64) {}
}

/// How many strings are strange, and the first of them: its index, and as much of it as can be shown.
#[derive(Debug, Default)]
struct Tally {
    count: u64,
    first: Option<(u64, Box<[u8]>)>,
}

impl Tally {
    #[cold]
    fn add(&mut self, index: u64, text: &[u8]) {
        self.count = self.count.saturating_add(1);
        self.first.get_or_insert_with(|| (index, text.get(..500).unwrap_or(text).into()));
    }
}

/// The array that is being walked.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::gguf) enum Part {
    #[default]
    Other,
    Tokens,
    Merges,
    Types,
    Scores,
    Charsmap,
}

/// What has been seen of the vocabulary so far.
#[derive(Debug, Default)]
pub(in crate::gguf) struct Vocabulary {
    part: Part,
    tokens: Tokens,
    tokens_complete: bool,
    merges: Merges,
    types: Types,
    scores: Scores,
    charsmap: Charsmap,
}

impl Vocabulary {
    /// An array begins. Two of the same name, which is a finding of its own, are taken for one, but for tokens.
    pub(in crate::gguf) fn begin(&mut self, array: &Entry) {
        use ValueType::{F32, I8, I32, String, U8};
        self.part = match (array.key.strip_prefix(b"tokenizer.ggml."), array.element) {
            (Some(b"tokens"), Some(String)) if self.tokens.count.is_none() => Part::Tokens,
            (Some(b"merges"), Some(String)) => Part::Merges,
            (Some(b"token_type"), Some(I32)) => Part::Types,
            (Some(b"scores"), Some(F32)) => Part::Scores,
            (Some(b"precompiled_charsmap"), Some(U8 | I8)) => Part::Charsmap,
            _ => Part::Other,
        };
        match self.part {
            Part::Tokens => self.tokens.begin(array.count),
            Part::Merges => self.merges.begin(array.count),
            _ => {}
        }
    }

    pub(in crate::gguf) fn part(&self) -> Part {
        self.part
    }

    pub(in crate::gguf) fn tokens(&mut self) -> &mut impl Look {
        &mut self.tokens
    }

    pub(in crate::gguf) fn merges(&mut self) -> Pairs<'_> {
        Pairs { merges: &mut self.merges, tokens: self.tokens.set.as_ref() }
    }

    /// Whole numbers of the array, in order.
    pub(in crate::gguf) fn numbers(&mut self, part: &[u8], big_endian: bool) {
        match self.part {
            Part::Types => self.types.look(part, big_endian),
            Part::Scores => self.scores.look(part, big_endian),
            Part::Charsmap => self.charsmap.look(part),
            _ => {}
        }
    }

    /// The array has been walked to its end.
    pub(in crate::gguf) fn end(&mut self) {
        match self.part {
            Part::Tokens => {
                self.tokens.flush();
                self.tokens_complete = true;
            }
            Part::Types => self.types.complete = true,
            Part::Charsmap => self.charsmap.complete = true,
            _ => {}
        }
        self.part = Part::Other;
    }

    /// No more keys come: what was only held to compare with them is let go.
    pub(in crate::gguf) fn settle(&mut self) {
        self.tokens.set = None;
    }

    /// Reports what was seen, and what the whole header tells.
    pub(in crate::gguf) fn check(&self, header: &Header, findings: &mut Findings) {
        whole::check(header, findings);
        self.check_seen(header, findings);
    }
}
