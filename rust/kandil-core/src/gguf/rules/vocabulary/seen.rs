//! Reports what was seen in the arrays of a vocabulary.

use super::super::super::header::Header;
use super::super::super::printable::printable;
use super::super::{Findings, Rule};
use super::list::{
    VOC_BYTE, VOC_BYTE_LIKE, VOC_CHARSMAP, VOC_DUP, VOC_HUGE, VOC_KIND, VOC_LONG, VOC_MERGES, VOC_PAIR, VOC_SCORE,
};
use super::tokens::{HUGE, LONG};
use super::{Tally, Vocabulary};

/// Of merges that were compared with the tokens, one in as many may be of what is no token.
const TOLERATED: u64 = 100;

const TOKENS: &[u8] = b"tokenizer.ggml.tokens";
const TYPES: &[u8] = b"tokenizer.ggml.token_type";
const SCORES: &[u8] = b"tokenizer.ggml.scores";
const MERGES: &[u8] = b"tokenizer.ggml.merges";
const CHARSMAP: &[u8] = b"tokenizer.ggml.precompiled_charsmap";

/// Adds findings that point to an array.
struct Report<'a> {
    header: &'a Header,
    findings: &'a mut Findings,
}

impl Report<'_> {
    fn add(&mut self, rule: Rule, key: &[u8], what: impl FnOnce() -> String) {
        let offset = self.header.entry(key).map(|entry| entry.offset);
        self.findings.add(rule, offset, || format!("key \"{}\" {}", printable(key), what()));
    }

    /// `what` is said of the strings that a tally has counted, if there are any.
    fn tally(&mut self, rule: Rule, key: &[u8], tally: &Tally, what: &str) {
        if let Some((index, text)) = &tally.first {
            self.add(rule, key, || {
                format!("has {} {what}; the first is element {index}, \"{}\"", tally.count, printable(text))
            });
        }
    }
}

/// Whether a loader fails on a token from `<0x` to `>`, or takes it for a number that is no byte.
///
/// Loaders read two characters behind `<0x` as a hexadecimal number, and most take what is none for 0: one wrong character
/// in a token, which is what damage looks like, is only strange.
fn breaks(text: &[u8], byte: bool, strict: bool) -> bool {
    let digits = text.get(3..text.len().saturating_sub(1)).unwrap_or_default();
    let hexadecimal = digits.iter().filter(|digit| digit.is_ascii_hexdigit()).count();
    match digits {
        [b'-' | b'+', _] => true,
        [first, _] => hexadecimal == 0 || (strict && byte && !first.is_ascii_hexdigit()),
        _ => byte && hexadecimal == digits.len(),
    }
}

impl Vocabulary {
    /// Reports what was seen while the arrays were walked.
    pub(super) fn check_seen(&self, header: &Header, findings: &mut Findings) {
        let mut report = Report { header, findings };
        self.check_texts(&mut report);
        self.check_bytes(&mut report);
        self.check_numbers(&mut report);
        self.check_merges(&mut report);
        self.check_charsmap(&mut report);
    }

    fn check_texts(&self, report: &mut Report<'_>) {
        if self.tokens.again > 0 {
            let (count, first) = (self.tokens.again, self.tokens.first_again);
            report.add(VOC_DUP, TOKENS, || {
                format!("has {count} tokens that are there before; the first is element {first}")
            });
        }
        if let Some((index, length)) = self.tokens.longest {
            let (rule, most) = if length > HUGE { (VOC_HUGE, HUGE) } else { (VOC_LONG, LONG) };
            report.add(rule, TOKENS, || {
                format!("has a token of {length} bytes as element {index}, at most {most} were expected")
            });
        }
    }

    /// Whether a token has the type of a byte.
    fn is_byte(&self, index: u64) -> bool {
        self.types.bytes.binary_search(&index).is_ok()
    }

    fn check_bytes(&self, report: &mut Report<'_>) {
        let model = report.header.entry(b"tokenizer.ggml.model").and_then(|entry| entry.kept.as_deref());
        let strict = model == Some(b"plamo2");
        for harmful in [true, false] {
            let mut odd =
                self.tokens.odd.iter().filter(|(index, text)| breaks(text, self.is_byte(*index), strict) == harmful);
            let Some((index, text)) = odd.next() else { continue };
            let (more, byte) = (odd.count(), self.is_byte(*index));
            report.add(if harmful { VOC_BYTE } else { VOC_BYTE_LIKE }, TOKENS, || {
                let kind = if byte { ", of the type byte" } else { "" };
                format!(
                    "has \"{}\" as element {index}{kind}, and {more} more like it; <0x00> to <0xFF> stand for bytes",
                    printable(text)
                )
            });
        }
        if self.tokens_complete && self.types.complete {
            self.check_byte_types(report);
        }
    }

    /// Compares the types with the tokens that are written as bytes.
    fn check_byte_types(&self, report: &mut Report<'_>) {
        let tokens = &self.tokens;
        let other = |index: &&u64| {
            tokens.odd.binary_search_by_key(*index, |(index, _)| *index).is_err()
                && tokens.bytes.binary_search(index).is_err()
        };
        let is_short = |index: u64| u32::try_from(index).is_ok_and(|index| tokens.short.binary_search(&index).is_ok());
        for short in [true, false] {
            let mut others = self.types.bytes.iter().filter(other).filter(|&&index| is_short(index) == short);
            let Some(index) = others.next() else { continue };
            let more = others.count();
            report.add(if short { VOC_BYTE } else { VOC_BYTE_LIKE }, TYPES, || {
                let what = if short { ", which has one or two bytes," } else { "" };
                format!(
                    "has the type of a byte, 6, for element {index}, and for {more} more, but that token{what} is not <0x00> to <0xFF>"
                )
            });
        }
    }

    fn check_numbers(&self, report: &mut Report<'_>) {
        let outside = &self.types.outside;
        let is_byte = |index: &u64| self.tokens.bytes.binary_search(index).is_ok();
        let other = outside.some.iter().find(|(index, _)| !is_byte(index));
        if let Some(&(index, bits)) = other.or(outside.some.first()) {
            let (count, kind) = (outside.count, bits.cast_signed());
            report.add(if other.is_some() { VOC_KIND } else { VOC_BYTE_LIKE }, TYPES, || {
                format!("has {count} types that are not 0 to 6, such as {kind} for element {index}")
            });
        }
        if let Some(&(index, bits)) = self.scores.infinite.some.first() {
            let (count, score) = (self.scores.infinite.count, f32::from_bits(bits));
            report.add(VOC_SCORE, SCORES, || {
                format!("has {count} scores that are no finite numbers; the first is element {index}, {score}")
            });
        }
    }

    fn check_merges(&self, report: &mut Report<'_>) {
        let merges = &self.merges;
        report.tally(VOC_PAIR, MERGES, &merges.whole, "merges that are not two parts with a space between them");
        if merges.strange.count > merges.compared.checked_div(TOLERATED).unwrap_or(0) {
            let what = format!("merges, of {} that were compared, of parts that are not tokens", merges.compared);
            report.tally(VOC_MERGES, MERGES, &merges.strange, &what);
        }
    }

    fn check_charsmap(&self, report: &mut Report<'_>) {
        if !self.charsmap.complete {
            return;
        }
        let size = report.header.entry(CHARSMAP).map_or(0, |entry| entry.size);
        match self.charsmap.trie_size() {
            None => report.add(VOC_CHARSMAP, CHARSMAP, || {
                format!("has {size} bytes: four that give the size of a trie, and the trie, were expected")
            }),
            Some(trie) if trie.saturating_add(4) >= size => report.add(VOC_CHARSMAP, CHARSMAP, || {
                format!("has {size} bytes: more than 4 + {trie} were expected, as its first four say")
            }),
            Some(_) if self.charsmap.last != Some(0) => {
                report.add(VOC_CHARSMAP, CHARSMAP, || "does not end with a zero byte, as its strings do".to_owned());
            }
            Some(_) => {}
        }
    }
}
