//! Which rules look at which value, when its bytes have come.

use super::super::header::Entry;
use super::{Findings, metadata};

/// Looks at a string of the metadata. `text` is all of it, or its first MiB: `entry.size` tells.
pub(in crate::gguf) fn check_text(entry: &Entry, text: &[u8], findings: &mut Findings) {
    metadata::check_text(entry, text, findings);
    super::super::template::check_text(entry, text, findings);
}

/// Looks at an array of numbers. `bytes` are all of it, or its first 64 KiB: `entry.size` tells.
pub(in crate::gguf) fn check_numbers(entry: &Entry, bytes: &[u8], findings: &mut Findings) {
    metadata::check_numbers(entry, bytes, findings);
}

/// Looks at an array of strings. `bytes` are its strings with their lengths, or the first of them: 64 KiB, 1 MiB where they
/// are chat templates.
pub(in crate::gguf) fn check_strings(entry: &Entry, bytes: &[u8], big_endian: bool, findings: &mut Findings) {
    metadata::check_strings(entry, bytes, big_endian, findings);
    super::super::template::check_strings(entry, bytes, big_endian, findings);
}
