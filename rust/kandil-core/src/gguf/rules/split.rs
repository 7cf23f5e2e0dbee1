//! Rules for files that are one shard of several: `split.no`, `split.count`, `split.tensors.count`.
//!
//! Whether all shards are there is a question to the folder, not to one file. Later shards carry little more than these keys.

use super::super::header::{Entry, Header, ValueType};
use super::super::value::{Scalar, kept_scalar};
use super::{Finding, Findings, Rule, SPLIT_COUNT, SPLIT_NAME, SPLIT_NO, SPLIT_TOTAL, SPLIT_TYPE};

/// The shard keys of a header; None where the key is absent or no integer.
#[derive(Debug, Clone, Copy, Default)]
struct Split {
    no: Option<i128>,
    count: Option<i128>,
    tensors: Option<i128>,
}

fn integer(header: &Header, key: &[u8]) -> Option<i128> {
    match kept_scalar(header, header.entry(key)?)? {
        Scalar::Uint(value) => Some(value.into()),
        Scalar::Int(value) => Some(value.into()),
        _ => None,
    }
}

fn split(header: &Header) -> Split {
    Split {
        no: integer(header, b"split.no"),
        count: integer(header, b"split.count"),
        tensors: integer(header, b"split.tensors.count"),
    }
}

/// Reports shard keys that loaders refuse or that contradict each other.
pub(in crate::gguf) fn check(header: &Header, findings: &mut Findings) {
    let expected: [(&[u8], ValueType); 3] =
        [(b"split.no", ValueType::U16), (b"split.count", ValueType::U16), (b"split.tensors.count", ValueType::I32)];
    for (entry, kind) in expected.iter().filter_map(|(key, kind)| Some((header.entry(key)?, *kind))) {
        if entry.kind != kind {
            let message = || {
                format!("key \"{}\" is of type {}, {} was expected", entry.key_text(), entry.type_name(), kind.name())
            };
            findings.add(SPLIT_TYPE, entry.offset, message);
        }
    }
    check_total(header, findings);
    let Split { no, count, tensors } = split(header);
    let Some(count) = count else {
        if let (Some(entry), None) = (header.entry(b"split.no"), header.entry(b"split.count")) {
            findings.add(SPLIT_NO, entry.offset, || {
                "there is split.no, but no split.count to say of how many shards".to_owned()
            });
        }
        return;
    };
    let at = header.entry(b"split.count").map(|entry: &Entry| entry.offset);
    let Some(no) = no else {
        if count > 1 {
            findings
                .add(SPLIT_NO, at, || format!("split.count is {count}, but there is no split.no to say which this is"));
        }
        return;
    };
    if no < 0 || count < 0 || (count > 0 && no >= count) {
        findings.add(SPLIT_NO, at, || {
            format!("split.no is {no} and split.count is {count}: a number from 0 to below the count was expected")
        });
    }
    let Some(tensors) = tensors.filter(|_| header.data_offset.is_some()) else { return };
    let here = header.tensors.len() as i128;
    if (here > tensors && count < 1) || (count > 1 && here == tensors) {
        findings.add(SPLIT_COUNT, at, || {
            format!("split.count is {count} and split.tensors.count {tensors}, but this one file holds {here} tensors")
        });
    }
}

/// Reports a number of tensors that this file's cannot be a part of.
fn check_total(header: &Header, findings: &mut Findings) {
    let Split { count, tensors: Some(tensors), .. } = split(header) else { return };
    let here = header.tensors.len() as i128;
    let wrong = match count {
        _ if tensors < 0 => true,
        _ if header.data_offset.is_none() => false,
        Some(1) => here != tensors,
        Some(2..) => here > tensors,
        _ => false,
    };
    if wrong {
        let at = header.entry(b"split.tensors.count").map(|entry| entry.offset);
        findings.add(SPLIT_TOTAL, at, || {
            format!("split.tensors.count says that all shards hold {tensors} tensors, but this one holds {here}")
        });
    }
}

/// What is wrong between a shard's file name and its keys; names such as `x-00001-of-00003.gguf` are checked, others fit.
pub fn check_name(header: &Header, name: &[u8]) -> Option<Finding> {
    let (number, of) = shard_of(name)?;
    let Split { no, count, .. } = split(header);
    let message = match (no, count) {
        (Some(no), Some(count)) if no.checked_add(1) == Some(number) && count == of => return None,
        _ if of == 1 => return None, // a whole model, as some publishers name it
        (Some(no), Some(count)) => {
            format!(
                "the file's name says shard {number} of {of}, its keys say split.no {no} (counted from 0) and split.count {count}"
            )
        }
        _ => format!("the file's name says shard {number} of {of}, but it has no split.no and split.count"),
    };
    let Rule { id, severity, .. } = SPLIT_NAME;
    Some(Finding { id, severity, message, offset: None })
}

/// Number and count from the end of a name, `-00001-of-00003.gguf`.
fn shard_of(name: &[u8]) -> Option<(i128, i128)> {
    let stem = std::str::from_utf8(name).ok()?.strip_suffix(".gguf")?;
    let (rest, of) = stem.rsplit_once("-of-")?;
    let (_, number) = rest.rsplit_once('-')?;
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(number) && digits(of)).then_some((number.parse().ok()?, of.parse().ok()?))
}
