//! Rules for `general.architecture`, by which a loader chooses how to read everything else.

use super::super::super::header::{Header, ValueType};
use super::super::super::printable::printable;
use super::super::Findings;
use super::facts::{block_of, is_later_shard, text};
use super::known::{is_known, is_language};
use super::{ARCH_KEYS, ARCH_MISSING, ARCH_NAME, ARCH_TYPE, ARCH_UNKNOWN};

const KEY: &str = "general.architecture";
/// The longest known has 16.
const MAX_NAME: usize = 64;

/// The architecture, if the file has one that can be used as a prefix of keys.
pub(super) fn check<'a>(header: &'a Header, findings: &mut Findings) -> Option<&'a str> {
    let Some(entry) = header.entry(KEY.as_bytes()) else {
        missing(header, findings);
        return None;
    };
    let at = entry.offset;
    if entry.kind != ValueType::String {
        findings
            .add(ARCH_TYPE, at, || format!("key \"{KEY}\" is of type {}, a string was expected", entry.type_name()));
        return None;
    }
    let name = entry.kept.as_deref().filter(|name| name.len() <= MAX_NAME).and_then(plain);
    let Some(name) = name else {
        let shown = entry
            .kept
            .as_deref()
            .map_or_else(|| format!("{} bytes long", entry.size), |name| format!("\"{}\"", printable(name)));
        findings.add(ARCH_NAME, at, || {
            format!("key \"{KEY}\" is {shown}: 1 to {MAX_NAME} letters, digits, _ - and . were expected")
        });
        return None;
    };
    if !is_known(name) {
        unknown(header, name, at, findings);
    } else if let Some(other) = other_owner(header, name) {
        findings.add(ARCH_KEYS, at, || {
            format!(
                "key \"{KEY}\" is \"{name}\", but there are no \"{name}.*\" keys: the sizes are given for \"{other}\""
            )
        });
    }
    Some(name)
}

fn unknown(header: &Header, name: &str, at: u64, findings: &mut Findings) {
    let lower = name.to_ascii_lowercase();
    // A name of the same length is one with damaged bytes.
    match other_owner(header, name).filter(|other| **other != lower && other.len() == name.len()) {
        Some(other) => findings.add(ARCH_KEYS, at, || {
            format!(
                "key \"{KEY}\" is \"{name}\", which no known program loads, while the sizes are given for \"{other}\""
            )
        }),
        None => findings.add(ARCH_UNKNOWN, at, || {
            let hint = if is_known(&lower) { format!("; \"{lower}\" was expected") } else { String::new() };
            format!("key \"{KEY}\" is \"{name}\", which no known program loads{hint}")
        }),
    }
}

/// The name as text, if it is made of what such names are made of and is no path.
fn plain(name: &[u8]) -> Option<&str> {
    let sound = name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte))
        && name.iter().any(u8::is_ascii_alphanumeric)
        && !name.starts_with(b".");
    std::str::from_utf8(name).ok().filter(|_| sound)
}

/// The language model whose sizes the keys give, where `name` has none.
fn other_owner<'a>(header: &'a Header, name: &str) -> Option<&'a str> {
    let owns = |key: &[u8]| key.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"."));
    if header.entries.iter().any(|entry| owns(&entry.key)) {
        return None;
    }
    let prefix = |key: &'a [u8]| std::str::from_utf8(key.strip_suffix(b".block_count")?).ok();
    header.entries.iter().filter_map(|entry| prefix(&entry.key)).find(|prefix| is_language(prefix))
}

fn missing(header: &Header, findings: &mut Findings) {
    let matrix = text(header, "general.type") == Some(b"imatrix");
    if matrix || is_later_shard(header) {
        return;
    }
    let key = header.entries.iter().map(|entry| &*entry.key).find(|key| is_model_key(key));
    let tensor = header.tensors.iter().map(|tensor| &*tensor.name).find(|name| is_model_tensor(name));
    let evidence = match (key, tensor) {
        (Some(key), _) => format!("key \"{}\"", printable(key)),
        (None, Some(name)) => format!("tensor \"{}\"", printable(name)),
        (None, None) => return, // some other data in GGUF's container
    };
    findings
        .add(ARCH_MISSING, None, || format!("there is no key \"{KEY}\", which a model has, and this has {evidence}"));
}

fn is_model_key(key: &[u8]) -> bool {
    key.starts_with(b"tokenizer.")
        || [&b".block_count"[..], b".context_length", b".embedding_length"].iter().any(|end| key.ends_with(end))
}

fn is_model_tensor(name: &[u8]) -> bool {
    name == b"token_embd.weight" || block_of(name).is_some()
}
