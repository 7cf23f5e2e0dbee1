//! Characters that people do not see, and encodings that they do not read.

use super::rules::{TPL_B64, TPL_TAG, TPL_UNI};
use super::value::{Part, Piece};
use super::words;
use crate::gguf::rules::Rule;
use crate::gguf::rules::metadata::{decode_base64, first_hidden};
use crate::gguf::template::ast::Span;
use crate::gguf::template::report::Report;
use std::collections::HashSet;
use std::rc::Rc;

/// Shorter runs are words, keys and numbers.
const SHORTEST: usize = 24;
/// Bytes of a run that are decoded.
const LONGEST: usize = 4096;
/// Bytes of the template that are shown.
const AROUND: u32 = 24;
/// Runs that are decoded.
const RUNS: usize = 256;

/// Looks at the template as it stands (its comments too) and at what escapes in it become.
pub(super) fn check(printed: &[Part], report: &mut Report<'_>) {
    let source = report.text;
    let found = first(source);
    if let Some((at, rule, character)) = found {
        let place = Span { start: at, end: at.saturating_add(AROUND) };
        report.add(rule, place, || format!("has U+{:04X}, which people do not see", u32::from(character)));
    }
    let encoded = encoded(source);
    if let Some((at, words)) = &encoded {
        report.add(TPL_B64, Span { start: *at, end: at.saturating_add(AROUND) }, || {
            format!("has encoded text that reads \"{}\"", super::shown(words))
        });
    }
    let mut seen = HashSet::new();
    for part in printed {
        let Piece::Text(text) = &part.piece else { continue };
        if !seen.insert(Rc::as_ptr(text)) {
            continue;
        }
        if found.is_none()
            && let Some((_, rule, character)) = first(text)
        {
            report.add(rule, Span::default(), || {
                format!("prints U+{:04X}, which people do not see", u32::from(character))
            });
        }
        if encoded.is_none()
            && let Some((_, words)) = self::encoded(text)
        {
            report.add(TPL_B64, Span::default(), || {
                format!("prints encoded text that reads \"{}\"", super::shown(&words))
            });
        }
    }
}

fn first(text: &str) -> Option<(u32, Rule, char)> {
    if text.is_ascii() && !text.bytes().any(|byte| moves_terminal(char::from(byte))) {
        return None;
    }
    let control = text.char_indices().find(|&(_, character)| moves_terminal(character));
    let (at, character) = [control, first_hidden(text)].into_iter().flatten().min_by_key(|&(at, _)| at)?;
    let rule = if matches!(character, '\u{e0000}'..='\u{e007f}') { TPL_TAG } else { TPL_UNI };
    Some((u32::try_from(at).unwrap_or(u32::MAX), rule, character))
}

/// ESC, DEL and C1: terminals obey them.
fn moves_terminal(character: char) -> bool {
    matches!(character, '\u{1b}' | '\u{7f}'..='\u{9f}')
}

/// The first run of base64 or hexadecimal digits that is a sentence.
fn encoded(text: &str) -> Option<(u32, String)> {
    let digit = |character: char| character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '-' | '_');
    let mut runs = text.split(|character| !digit(character)).filter(|run| run.len() >= SHORTEST).take(RUNS);
    runs.find_map(|run| {
        let at = (run.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let run = run.get(..LONGEST).unwrap_or(run).as_bytes();
        let words = [hexadecimal(run), Some(decode_base64(run))].into_iter().flatten().find_map(sentence)?;
        Some((u32::try_from(at).unwrap_or(u32::MAX), words))
    })
}

fn sentence(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    let plain = !text.contains(|character: char| character.is_control() && !character.is_whitespace());
    let told = words::count(&text) >= 3
        || words::has_url(&text) && text.contains("://")
        || words::has_code(&text) && text.contains(' ');
    (plain && told).then_some(text)
}

fn hexadecimal(run: &[u8]) -> Option<Vec<u8>> {
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    run.chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(value(high)?.saturating_mul(16).saturating_add(value(low)?)).ok(),
            _ => None,
        })
        .collect()
}
