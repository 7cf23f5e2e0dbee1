//! Rules for the names of keys and tensors.

use std::collections::HashMap;

use super::super::printable::{bidirectional, hidden, printable};
use super::{
    Findings, KEY_BIDI, KEY_CASE, KEY_CTRL, KEY_DUP, KEY_EMPTY, KEY_GRAMMAR, KEY_NUL, KEY_UTF8, Rule, TEN_BIDI,
    TEN_CTRL, TEN_DUP, TEN_GRAMMAR, TEN_NAME, TEN_PATH,
};

/// ggml keeps names in 64 bytes, the last one 0.
const TENSOR_NAME_BYTES: usize = 63;

/// Reports the worst that is wrong with a key.
pub(in crate::gguf) fn check_key(key: &[u8], offset: u64, findings: &mut Findings) {
    if key.is_empty() {
        findings.add(KEY_EMPTY, offset, || "a key has no name, at least one byte was expected".to_owned());
        return;
    }
    if key.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-')) && segments_filled(key) {
        return;
    }
    let shown = || printable(key);
    match std::str::from_utf8(key) {
        Err(_) => findings.add(KEY_UTF8, offset, || format!("key \"{}\" is not UTF-8", shown())),
        Ok(text) if text.contains(bidirectional) => {
            findings.add(KEY_BIDI, offset, || format!("key \"{}\" holds a bidirectional control", shown()));
        }
        Ok(text) if text.contains('\0') => {
            findings.add(KEY_NUL, offset, || format!("key \"{}\" holds a NUL byte", shown()));
        }
        Ok(text) if text.contains(hidden) => {
            findings.add(KEY_CTRL, offset, || format!("key \"{}\" holds a control or invisible character", shown()));
        }
        Ok(_)
            if key.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte)) && segments_filled(key) =>
        {
            findings.add(KEY_CASE, offset, || format!("key \"{}\" has upper-case letters", shown()));
        }
        Ok(_) => findings.add(KEY_GRAMMAR, offset, || {
            let foreign = foreign(key);
            format!(
                "key \"{}\"{foreign} is not made of ASCII letters, digits, _ and - in words joined by dots",
                shown()
            )
        }),
    }
}

/// Names the first character that is not ASCII: one that looks like a Latin letter cannot be seen.
fn foreign(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let first = text.chars().find(|character| !character.is_ascii());
    first.map_or_else(String::new, |character| format!(" (with U+{:04X})", u32::from(character)))
}

fn segments_filled(key: &[u8]) -> bool {
    key.split(|&byte| byte == b'.').all(|segment| !segment.is_empty())
}

/// Reports the worst that is wrong with a tensor's name.
pub(in crate::gguf) fn check_tensor(name: &[u8], offset: u64, findings: &mut Findings) {
    let shown = || printable(name);
    if name.len() > TENSOR_NAME_BYTES {
        let length = name.len();
        findings.add(TEN_NAME, offset, || {
            format!("tensor \"{}\": its name has {length} bytes, at most {TENSOR_NAME_BYTES} were expected", shown())
        });
    }
    if !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte))
        && !is_path(name)
    {
        return;
    }
    match std::str::from_utf8(name) {
        Err(_) => findings.add(TEN_NAME, offset, || format!("tensor \"{}\": its name is not UTF-8", shown())),
        Ok(text) if text.contains(bidirectional) => {
            findings
                .add(TEN_BIDI, offset, || format!("tensor \"{}\": its name holds a bidirectional control", shown()));
        }
        Ok(text) if text.contains(hidden) => findings.add(TEN_CTRL, offset, || {
            format!("tensor \"{}\": its name holds a control or invisible character", shown())
        }),
        Ok(_) if is_path(name) => findings.add(TEN_PATH, offset, || {
            format!("tensor \"{}\": its name is a path that leads out of the folder it is taken from", shown())
        }),
        Ok(_)
            if name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/:".contains(byte)) && !name.is_empty() => {}
        Ok(_) => findings.add(TEN_GRAMMAR, offset, || {
            let foreign = foreign(name);
            format!("tensor \"{}\"{foreign}: its name is not made of ASCII letters, digits and _ . - / :", shown())
        }),
    }
}

/// Whether a name, taken as a file's, is absolute (`/`, `\`, `\\server`, `C:\`) or climbs (`..` as a component).
fn is_path(name: &[u8]) -> bool {
    let drive = matches!(name, [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    let climbs = name.split(|byte| matches!(byte, b'/' | b'\\')).any(|component| component == b"..");
    drive || climbs || matches!(name, [b'/' | b'\\', ..])
}

/// Reports every key that an earlier entry has.
pub(in crate::gguf) fn check_unique_keys<'a>(keys: impl Iterator<Item = (&'a [u8], u64)>, findings: &mut Findings) {
    check_unique(KEY_DUP, "key", keys, findings);
}

/// Reports every tensor name that an earlier tensor has.
pub(in crate::gguf) fn check_unique_tensors<'a>(names: impl Iterator<Item = (&'a [u8], u64)>, findings: &mut Findings) {
    check_unique(TEN_DUP, "tensor", names, findings);
}

fn check_unique<'a>(rule: Rule, what: &str, names: impl Iterator<Item = (&'a [u8], u64)>, findings: &mut Findings) {
    let mut first = HashMap::new(); // keyed at random: a file cannot choose names that collide
    for (name, offset) in names {
        let at = *first.entry(name).or_insert(offset);
        if at != offset {
            findings.add(rule, offset, || format!("{what} \"{}\" occurs again, first at byte {at}", printable(name)));
        }
    }
}
