//! Format strings: what they read, how wide they make it, and what comes out where that is plain.

use super::value::Value;

/// The largest number in a format's width or precision; `*` counts as [`u64::MAX`]. `text` may be of either kind.
pub(super) fn widest(text: &str) -> u64 {
    let mut widest = 0;
    let mut digits: Option<u64> = None;
    let mut inside = false;
    for byte in text.bytes() {
        match byte {
            b'%' | b'{' => (inside, digits) = (true, None),
            b'0'..=b'9' if inside => {
                let digit = u64::from(byte.saturating_sub(b'0'));
                let value = digits.unwrap_or(0).saturating_mul(10).saturating_add(digit);
                digits = Some(value);
                widest = widest.max(value);
            }
            b'}' | b' ' | b'\n' => (inside, digits) = (false, None),
            b'a'..=b'z' | b'A'..=b'Z' if digits.is_some() => (inside, digits) = (false, None),
            _ => digits = None,
        }
    }
    widest
}

/// The attributes and items that the fields of a `str.format` string read, with the field's name: `0` and `__class__`.
pub(super) fn reads(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for field in text.split('{').skip(1) {
        let field = field.split(['}', '!', ':']).next().unwrap_or_default();
        let mut parts = field.split(['.', '[', ']']);
        let name = parts.next().unwrap_or_default();
        found.extend(parts.filter(|part| !part.is_empty()).map(|part| (name, part)));
    }
    found
}

/// `text % arguments`, for `%s`, `%d`, `%i` and `%c` alone.
pub(super) fn percent(text: &str, arguments: &[Value]) -> Option<String> {
    let mut made = String::new();
    let mut rest = text;
    let mut arguments = arguments.iter();
    while let Some((before, after)) = rest.split_once('%') {
        made.push_str(before);
        let kind = after.chars().next()?;
        rest = after.get(kind.len_utf8()..)?;
        match kind {
            '%' => made.push('%'),
            's' => made.push_str(&arguments.next()?.shown()?),
            'd' | 'i' => made.push_str(&arguments.next()?.as_int()?.to_string()),
            'c' => made.push_str(&character(arguments.next()?)?),
            _ => return None,
        }
    }
    made.push_str(rest);
    Some(made)
}

fn character(value: &Value) -> Option<String> {
    match value {
        Value::Int(code) => char::from_u32(u32::try_from(*code).ok()?).map(String::from),
        value => value.as_str().map(str::to_owned),
    }
}

/// `text.format(…)`, for fields without attributes and with no format or `c`, `s`, `d`.
pub(super) fn braces(text: &str, positional: &[Value], named: &[(&str, Value)]) -> Option<String> {
    let mut made = String::new();
    let mut rest = text;
    let mut next = 0_usize;
    while let Some(place) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at_checked(place)?;
        made.push_str(before);
        if let Some(after) = after.strip_prefix("{{").or_else(|| after.strip_prefix("}}")) {
            made.push_str(after_brace(rest, place)?);
            rest = after;
            continue;
        }
        let (field, after) = after.strip_prefix('{')?.split_once('}')?;
        let (name, format) = field.split_once(':').unwrap_or((field, ""));
        let value = if name.is_empty() {
            next = next.saturating_add(1);
            positional.get(next.saturating_sub(1))
        } else if let Ok(index) = name.parse::<usize>() {
            positional.get(index)
        } else {
            named.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
        }?;
        match format {
            "" | "s" | "d" => made.push_str(&value.shown()?),
            "c" => made.push_str(&character(value)?),
            _ => return None,
        }
        rest = after;
    }
    made.push_str(rest);
    Some(made)
}

fn after_brace(text: &str, place: usize) -> Option<&str> {
    text.get(place..place.saturating_add(1))
}
