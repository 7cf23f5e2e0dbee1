//! What the whole header tells of a vocabulary: types, counts, and the ids of special tokens.

use super::super::super::header::{Entry, Header, ValueType};
use super::super::super::printable::printable;
use super::super::super::value::{Scalar, Value, kept_scalar};
use super::super::{Findings, Rule};
use super::list::{VOC_EMBD, VOC_ID, VOC_ID_OTHER, VOC_LEN, VOC_MANY, VOC_TYPE};

const MANY_TOKENS: u64 = 1 << 22;
/// The id that says that there is no such token.
const NO_TOKEN: u64 = u32::MAX as u64;

/// The special tokens without which no text begins, ends or is cut; their key ends with `_token_id`.
const VITAL: [&[u8]; 4] = [b"bos", b"eos", b"unknown", b"eot"];
/// Others that llama.cpp reads as uint32; `seperator` is how the key is spelled.
const OTHER: [&[u8]; 14] = [
    b"eom",
    b"seperator",
    b"padding",
    b"cls",
    b"mask",
    b"fim_pre",
    b"fim_suf",
    b"fim_mid",
    b"fim_pad",
    b"fim_rep",
    b"fim_sep",
    b"prefix",
    b"suffix",
    b"middle",
];

/// Reports what is wrong with the keys of the tokenizer.
pub(super) fn check(header: &Header, findings: &mut Findings) {
    let tokens = header.entry(b"tokenizer.ggml.tokens").filter(|entry| entry.element == Some(ValueType::String));
    for entry in &header.entries {
        let Some(name) = entry.key.strip_prefix(b"tokenizer.ggml.") else { continue };
        check_type(name, entry, findings);
        if let Some(tokens) = tokens {
            check_ids(name, entry, (header, tokens.count), findings);
        }
    }
    if let Some(tokens) = tokens {
        check_counts(header, tokens, findings);
    }
}

fn is_id(name: &[u8]) -> bool {
    name.strip_suffix(b"_token_id").is_some_and(|name| VITAL.contains(&name) || OTHER.contains(&name))
}

/// Compares with the types that llama.cpp takes.
fn check_type(name: &[u8], entry: &Entry, findings: &mut Findings) {
    use ValueType::{Bool, F32, I8, I32, String, U8, U32};
    let (expected, array): (&[ValueType], bool) = match name {
        b"model" | b"pre" => (&[String], false),
        b"tokens" | b"merges" => (&[String], true),
        b"scores" => (&[F32, I32], true),
        b"token_type" | b"suppress_tokens" => (&[I32], true),
        b"precompiled_charsmap" => (&[U8, I8], true),
        b"token_type_count" => (&[U32], false),
        b"add_bos_token"
        | b"add_eos_token"
        | b"add_sep_token"
        | b"add_space_prefix"
        | b"remove_extra_whitespaces"
        | b"normalizer.lowercase"
        | b"normalizer.strip_accents" => (&[Bool], false),
        _ if is_id(name) => (&[U32], false),
        _ => return,
    };
    let found = entry.element.unwrap_or(entry.kind);
    if expected.contains(&found) && array == entry.element.is_some() {
        return;
    }
    let names: Vec<_> = expected.iter().map(|kind| kind.name()).collect();
    let wanted = if array { format!("array[{}]", names.join(" or ")) } else { names.join(" or ") };
    findings.add(VOC_TYPE, entry.offset, || {
        format!("key \"{}\" is of type {}, {wanted} was expected", printable(&entry.key), entry.type_name())
    });
}

/// Compares the ids that an entry gives with the number of tokens.
fn check_ids(name: &[u8], entry: &Entry, (header, tokens): (&Header, u64), findings: &mut Findings) {
    let vital = name.strip_suffix(b"_token_id").is_some_and(|name| VITAL.contains(&name));
    let rule = if vital { VOC_ID } else { VOC_ID_OTHER };
    if !(name.ends_with(b"_token_id") || name.ends_with(b"_token_ids") || name == b"suppress_tokens") {
        return;
    }
    let Some(value) = entry.kept.clone().and_then(|bytes| Value::new(header, entry, bytes)) else { return };
    let strange = value.scalars().find_map(|id| match id {
        Scalar::Uint(id) => (id >= tokens && id != NO_TOKEN).then_some(i128::from(id)),
        Scalar::Int(id) => {
            let below = u64::try_from(id).is_ok_and(|id| id < tokens);
            (!below && (id != -1 || vital)).then_some(i128::from(id))
        }
        _ => None,
    });
    if let Some(id) = strange {
        report_id(rule, entry, id, tokens, findings);
    }
}

fn report_id(rule: Rule, entry: &Entry, id: i128, tokens: u64, findings: &mut Findings) {
    findings.add(rule, entry.offset, || {
        let key = printable(&entry.key);
        format!("key \"{key}\" names token {id}, but there are {tokens} tokens, counted from 0")
    });
}

fn check_counts(header: &Header, tokens: &Entry, findings: &mut Findings) {
    let count = tokens.count;
    if count == 0 {
        findings.add(VOC_LEN, tokens.offset, || {
            "key \"tokenizer.ggml.tokens\" is an empty array, at least one token was expected".to_owned()
        });
    }
    if count > MANY_TOKENS {
        findings.add(VOC_MANY, tokens.offset, || {
            format!("key \"tokenizer.ggml.tokens\" has {count} tokens, at most {MANY_TOKENS} were expected")
        });
    }
    let arrays: [&[u8]; 2] = [b"tokenizer.ggml.scores", b"tokenizer.ggml.token_type"];
    for entry in arrays.iter().filter_map(|key| header.entry(key)).filter(|entry| entry.element.is_some()) {
        if entry.count != count {
            findings.add(VOC_LEN, entry.offset, || {
                let key = printable(&entry.key);
                format!("key \"{key}\" has {} elements, {count} were expected: one for each token", entry.count)
            });
        }
    }
    check_default_end(header, tokens, findings);
    check_rows(header, tokens, findings);
}

fn text<'a>(header: &Header, entry: &'a Entry) -> Option<&'a [u8]> {
    match kept_scalar(header, entry)? {
        Scalar::Text(text) => Some(text),
        _ => None,
    }
}

/// Where no key says which token ends a text, llama.cpp takes the one that the first model of the kind had.
fn check_default_end(header: &Header, tokens: &Entry, findings: &mut Findings) {
    let model = header.entry(b"tokenizer.ggml.model").and_then(|entry| text(header, entry));
    let id = match model {
        Some(b"llama" | b"plamo2") => 2,
        Some(b"gpt2") => 11,
        Some(b"t5") => 1,
        _ => return,
    };
    if (1..=id).contains(&tokens.count) && header.entry(b"tokenizer.ggml.eos_token_id").is_none() {
        findings.add(VOC_ID, tokens.offset, || {
            format!(
                "key \"tokenizer.ggml.tokens\" has {} tokens and no key names the one that ends a text: \
                 loaders take token {id}, counted from 0",
                tokens.count
            )
        });
    }
}

/// Compares the tokens with the rows of the embedding and of the output.
fn check_rows(header: &Header, tokens: &Entry, findings: &mut Findings) {
    let architecture = header.entry(b"general.architecture").and_then(|entry| text(header, entry));
    let named = |name: &[u8]| header.tensors.iter().find(|tensor| *tensor.name == *name);
    let other_output = architecture == Some(b"wavtokenizer-dec") || named(b"d2t").or(named(b"d2t.weight")).is_some();
    let tensors = [named(b"token_embd.weight"), named(b"output.weight").filter(|_| !other_output)];
    for tensor in tensors.into_iter().flatten() {
        let [_, rows, ..] = tensor.dims;
        let surplus = rows.saturating_sub(tokens.count);
        if rows == tokens.count || (architecture == Some(b"mllama") && surplus == 8) {
            continue;
        }
        findings.add(VOC_EMBD, tokens.offset, || {
            format!(
                "tensor \"{}\" has {rows} rows, {} were expected: one for each token of \"tokenizer.ggml.tokens\"",
                printable(&tensor.name),
                tokens.count
            )
        });
    }
}
