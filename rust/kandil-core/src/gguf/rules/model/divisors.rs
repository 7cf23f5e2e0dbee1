//! Rules for the numbers that only some architectures have: what is divided by them, and what they stand for.

use super::super::Findings;
use super::facts::Model;
use super::{HP_DIV, HP_ENUM};

/// Numbers that llama.cpp divides by, or counts layers by, and architectures of which others use them otherwise.
#[rustfmt::skip]
static DIVISORS: &[(&str, &[&str])] = &[
    ("full_attention_interval", &["minimax-01", "qwen3next", "qwen35", "qwen35moe", "qwen4exp"]),
    ("interleave_moe_layer_step", &["ernie4_5-moe"]),
    ("wkv.head_size", &["arwkv7", "rwkv6", "rwkv6qwen2", "rwkv7"]),
    ("attention.group_norm_groups", &["wavtokenizer-dec"]),
    ("attention.relative_buckets_count", &["t5", "t5encoder"]),
    ("kda.head_dim", &["bailingmoe3", "glm5-next", "kimi-k3", "kimi-linear"]),
    ("attention.indexer.kpool", &["glm5-next"]),
    ("conv_group_size", &["dflash"]),
];

/// Numbers that stand for one of a few things, the last of them, and another that stands for none.
static CHOICES: &[(&str, u64, Option<u64>)] =
    &[("expert_gating_func", 4, None), ("pooling_type", 4, Some(u32::MAX as u64))];

pub(super) fn check(model: &Model<'_>, findings: &mut Findings) {
    let at = |name: &str| model.entry(name).map(|entry| entry.offset);
    for (name, architectures) in DIVISORS {
        if architectures.contains(&model.architecture) && model.number(name) == Some(0) {
            findings.add(HP_DIV, at(name), || format!("key \"{}\" is 0, at least 1 was expected", model.key(name)));
        }
    }
    let name = "wkv.head_size";
    if let (Some(size @ 1..), Some(width)) = (model.number(name), model.number("embedding_length"))
        && model.architecture.starts_with("rwkv")
        && width.checked_rem(size) != Some(0)
    {
        findings.add(HP_DIV, at(name), || {
            format!("key \"{}\" is {size}, a number that divides {width} was expected", model.key(name))
        });
    }
    for &(name, last, none) in CHOICES {
        if let Some(value) = model.number(name).filter(|&value| value > last && Some(value) != none) {
            findings
                .add(HP_ENUM, at(name), || format!("key \"{}\" is {value}, 0 to {last} was expected", model.key(name)));
        }
    }
}
