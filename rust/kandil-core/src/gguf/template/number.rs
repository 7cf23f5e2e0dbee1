//! Numbers, as jinja2 finds them in a text: decimal, binary, octal, hexadecimal, with `_` between digits.

use super::lexer::TokenKind;

/// CPython refuses longer decimal integers.
const MAX_DIGITS: usize = 4300;

type Digit = fn(&u8) -> bool;

/// The number that `text` begins with, and its length. `after_dot` forbids a float: `a.0.1` are two indices.
///
/// None: it begins with no number, or with one that CPython refuses.
pub(super) fn number(text: &str, after_dot: bool) -> Option<(TokenKind<'static>, usize)> {
    if !text.bytes().next()?.is_ascii_digit() {
        return None;
    }
    let float = if after_dot { None } else { float(text) };
    float.or_else(|| integer(text))
}

fn float(text: &str) -> Option<(TokenKind<'static>, usize)> {
    let whole = digits(text, u8::is_ascii_digit)?;
    let fraction = after(text, whole, b".").and_then(|(start, rest)| Some(start.saturating_add(decimal(rest)?)));
    let exponent = |from: usize| {
        let (start, rest) = after(text, from, b"eE")?;
        let sign = usize::from(rest.starts_with(['+', '-']));
        Some(start.saturating_add(sign).saturating_add(decimal(rest.get(sign..)?)?))
    };
    let end = fraction.map_or_else(|| exponent(whole), |fraction| exponent(fraction).or(Some(fraction)))?;
    let value = text.get(..end)?.replace('_', "").parse().ok()?;
    Some((TokenKind::Float(value), end))
}

/// Where and what follows one of these bytes at `at`.
fn after<'a>(text: &'a str, at: usize, any: &[u8]) -> Option<(usize, &'a str)> {
    let found = text.as_bytes().get(at).is_some_and(|byte| any.contains(byte));
    let start = at.saturating_add(1);
    found.then(|| text.get(start..)).flatten().map(|rest| (start, rest))
}

fn decimal(text: &str) -> Option<usize> {
    digits(text, u8::is_ascii_digit)
}

/// The length of a run of digits with single `_` between them.
fn digits(text: &str, digit: Digit) -> Option<usize> {
    let mut end = 0;
    let mut previous = b'_';
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b'_' if previous != b'_' => {}
            _ if digit(&byte) => end = place.saturating_add(1),
            _ => break,
        }
        previous = byte;
    }
    (end > 0).then_some(end)
}

fn integer(text: &str) -> Option<(TokenKind<'static>, usize)> {
    let radix: Option<(u32, Digit)> = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0b") => Some((2, |byte| matches!(byte, b'0' | b'1'))),
        Some("0o") => Some((8, |byte| matches!(byte, b'0'..=b'7'))),
        Some("0x") => Some((16, u8::is_ascii_hexdigit)),
        _ => None,
    };
    if let Some((radix, digit)) = radix {
        let rest = text.get(2..)?;
        let under = usize::from(rest.starts_with('_'));
        if let Some(length) = digits(rest.get(under..)?, digit) {
            let end = length.saturating_add(under).saturating_add(2);
            return Some((TokenKind::Int(value(text.get(2..end)?, radix)), end));
        }
    }
    let only_zero: Digit = |byte| *byte == b'0';
    let end = digits(text, if text.starts_with('0') { only_zero } else { u8::is_ascii_digit })?;
    if end > MAX_DIGITS && text.get(..end)?.bytes().filter(u8::is_ascii_digit).count() > MAX_DIGITS {
        return None;
    }
    Some((TokenKind::Int(value(text.get(..end)?, 10)), end))
}

fn value(digits: &str, radix: u32) -> i64 {
    i64::from_str_radix(&digits.replace('_', ""), radix).unwrap_or(i64::MAX)
}
