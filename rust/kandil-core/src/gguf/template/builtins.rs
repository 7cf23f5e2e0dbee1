//! What filters and methods make of constants.

use super::formats;
use super::size;
use super::value::{MAX_LIST, MAX_STRING, Value};
use std::rc::Rc;

/// One more than a list holds.
const MAX_PARTS: usize = MAX_LIST + 1;

/// A filter's or a method's arguments, evaluated; a filter's operand and a method's object stand apart.
#[derive(Debug, Default)]
pub(super) struct Evaluated<'a> {
    pub(super) positional: Vec<Value>,
    pub(super) named: Vec<(&'a str, Value)>,
    /// Some came by `*` or `**`.
    pub(super) open: bool,
}

impl Evaluated<'_> {
    pub(super) fn get(&self, place: usize, name: &str) -> Option<&Value> {
        self.positional.get(place).or_else(|| self.named.iter().find(|(key, _)| *key == name).map(|(_, value)| value))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Value> {
        self.positional.iter().chain(self.named.iter().map(|(_, value)| value))
    }

    fn text(&self, place: usize, name: &str) -> Option<&str> {
        self.get(place, name).and_then(Value::as_str)
    }

    fn int(&self, place: usize, name: &str) -> Option<i64> {
        self.get(place, name).and_then(Value::as_int)
    }
}

/// `subject | name(arguments)`; None where it cannot be told.
pub(super) fn filter(name: &str, subject: &Value, arguments: &Evaluated<'_>) -> Option<Value> {
    if matches!(subject, Value::Sized(_))
        && let Some(made) = size::made(name, subject, arguments)
    {
        return Some(made);
    }
    match name {
        "length" | "count" | "wordcount" => {
            Some(subject.length().and_then(|length| i64::try_from(length).ok()).map_or(Value::Number, Value::Int))
        }
        "string" | "safe" | "escape" | "e" | "forceescape" | "striptags" | "urlize" | "pprint"
            if subject.shown().is_some() =>
        {
            subject.shown().map(Value::Str)
        }
        "default" | "d" => Some(match subject {
            Value::Unknown | Value::Input | Value::None => {
                arguments.get(0, "default_value").cloned().unwrap_or(Value::Unknown).or(subject.clone())
            }
            known => known.clone(),
        }),
        "int" => Some(Value::Int(match subject {
            Value::Str(text) => text.trim().parse().ok()?,
            other => other.as_int()?,
        })),
        "abs" => subject.as_int().map(|value| Value::Int(value.saturating_abs())),
        "list" | "unique" | "select" | "reject" | "sort" if subject.items().is_some() => list_filter(name, subject),
        "first" | "min" => subject.items()?.first().cloned(),
        "last" | "max" => subject.items()?.last().cloned(),
        "random" => subject.items().map(Value::any),
        "items" | "dictsort" => pairs(subject),
        "reverse" => subject.slice([None, None, Some(-1)]),
        "join" => join(subject, arguments),
        "map" => mapped(subject, arguments),
        "format" => formatted(subject.as_str()?, arguments),
        "trim" => text_method("strip", &subject.shown()?, arguments),
        "batch" | "slice" => subject.items().map(|items| Value::list(vec![Value::list(items)])),
        "upper" | "lower" | "title" | "capitalize" | "replace" | "center" | "truncate" => {
            text_method(name, &subject.shown()?, arguments)
        }
        "string" | "tojson" | "pprint" | "indent" | "wordwrap" | "escape" | "e" | "urlencode" => {
            size::made(name, subject, arguments)
        }
        _ => None,
    }
}

fn list_filter(name: &str, subject: &Value) -> Option<Value> {
    let mut items = subject.items()?;
    match name {
        "unique" => {
            let all = std::mem::take(&mut items);
            for item in all {
                if !items.contains(&item) {
                    items.push(item);
                }
            }
        }
        "sort" => items.sort_by_key(Value::shown),
        _ => {}
    }
    Some(Value::list(items))
}

/// Jinja's `map('filter', …)` with a filter that takes text.
fn mapped(subject: &Value, arguments: &Evaluated<'_>) -> Option<Value> {
    let name = arguments.text(0, "")?;
    let rest = Evaluated {
        positional: arguments.positional.get(1..)?.to_vec(),
        named: arguments.named.clone(),
        open: arguments.open,
    };
    let items = subject.items()?;
    let made = items.iter().map(|item| item.map(|item| filter(name, item, &rest).unwrap_or(Value::Unknown)));
    Some(Value::list(made.collect()))
}

fn pairs(subject: &Value) -> Option<Value> {
    let Value::Dict(pairs) = subject else { return None };
    Some(Value::list(pairs.iter().map(|(key, value)| Value::list(vec![key.clone(), value.clone()])).collect()))
}

fn join(subject: &Value, arguments: &Evaluated<'_>) -> Option<Value> {
    let items = subject.items()?;
    let glue = arguments.get(0, "d").cloned().unwrap_or_else(|| Value::text(""));
    joined(&glue, &items)
}

fn joined(glue: &Value, items: &[Value]) -> Option<Value> {
    let mut parts = Vec::new();
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            parts.push(glue.clone());
        }
        parts.push(item.clone());
    }
    Some(Value::concat(&parts))
}

/// `text % …` and `text | format(…)`.
pub(super) fn formatted(text: &str, arguments: &Evaluated<'_>) -> Option<Value> {
    let made = formats::percent(text, &arguments.positional).map(Value::text);
    made.or_else(|| size::formatted(text, arguments.all()))
}

/// `subject.name(arguments)`; None where it cannot be told.
pub(super) fn method(name: &str, subject: &Value, arguments: &Evaluated<'_>) -> Option<Value> {
    match (name, subject) {
        ("format", Value::Str(text)) => formats::braces(text, &arguments.positional, &arguments.named)
            .map(Value::text)
            .or_else(|| size::formatted(text, arguments.all())),
        ("join", glue @ (Value::Str(_) | Value::Sized(_))) => match arguments.get(0, "")? {
            of @ Value::Sized(_) => {
                size::made("join", of, &Evaluated { positional: vec![glue.clone()], ..Evaluated::default() })
            }
            of => joined(glue, &of.items()?),
        },
        ("items", subject) => pairs(subject),
        ("keys", Value::Dict(_)) => subject.items().map(Value::list),
        ("values", Value::Dict(pairs)) => Some(Value::list(pairs.iter().map(|(_, value)| value.clone()).collect())),
        ("get" | "pop" | "setdefault", Value::Dict(_)) => {
            let default = arguments.get(1, "default").cloned().unwrap_or(Value::None);
            Some(subject.item(arguments.get(0, "key")?).unwrap_or(default))
        }
        ("pop", Value::List(_)) => subject.item(&arguments.get(0, "").cloned().unwrap_or(Value::Int(-1))),
        ("copy", subject) => Some(subject.clone()),
        ("count" | "index" | "find", _) => Some(Value::Number),
        (_, Value::Str(text)) => text_method(name, text, arguments),
        (_, Value::Sized(_)) => size::made(name, subject, arguments),
        _ => None,
    }
}

fn text_method(name: &str, text: &Rc<str>, arguments: &Evaluated<'_>) -> Option<Value> {
    let stripped = arguments.text(0, "chars").map(str::to_owned);
    let strips = |character: char| {
        stripped.as_deref().map_or_else(|| super::lexer::is_space(character), |set| set.contains(character))
    };
    Some(Value::text(match name {
        "upper" => text.to_uppercase(),
        "lower" | "casefold" => text.to_lowercase(),
        "swapcase" => text.chars().map(swapped).collect(),
        "capitalize" => capitalized(text),
        "title" => titled(text),
        "strip" => text.trim_matches(strips).to_owned(),
        "lstrip" => text.trim_start_matches(strips).to_owned(),
        "rstrip" => text.trim_end_matches(strips).to_owned(),
        "removeprefix" => text.strip_prefix(arguments.text(0, "")?).unwrap_or(text).to_owned(),
        "removesuffix" => text.strip_suffix(arguments.text(0, "")?).unwrap_or(text).to_owned(),
        "replace" => return replaced(text, arguments),
        "split" | "rsplit" => return split(text, arguments),
        "splitlines" => return Some(Value::list(text.lines().take(MAX_PARTS).map(Value::text).collect())),
        "partition" | "rpartition" => {
            let mark = arguments.text(0, "")?;
            let (before, after) = if name == "partition" { text.split_once(mark) } else { text.rsplit_once(mark) }?;
            return Some(Value::list([before, mark, after].map(Value::text).to_vec()));
        }
        "center" | "ljust" | "rjust" | "zfill" => {
            let width = u64::try_from(arguments.int(0, "width").unwrap_or(80)).unwrap_or(0);
            let length = text.chars().count() as u64;
            if width > length {
                return Some(Value::sized(width));
            }
            text.to_string()
        }
        "truncate" | "encode" | "decode" | "expandtabs" => text.to_string(),
        "startswith" => return Some(Value::Bool(text.starts_with(arguments.text(0, "")?))),
        "endswith" => return Some(Value::Bool(text.ends_with(arguments.text(0, "")?))),
        _ => return None,
    }))
}

fn swapped(character: char) -> char {
    if character.is_ascii_uppercase() { character.to_ascii_lowercase() } else { character.to_ascii_uppercase() }
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters.as_str().to_lowercase().chars()).collect())
        .unwrap_or_default()
}

fn titled(text: &str) -> String {
    let mut inside = false;
    let mut made = String::new();
    for character in text.chars() {
        if inside {
            made.extend(character.to_lowercase());
        } else {
            made.extend(character.to_uppercase());
        }
        inside = character.is_alphabetic();
    }
    made
}

fn replaced(text: &str, arguments: &Evaluated<'_>) -> Option<Value> {
    let (old, new) = (arguments.text(0, "s").or_else(|| arguments.text(0, "old"))?, arguments.get(1, "new")?);
    let count = arguments.int(2, "count").and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    let found =
        if old.is_empty() { text.chars().count().saturating_add(1) } else { text.matches(old).count() }.min(count);
    let added = (found as u64).saturating_mul(new.length()?);
    if added > MAX_STRING as u64 {
        return Some(Value::sized(added));
    }
    Some(Value::text(text.replacen(old, &new.shown()?, count)))
}

fn split(text: &str, arguments: &Evaluated<'_>) -> Option<Value> {
    let mark = arguments.get(0, "sep");
    let parts: Vec<Value> = match mark {
        None | Some(Value::None) => text.split_whitespace().take(MAX_PARTS).map(Value::text).collect(),
        Some(mark) => {
            let mark = mark.as_str().filter(|mark| !mark.is_empty())?;
            text.split(mark).take(MAX_PARTS).map(Value::text).collect()
        }
    };
    Some(Value::list(parts))
}
