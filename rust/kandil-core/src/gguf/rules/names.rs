//! Rules for the names of keys and tensors.

use std::collections::HashMap;

use super::super::printable::{bidirectional, hidden, printable};
use super::{
    Findings, KEY_BIDI, KEY_CASE, KEY_CTRL, KEY_DUP, KEY_EMPTY, KEY_GRAMMAR, KEY_NUL, KEY_UTF8, Rule, TEN_BIDI,
    TEN_CTRL, TEN_DUP, TEN_GRAMMAR, TEN_NAME, TEN_PATH, metadata, rules,
};

rules! {
    NAMES
    KEY_PATH "KG-KEY-PATH" Suspicious "a key that is a path"
        why "A program that writes each value into a file of its key's name would write outside of its folder."
        see "GGUF specification, ggml docs/gguf.md: lower_snake_case; CWE-22"
        passes "A slash inside a key is only a note; a leading slash, a backslash, a drive and .. as a component are \
            reported. Nothing that loads models takes keys for paths."
    KEY_ODD "KG-KEY-ODD" Note "one character in a key that keys do not have, or nothing between two dots"
        why "No standard key has it, so no loader finds the value; a tool of the publisher may."
        see "GGUF specification, ggml docs/gguf.md: segments of lower_snake_case separated by dots"
        passes "It is only a note. Keys with several such characters, spaces or letters of other scripts are \
            KG-KEY-GRAMMAR."
    KEY_DAMAGED "KG-KEY-DAMAGED" Note "a standard key of which one byte has become a control character"
        why "Loaders do not find the key and use their default, so the model may behave differently. The byte is \
            damage: it steers no terminal, and the rest of the key is a standard one."
        see "GGUF specification, ggml docs/gguf.md; llama.cpp gguf-py/gguf/constants.py: Keys"
        passes "It is only a note: compare the file's digest with its publisher's. NUL, ESC, C1 characters and control \
            characters in other keys are KG-KEY-NUL and KG-KEY-CTRL."
}

/// Standard keys, but for those of numbered base models and data sets.
const STANDARD_KEYS: &str = "\
    general.type general.architecture general.quantization_version general.alignment general.file_type general.name \
    general.author general.version general.organization general.finetune general.basename general.description \
    general.quantized_by general.size_label general.license general.license.name general.license.link general.url \
    general.doi general.uuid general.repo_url general.source.url general.source.repo_url general.base_model.count \
    general.tags general.languages general.datasets split.no split.count split.tensors.count tokenizer.ggml.model \
    tokenizer.ggml.pre tokenizer.ggml.tokens tokenizer.ggml.token_type tokenizer.ggml.token_type_count \
    tokenizer.ggml.scores tokenizer.ggml.merges tokenizer.ggml.bos_token_id tokenizer.ggml.eos_token_id \
    tokenizer.ggml.eot_token_id tokenizer.ggml.eom_token_id tokenizer.ggml.unknown_token_id \
    tokenizer.ggml.seperator_token_id tokenizer.ggml.padding_token_id tokenizer.ggml.mask_token_id \
    tokenizer.ggml.cls_token_id tokenizer.ggml.add_bos_token tokenizer.ggml.add_eos_token \
    tokenizer.ggml.add_sep_token tokenizer.ggml.add_space_prefix tokenizer.ggml.remove_extra_whitespaces \
    tokenizer.ggml.precompiled_charsmap tokenizer.huggingface.json tokenizer.rwkv.world tokenizer.chat_template \
    tokenizer.chat_templates adapter.type adapter.lora.alpha";

/// What stands behind the architecture in keys that most models have.
const OF_ARCHITECTURE: &str = "\
    vocab_size context_length embedding_length block_count feed_forward_length use_parallel_residual \
    tensor_data_layout expert_count expert_used_count expert_feed_forward_length expert_shared_count pooling_type \
    logit_scale attn_logit_softcapping final_logit_softcapping attention.head_count attention.head_count_kv \
    attention.max_alibi_bias attention.clamp_kqv attention.key_length attention.value_length \
    attention.layer_norm_epsilon attention.layer_norm_rms_epsilon attention.causal attention.sliding_window \
    attention.q_lora_rank attention.kv_lora_rank attention.scale rope.dimension_count rope.dimension_sections \
    rope.freq_base rope.scale_linear rope.scaling.type rope.scaling.factor rope.scaling.original_context_length \
    rope.scaling.finetuned ssm.conv_kernel ssm.inner_size ssm.state_size ssm.time_step_rank";

/// ggml keeps names in 64 bytes, the last one 0.
const TENSOR_NAME_BYTES: usize = 63;

/// Reports the worst that is wrong with a key.
pub(in crate::gguf) fn check_key(key: &[u8], offset: u64, findings: &mut Findings) {
    if key.is_empty() {
        findings.add(KEY_EMPTY, offset, || "a key has no name, at least one byte was expected".to_owned());
        return;
    }
    metadata::check_key(key, offset, findings);
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
        Ok(_) if is_damaged(key) => {
            findings.add(KEY_DAMAGED, offset, || {
                format!("key \"{}\" is a standard key but for one byte: no program finds it", shown())
            });
        }
        Ok(text) if text.contains(hidden) => {
            findings.add(KEY_CTRL, offset, || format!("key \"{}\" holds a control or invisible character", shown()));
        }
        Ok(_)
            if key.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte)) && segments_filled(key) =>
        {
            findings.add(KEY_CASE, offset, || format!("key \"{}\" has upper-case letters", shown()));
        }
        Ok(_) if is_path(key) => {
            findings.add(KEY_PATH, offset, || format!("key \"{}\" is a path", shown()));
        }
        Ok(_) if strays(key) <= 1 => {
            findings.add(KEY_ODD, offset, || {
                format!("key \"{}\" has a character that keys do not have, or nothing between two dots", shown())
            });
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

/// How many of a key's bytes are not a key's; white space and letters of other scripts count for many.
fn strays(key: &[u8]) -> usize {
    let weight = |byte: &u8| match byte {
        byte if byte.is_ascii_alphanumeric() || b"_.-".contains(byte) => 0,
        b'!'..=b'~' => 1,
        _ => key.len().max(2),
    };
    key.iter().map(weight).fold(0, usize::saturating_add)
}

/// Whether a key differs from a standard one in one byte, a control character that no terminal takes for a sequence.
fn is_damaged(key: &[u8]) -> bool {
    let stray = |byte: &u8| matches!(byte, 1..=0x1a | 0x1c..=0x1f | 0x7f);
    let Some(place) = key.iter().position(stray) else { return false };
    let as_standard = |key: &[u8], place: Option<usize>, standard: &[u8]| {
        key.len() == standard.len()
            && key.iter().zip(standard).enumerate().all(|(at, (one, other))| one == other || Some(at) == place)
    };
    let dot = key.iter().position(|&byte| byte == b'.').map_or(0, |dot| dot.saturating_add(1));
    let rest = key.get(dot..).unwrap_or_default();
    STANDARD_KEYS.split(' ').any(|standard| as_standard(key, Some(place), standard.as_bytes()))
        || OF_ARCHITECTURE.split(' ').any(|standard| as_standard(rest, place.checked_sub(dot), standard.as_bytes()))
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

/// Whether a name, taken as a file's, is absolute (`/`, `C:\`, `C:x`), climbs (`..` as a component) or has a backslash,
/// which only Windows' paths have. `x:0` is a name of TensorFlow's.
fn is_path(name: &[u8]) -> bool {
    let drive = matches!(name, [letter, b':', next, ..] if letter.is_ascii_alphabetic() && !next.is_ascii_digit());
    let climbs = name.split(|byte| matches!(byte, b'/' | b'\\')).any(|component| component == b"..");
    drive || climbs || name.starts_with(b"/") || name.contains(&b'\\')
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
