//! Rules for what is given for each layer: arrays, and the blocks that tensors belong to.

use super::super::super::header::ValueType;
use super::super::super::printable::printable;
use super::super::Findings;
use super::facts::{Model, block_of};
use super::known::is_language;
use super::{HP_ARR, HP_BLOCK, HP_ROPE, HP_TYPE};

/// Arrays with one element for each layer.
static EACH: &[&str] = &[
    "feed_forward_length",
    "attention.head_count",
    "attention.head_count_kv",
    "expert_used_count",
    "expert_feed_forward_length",
    "swiglu_clamp_exp",
    "swiglu_clamp_shexp",
];

/// Their blocks are counted in ways of their own.
static IRREGULAR: &[&str] = &[
    "dflash",
    "eagle3",
    "gemma4-assistant",
    "hrm_text",
    "pockettts",
    "qwen3tts",
    "t5",
    "t5encoder",
    "wavtokenizer-dec",
];

/// Arrays that need not have one for each, of which llama.cpp keeps this many elements.
static TABLES: &[&str] =
    &["attention.sliding_window_pattern", "attention.recurrent_layers", "attention.compress_ratios"];
const TABLE: u64 = 512;

/// llama.cpp keeps this many.
const ROPE_SECTIONS: u64 = 4;
/// As wide as a head can be.
const SECTION: u64 = 1 << 16;

pub(super) fn check(model: &Model<'_>, findings: &mut Findings) {
    check_sections(model, findings);
    check_numbers(model, findings);
    let Some(blocks) = model.number("block_count").filter(|_| is_language(model.architecture)) else { return };
    let extra = model.number("nextn_predict_layers").unwrap_or(0);
    for name in EACH {
        let Some(entry) = model.entry(name).filter(|entry| entry.element.is_some()) else { continue };
        if entry.count != blocks && entry.count != blocks.saturating_sub(extra) {
            findings.add(HP_ARR, entry.offset, || {
                let (key, count) = (model.key(name), entry.count);
                format!("key \"{key}\" has {count} elements, one for each of the {blocks} blocks was expected")
            });
        }
    }
    for entry in TABLES.iter().filter_map(|name| model.entry(name)).filter(|entry| entry.element.is_some()) {
        if entry.count > TABLE {
            findings.add(HP_ARR, entry.offset, || {
                let (key, count) = (printable(&entry.key), entry.count);
                format!("key \"{key}\" has {count} elements, at most {TABLE} were expected")
            });
        }
    }
    if IRREGULAR.contains(&model.architecture) {
        return;
    }
    let name = "attention.sliding_window_pattern";
    let least = blocks.saturating_sub(extra);
    if let Some(entry) = model.entry(name).filter(|entry| entry.element.is_some() && entry.count < least) {
        findings.add(HP_ARR, entry.offset, || {
            format!(
                "key \"{}\" has {} elements, one for each of the {blocks} blocks was expected",
                model.key(name),
                entry.count
            )
        });
    }
    let most = blocks.saturating_add(extra);
    let beyond = model.header.tensors.iter().find(|tensor| block_of(&tensor.name).is_some_and(|(n, _)| n >= most));
    if let Some(tensor) = beyond {
        findings.add(HP_BLOCK, model.entry("block_count").map(|entry| entry.offset), || {
            let (key, name) = (model.key("block_count"), printable(&tensor.name));
            format!("key \"{key}\" is {blocks}, but there is a tensor \"{name}\", whose block is counted from 0")
        });
    }
}

/// A number that is not written as loaders write it belongs to no block.
fn check_numbers(model: &Model<'_>, findings: &mut Findings) {
    if !is_language(model.architecture) {
        return;
    }
    let odd = |name: &[u8]| {
        let Some(rest) = name.strip_prefix(b"blk.") else { return false };
        let number = rest.split(|&byte| byte == b'.').next().unwrap_or_default();
        match number {
            [b'-' | b'+' | b' ', ..] | [b'0', b'0'..=b'9', ..] => true,
            [b'0'..=b'9', ..] => block_of(name).is_none(),
            _ => false,
        }
    };
    if let Some(tensor) = model.header.tensors.iter().find(|tensor| odd(&tensor.name)) {
        findings.add(HP_BLOCK, None, || {
            format!("tensor \"{}\" is of no block that a model can have", printable(&tensor.name))
        });
    }
}

fn check_sections(model: &Model<'_>, findings: &mut Findings) {
    let name = "rope.dimension_sections";
    let Some(entry) = model.entry(name) else { return };
    let integers = matches!(entry.element.unwrap_or(entry.kind), ValueType::U32 | ValueType::I32);
    if !integers && is_language(model.architecture) {
        findings.add(HP_TYPE, entry.offset, || {
            format!("key \"{}\" is of type {}, an array of int32 was expected", model.key(name), entry.type_name())
        });
    } else if integers && model.layered(name).is_none_or(|parts| parts.max() > SECTION) {
        findings.add(HP_ROPE, entry.offset, || {
            format!("key \"{}\" has a part below 0 or above {SECTION}", model.key(name))
        });
    }
    if entry.element.is_none() {
        findings
            .add(HP_ROPE, entry.offset, || format!("key \"{}\" is one number, an array was expected", model.key(name)));
        return;
    }
    if entry.count > ROPE_SECTIONS {
        findings.add(HP_ROPE, entry.offset, || {
            format!("key \"{}\" has {} elements, at most {ROPE_SECTIONS} were expected", model.key(name), entry.count)
        });
    }
}
