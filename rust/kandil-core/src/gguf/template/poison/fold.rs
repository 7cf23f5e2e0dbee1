//! Computes texts that are the same whenever the template runs.

use super::value::{Piece, Value};

/// Longer texts are not computed.
pub(super) const MAX_LENGTH: usize = 1 << 11;

/// `text[number]`
pub(super) fn character(text: &str, number: i64) -> Option<String> {
    let place = usize::try_from(number.unsigned_abs()).ok()?;
    let found = if number < 0 { text.chars().rev().nth(place.checked_sub(1)?) } else { text.chars().nth(place) };
    found.map(String::from)
}

/// `text[start:stop:step]`; None where that is more than every character, or fewer, in either direction.
pub(super) fn slice(text: &str, start: Option<i64>, stop: Option<i64>, step: Option<i64>) -> Option<String> {
    let characters: Vec<char> = text.chars().take(MAX_LENGTH).collect();
    let length = i64::try_from(characters.len()).ok()?;
    let step = step.unwrap_or(1);
    let place = |given: i64, low: i64| if given < 0 { given.saturating_add(length).max(low) } else { given };
    let (mut at, end) = if step > 0 {
        (place(start.unwrap_or(0), 0), place(stop.unwrap_or(length), 0).min(length))
    } else {
        let last = length.saturating_sub(1);
        (start.map_or(last, |start| place(start, -1).min(last)), stop.map_or(-1, |stop| place(stop, -1)))
    };
    let mut sliced = String::new();
    while step > 0 && at < end || step < 0 && at > end {
        sliced.push(*characters.get(usize::try_from(at).ok()?)?);
        at = at.saturating_add(step);
    }
    (step != 0).then_some(sliced)
}

/// A filter or method without arguments.
pub(super) fn plain(name: &str, text: &str) -> Option<String> {
    Some(match name {
        "upper" => text.to_uppercase(),
        "lower" | "casefold" => text.to_lowercase(),
        "reverse" => text.chars().rev().collect(),
        "trim" | "strip" => text.trim().to_owned(),
        "lstrip" => text.trim_start().to_owned(),
        "rstrip" => text.trim_end().to_owned(),
        "swapcase" => text.chars().map(swapped).collect(),
        "title" => titled(text),
        "capitalize" => {
            let mut characters = text.chars();
            let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
            first + &characters.as_str().to_lowercase()
        }
        "string" | "safe" | "e" | "escape" | "forceescape" => text.to_owned(),
        _ => return None,
    })
}

fn swapped(character: char) -> char {
    let other =
        if character.is_uppercase() { character.to_lowercase().next() } else { character.to_uppercase().next() };
    other.unwrap_or(character)
}

fn titled(text: &str) -> String {
    let mut inside = false;
    let mut titled = String::with_capacity(text.len());
    for character in text.chars() {
        if inside {
            titled.extend(character.to_lowercase());
        } else {
            titled.extend(character.to_uppercase());
        }
        inside = character.is_alphanumeric();
    }
    titled
}

/// `%s`, `{}` and their kin in `template`, each with the value in its place.
pub(super) fn format(template: &Value, values: &[Value]) -> Value {
    let Some(text) = template.known_text() else {
        return values.iter().fold(template.clone(), |all, value| all.then(value)).altered();
    };
    let flat: Vec<Value> = match values {
        [only] if only.items.is_some() => {
            only.items.iter().flat_map(|items| items.iter()).map(|(_, item)| item.clone()).collect()
        }
        _ => values.to_vec(),
    };
    let mut left = flat.iter();
    let mut whole = Value::text("");
    let mut rest: &str = text;
    while let Some((before, after)) = field(rest) {
        whole = super::expressions::joined(whole, &Value::text(before));
        match left.next() {
            Some(value) => whole = super::expressions::joined(whole, value),
            None => break,
        }
        rest = after;
    }
    whole = super::expressions::joined(whole, &Value::text(rest));
    left.fold(whole, |whole, value| whole.then(value))
}

/// What stands before and after the first place for a value.
fn field(text: &str) -> Option<(&str, &str)> {
    let place = text.find(['%', '{'])?;
    let (before, from) = text.split_at(place);
    let end =
        if from.starts_with('{') { from.find('}')? } else { from.find(|c: char| c.is_ascii_alphabetic() && c != '(')? };
    from.get(end.saturating_add(1)..).map(|after| (before, after))
}

/// The texts of a list with `separator` between them, in order.
pub(super) fn join(list: &Value, separator: &Value) -> Value {
    let Some(items) = &list.items else {
        return list.clone().then(separator).altered();
    };
    let mut whole: Option<Value> = None;
    for (_, item) in items.iter() {
        whole = Some(match whole {
            Some(before) if separator.parts.is_empty() => super::expressions::joined(before, item),
            Some(before) => super::expressions::joined(super::expressions::joined(before, separator), item),
            None => item.clone(),
        });
        if whole.as_ref().is_some_and(|whole| whole.parts.len() > MAX_LENGTH) {
            break;
        }
    }
    whole.unwrap_or_default()
}

/// `value` with `to` for each `from`.
pub(super) fn replace(value: &Value, from: &Value, to: &Value) -> Value {
    if let (Some(text), Some(from), Some(to)) = (value.known_text(), from.known_text(), to.known_text()) {
        let times = if from.is_empty() { text.len() } else { text.matches(&**from).count() };
        if times.saturating_mul(to.len()).saturating_add(text.len()) <= MAX_LENGTH {
            return Value::text(&text.replace(&**from, to)).under(value.triggers);
        }
    }
    // where the place of `to` is known to be the end
    if let (Some(text), Some(from)) = (value.known_text(), from.known_text())
        && let Some((before, after)) = text.split_once(&**from)
    {
        return Value::text(before).then(to).then(&Value::text(after));
    }
    let mut replaced = value.clone().then(to);
    let separator = value.parts.len();
    if let Some(part) = replaced.parts.get(separator).cloned() {
        replaced.parts.insert(separator, super::value::Part { piece: Piece::Break, ..part });
    }
    replaced.altered()
}
