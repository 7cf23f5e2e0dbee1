//! What a value of a profile can be, and the check that it is that.

use crate::Mistake;
use crate::value::{Entry, Node, Value};

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text, not empty, in one line, without control characters.
    Text,
    /// true or false.
    Flag,
    /// A whole number from 1.
    Count,
    /// Any whole number from 0.
    Whole,
    /// A number from 0.
    Amount,
    /// A day: `2026-11-22`.
    Day,
    /// A day, or a month: `2026-11`.
    Month,
    /// 64 lower-case hexadecimal digits: a SHA-256.
    Sha256,
    /// 32 lower-case hexadecimal digits: an MD5.
    Md5,
    /// 40 lower-case hexadecimal digits: a commit.
    Commit,
    /// `https://…`, or `http://` on this machine; without a user's name, a query or a fragment.
    Url,
    /// `https://…`, to look at in a browser.
    Link,
    /// A path that begins with `/`, or a `Url`.
    Path,
    /// A JSON pointer: `/error/message`.
    Pointer,
    /// The name of an HTTP header.
    Header,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Each item is one.
    List(&'static Kind),
    /// Each value is one, under any name.
    Map(&'static Kind),
    /// These fields and no others.
    Table(&'static [Field]),
    /// A number, true or false, or a list of such: one of GGUF's hyper-parameters.
    Parameter,
}

/// A field of a table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its key.
    pub name: &'static str,
    /// What it must be.
    pub kind: Kind,
    /// It must be there.
    pub required: bool,
}

/// Adds what is wrong with `node` as a value of this kind. `key` is its dotted name.
pub fn check(node: &Node, kind: Kind, key: &str, mistakes: &mut Vec<Mistake>) {
    let mut wrong = |what: String| {
        mistakes.push(Mistake { file: String::new(), line: node.line, key: key.to_owned(), what });
    };
    match (kind, &node.value) {
        (Kind::Flag, Value::Flag(_)) => {}
        (Kind::Count, Value::Integer(number)) if *number >= 1 => {}
        (Kind::Whole, Value::Integer(number)) if *number >= 0 => {}
        (Kind::Amount, Value::Integer(number)) if *number >= 0 => {}
        (Kind::Amount, Value::Number(number)) if *number >= 0.0 && number.is_finite() => {}
        (Kind::Count | Kind::Whole | Kind::Amount, Value::Integer(_) | Value::Number(_)) => {
            let least = if matches!(kind, Kind::Count) { 1 } else { 0 };
            let whole = if matches!(kind, Kind::Amount) { "a" } else { "a whole" };
            wrong(format!("{whole} number from {least} was expected"));
        }
        (Kind::Parameter, Value::Integer(_) | Value::Number(_) | Value::Flag(_)) => {}
        (Kind::Parameter, Value::List(items)) => {
            items.iter().for_each(|item| check(item, Kind::Parameter, key, mistakes));
        }
        (Kind::List(kind), Value::List(items)) => {
            items.iter().for_each(|item| check(item, *kind, key, mistakes));
        }
        (Kind::Map(kind), Value::Table(entries)) => {
            entries.iter().for_each(|entry| check(&entry.node, *kind, &dotted(key, &entry.name), mistakes));
        }
        (Kind::Table(fields), Value::Table(entries)) => check_fields(node.line, entries, fields, key, mistakes),
        (Kind::Flag | Kind::Count | Kind::Whole | Kind::Amount | Kind::Parameter, found) => {
            wrong(format!("{} was expected, not {}", expected(kind), found.kind()));
        }
        (Kind::List(_) | Kind::Map(_) | Kind::Table(_), found) => {
            wrong(format!("{} was expected, not {}", expected(kind), found.kind()));
        }
        (kind, Value::Text(text)) => {
            if let Some(what) = wrong_text(kind, text) {
                wrong(what);
            }
        }
        (_, found) => wrong(format!("text was expected, not {}", found.kind())),
    }
}

/// `table.name`, with the quotes that TOML wants.
#[must_use]
pub fn dotted(table: &str, name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '-'));
    let name = if bare { name.to_owned() } else { format!("{name:?}") };
    if table.is_empty() { name } else { format!("{table}.{name}") }
}

fn check_fields(line: usize, entries: &[Entry], fields: &[Field], key: &str, mistakes: &mut Vec<Mistake>) {
    for entry in entries {
        let name = dotted(key, &entry.name);
        match fields.iter().find(|field| field.name == entry.name) {
            Some(field) => check(&entry.node, field.kind, &name, mistakes),
            None => {
                let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
                let what = format!("there is no such field; there are {}", known.join(", "));
                mistakes.push(Mistake { file: String::new(), line: entry.node.line, key: name, what });
            }
        }
    }
    for field in fields.iter().filter(|field| field.required) {
        if !entries.iter().any(|entry| entry.name == field.name) {
            let what = format!("{} is missing: {}", field.name, expected(field.kind));
            mistakes.push(Mistake { file: String::new(), line, key: key.to_owned(), what });
        }
    }
}

fn expected(kind: Kind) -> String {
    match kind {
        Kind::Flag => "true or false".into(),
        Kind::Count => "a whole number from 1".into(),
        Kind::Whole => "a whole number from 0".into(),
        Kind::Amount => "a number from 0".into(),
        Kind::List(kind) => format!("a list of {}", expected(*kind)),
        Kind::Map(_) | Kind::Table(_) => "a table".into(),
        Kind::Parameter => "a number, true, false, or a list of them".into(),
        Kind::OneOf(these) => format!("one of {}", these.join(", ")),
        Kind::Day => "a day such as \"2026-11-22\"".into(),
        Kind::Month => "a day or a month such as \"2026-11\"".into(),
        Kind::Link => "https://…".into(),
        Kind::Sha256 => "64 lower-case hexadecimal digits".into(),
        Kind::Md5 => "32 lower-case hexadecimal digits".into(),
        Kind::Commit => "40 lower-case hexadecimal digits".into(),
        Kind::Url => "https://… (http:// only on this machine), without user, query and fragment".into(),
        Kind::Path => "a path from /, or an https:// URL".into(),
        Kind::Pointer => "a JSON pointer such as /error/message".into(),
        Kind::Header => "the name of a header".into(),
        Kind::Text => "text in one line".into(),
    }
}

fn wrong_text(kind: Kind, text: &str) -> Option<String> {
    let hexadecimal =
        |digits: usize| text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let printable = !text.trim().is_empty() && !text.chars().any(char::is_control);
    let right = printable
        && match kind {
            Kind::OneOf(these) => these.contains(&text),
            Kind::Day => is_day(text),
            Kind::Month => is_day(text) || is_day(&format!("{text}-01")),
            Kind::Link => text.strip_prefix("https://").is_some_and(|rest| !rest.contains(char::is_whitespace)),
            Kind::Sha256 => hexadecimal(64),
            Kind::Md5 => hexadecimal(32),
            Kind::Commit => hexadecimal(40),
            Kind::Url => is_url(text),
            Kind::Path => (text.starts_with('/') && !text.contains(char::is_whitespace)) || is_url(text),
            Kind::Pointer => text.starts_with('/'),
            Kind::Header => text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)),
            _ => true,
        };
    (!right).then(|| format!("{text:?} is not {}", expected(kind)))
}

fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let number = |part: &str, digits: usize| {
        (part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse::<u32>().ok())
            .flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    (2000..2100).contains(&year) && (1..=days).contains(&day)
}

fn is_url(text: &str) -> bool {
    let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return false,
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let named = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        && !host.starts_with(['.', '-']);
    let here =
        matches!(host, "localhost" | "[::1]") || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
    (named || address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()))
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
        && !rest.contains(|one: char| one.is_whitespace() || matches!(one, '?' | '#' | '@' | '\\'))
        && (secure || here)
}
