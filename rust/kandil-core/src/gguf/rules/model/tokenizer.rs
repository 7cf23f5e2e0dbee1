//! Rules for the two keys without which no language model has a tokenizer.

use super::super::super::header::Header;
use super::super::super::printable::printable;
use super::super::Findings;
use super::facts::{Model, text};
use super::known::is_language;
use super::{TOK_MISSING, TOK_UNKNOWN};

const MODEL: &str = "tokenizer.ggml.model";
/// What llama.cpp of October 2026 knows (src/llama-vocab.cpp), and names that converters wrote before.
const MODELS: [&[u8]; 10] =
    [b"llama", b"gpt2", b"bert", b"t5", b"rwkv", b"plamo2", b"hybriddna", b"gemma4", b"whitespace", b"test"];
/// Kinds that put tokens together by a list of merges.
const MERGING: [&[u8]; 3] = [b"gpt2", b"hybriddna", b"whitespace"];
const NONE: [&[u8]; 2] = [b"no_vocab", b"none"];

/// Reports a tokenizer of which a loader cannot tell the kind, or the tokens.
pub(super) fn check(model: &Model<'_>, findings: &mut Findings) {
    let has_sizes = model.entry("block_count").is_some(); // else it is no model that anything loads
    if !is_language(model.architecture) || !model.is_whole() || !has_sizes {
        return;
    }
    let header = model.header;
    let Some(some) = header.entries.iter().find(|entry| entry.key.starts_with(b"tokenizer.ggml.")) else { return };
    let kind = text(header, MODEL);
    let has_tokens = header.entry(b"tokenizer.ggml.tokens").is_some();
    let missing = match kind {
        None if header.entry(MODEL.as_bytes()).is_none() => Some(MODEL),
        Some(kind) if !has_tokens && !NONE.contains(&kind) => Some("tokenizer.ggml.tokens"),
        Some(kind) if MERGING.contains(&kind) && !merges(header) => Some("tokenizer.ggml.merges"),
        _ => None,
    };
    if let Some(missing) = missing {
        findings.add(TOK_MISSING, some.offset, || {
            format!("key \"{}\" is there, and \"{missing}\" is not", printable(&some.key))
        });
    }
    if let Some(kind) = kind.filter(|kind| !MODELS.contains(kind) && !NONE.contains(kind)) {
        let at = header.entry(MODEL.as_bytes()).map(|entry| entry.offset);
        findings.add(TOK_UNKNOWN, at, || {
            format!("key \"{MODEL}\" is \"{}\", which llama.cpp does not know", printable(kind))
        });
    }
}

/// Kimi's tokenizer goes by the tokens' numbers.
fn merges(header: &Header) -> bool {
    header.entry(b"tokenizer.ggml.merges").is_some()
        || text(header, "tokenizer.ggml.pre").is_some_and(|pre| pre.starts_with(b"kimi"))
}
