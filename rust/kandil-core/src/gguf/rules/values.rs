//! Which rules look at which value, when its bytes have come.

use super::super::header::Entry;
use super::Findings;

/// Looks at a string of the metadata. `text` is all of it, or its first MiB: `entry.size` tells.
pub(in crate::gguf) fn check_text(_entry: &Entry, _text: &[u8], _findings: &mut Findings) {}

/// Looks at an array of numbers. `bytes` are all of it, or its first 64 KiB: `entry.size` tells.
pub(in crate::gguf) fn check_numbers(_entry: &Entry, _bytes: &[u8], _findings: &mut Findings) {}
