//! Rules for the sizes that keys give: types, bounds, and what must divide what.

use super::super::super::header::{Entry, ValueType};
use super::super::Findings;
use super::divisors;
use super::facts::{Layered, Model};
use super::known::{is_language, may_lack_heads};
use super::{HP_CTX, HP_DIV, HP_LIMIT, HP_MISSING, HP_TYPE};

/// What llama.cpp asks for.
#[derive(Clone, Copy)]
enum Expected {
    U32,
    /// A uint32, or an array of uint32 or int32 with one for each layer.
    EachU32,
    F32,
    Text,
}

#[rustfmt::skip]
static TYPES: &[(&str, Expected)] = &[
    ("context_length", Expected::U32), ("embedding_length", Expected::U32), ("block_count", Expected::U32),
    ("embedding_length_out", Expected::U32), ("nextn_predict_layers", Expected::U32), ("vocab_size", Expected::U32),
    ("expert_count", Expected::U32), ("expert_group_count", Expected::U32), ("expert_group_used_count", Expected::U32),
    ("attention.key_length", Expected::U32), ("attention.value_length", Expected::U32),
    ("attention.key_length_swa", Expected::U32), ("attention.value_length_swa", Expected::U32),
    ("rope.dimension_count", Expected::U32), ("rope.dimension_count_swa", Expected::U32),
    ("rope.scaling.original_context_length", Expected::U32), ("pooling_type", Expected::U32),
    ("feed_forward_length", Expected::EachU32), ("attention.head_count", Expected::EachU32),
    ("attention.head_count_kv", Expected::EachU32), ("expert_used_count", Expected::EachU32),
    ("attention.layer_norm_rms_epsilon", Expected::F32), ("attention.layer_norm_epsilon", Expected::F32),
    ("rope.freq_base", Expected::F32), ("rope.scaling.factor", Expected::F32), ("rope.scale_linear", Expected::F32),
    ("rope.scaling.attn_factor", Expected::F32), ("rope.scaling.type", Expected::Text),
];

/// The largest that is taken. llama.cpp has arrays for 512 layers and 1024 experts; of the others, models stay far below.
#[rustfmt::skip]
static LIMITS: &[(&str, u64)] = &[
    ("block_count", 512), ("decoder_block_count", 512), ("posnet.block_count", 512), ("convnext.block_count", 512),
    ("nextn_predict_layers", 512), ("expert_count", 1024), ("expert_used_count", 1024), ("expert_shared_count", 1024),
    ("expert_group_count", 1024), ("expert_group_used_count", 1024),
    ("embedding_length", 1 << 20), ("embedding_length_out", 1 << 20), ("vocab_size", 1 << 24),
    ("feed_forward_length", 1 << 24), ("expert_feed_forward_length", 1 << 24),
    ("expert_shared_feed_forward_length", 1 << 24), ("attention.head_count", 1 << 16),
    ("attention.head_count_kv", 1 << 16), ("attention.key_length", 1 << 16), ("attention.value_length", 1 << 16),
    ("attention.sliding_window", i32::MAX as u64), ("rope.dimension_count", 1 << 16),
    ("ssm.conv_kernel", 1 << 16), ("ssm.inner_size", 1 << 24), ("ssm.state_size", 1 << 20),
    ("ssm.time_step_rank", 1 << 20), ("ssm.group_count", 1 << 16),
];

/// Sizes that no language model can do without.
static CORE: [&str; 3] = ["context_length", "embedding_length", "block_count"];

/// A model has one of these: its layers are normalized with it.
static EPSILONS: [&str; 3] =
    ["attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon", "attention.group_norm_epsilon"];

pub(super) fn check(model: &Model<'_>, findings: &mut Findings) {
    check_limits(model, findings);
    if !is_language(model.architecture) {
        return;
    }
    check_types(model, findings);
    check_missing(model, findings);
    check_zeros(model, findings);
    check_heads(model, findings);
    check_experts(model, findings);
    check_states(model, findings);
    divisors::check(model, findings);
}

/// Reports a number, with its key and what was expected of it.
fn report(
    model: &Model<'_>,
    rule: super::super::Rule,
    name: &str,
    findings: &mut Findings,
    what: impl FnOnce() -> String,
) {
    let at = model.entry(name).map(|entry| entry.offset);
    findings.add(rule, at, || format!("key \"{}\" {}", model.key(name), what()));
}

fn check_types(model: &Model<'_>, findings: &mut Findings) {
    for &(name, expected) in TYPES {
        let Some(entry) = model.entry(name) else { continue };
        let (sound, wanted) = match expected {
            Expected::U32 => (entry.kind == ValueType::U32, "uint32"),
            Expected::F32 => (entry.kind == ValueType::F32, "float32"),
            Expected::Text => (entry.kind == ValueType::String, "string"),
            Expected::EachU32 => (is_each_u32(entry), "uint32 or an array of uint32 or int32"),
        };
        if !sound {
            report(model, HP_TYPE, name, findings, || {
                format!("is of type {}, {wanted} was expected", entry.type_name())
            });
        }
    }
    for (key, kind) in [("general.name", ValueType::String), ("general.file_type", ValueType::U32)] {
        if let Some(entry) = model.header.entry(key.as_bytes()).filter(|entry| entry.kind != kind) {
            findings.add(HP_TYPE, entry.offset, || {
                format!("key \"{key}\" is of type {}, {} was expected", entry.type_name(), kind.name())
            });
        }
    }
}

fn is_each_u32(entry: &Entry) -> bool {
    matches!((entry.kind, entry.element), (ValueType::U32, _) | (_, Some(ValueType::U32 | ValueType::I32)))
}

fn check_limits(model: &Model<'_>, findings: &mut Findings) {
    for &(name, most) in LIMITS {
        let Some(value) = model.layered(name).map(|values| values.max()).filter(|&value| value > most) else {
            continue;
        };
        report(model, HP_LIMIT, name, findings, || format!("is {value}, at most {most} was expected"));
    }
    let counts = |name| model.number(name).zip(model.number("block_count"));
    for name in ["nextn_predict_layers", "posnet.block_count", "convnext.block_count"] {
        if let Some((value, blocks)) = counts(name).filter(|(value, blocks)| value > blocks) {
            report(model, HP_LIMIT, name, findings, || format!("is {value}, but there are only {blocks} blocks"));
        }
    }
}

/// Where a model has tensors and some of these sizes, it has them all.
fn check_missing(model: &Model<'_>, findings: &mut Findings) {
    if model.header.tensors.is_empty() {
        return;
    }
    let mut report =
        |what: String| findings.add(HP_MISSING, None, || format!("there is {what}, which loaders ask for"));
    let missing: Vec<_> = CORE.iter().filter(|name| model.entry(name).is_none()).collect();
    let is_part = missing.len() > 1 && !model.tensors.contains_key(&b"token_embd.weight"[..]);
    if missing.len() == CORE.len() || is_part {
        return;
    }
    for name in &missing {
        report(format!("no key \"{}\"", model.key(name)));
    }
    let epsilons = EPSILONS.map(|name| model.key(name));
    let without = EPSILONS.iter().all(|name| model.entry(name).is_none());
    if without && !model.architecture.contains("rwkv") {
        report(format!("none of the keys \"{}\"", epsilons.join("\", \"")));
    }
    if has_keys(model) && model.entry("attention.head_count").is_none() {
        report(format!("no key \"{}\"", model.key("attention.head_count")));
    }
}

fn check_zeros(model: &Model<'_>, findings: &mut Findings) {
    if model.number("context_length") == Some(0) {
        report(model, HP_CTX, "context_length", findings, || {
            "is 0, the length of the longest text was expected".into()
        });
    }
    for name in ["context_length", "rope.scaling.original_context_length"] {
        if let Some(length) = model.number(name).filter(|&length| length > i32::MAX as u64) {
            report(model, HP_CTX, name, findings, || format!("is {length}, at most {} was expected", i32::MAX));
        }
    }
    for name in ["embedding_length", "block_count"] {
        if model.number(name) == Some(0) {
            report(model, HP_LIMIT, name, findings, || "is 0, at least 1 was expected".into());
        }
    }
    let heads = model.layered("attention.head_count");
    if matches!(heads, Some(Layered::Once(0))) && !may_lack_heads(model.architecture) {
        report(model, HP_LIMIT, "attention.head_count", findings, || "is 0, at least 1 was expected".into());
    }
}

/// Each group of heads shares one pair of keys and values, so their number divides the heads'.
fn check_heads(model: &Model<'_>, findings: &mut Findings) {
    let Some(heads) = model.layered("attention.head_count") else { return };
    if let (Layered::Once(heads @ 1..), Some(width), None) =
        (&heads, model.number("embedding_length"), model.entry("attention.key_length"))
        && width.checked_rem(*heads) != Some(0)
        && !may_lack_heads(model.architecture)
    {
        report(model, HP_DIV, "attention.head_count", findings, || {
            format!("is {heads}, a number that divides the embedding's length {width} was expected")
        });
    }
    let Some(shared) = model.layered("attention.head_count_kv") else { return };
    let layers = shared.iter().count().max(heads.iter().count());
    let wrong = (0..layers).find_map(|layer| {
        let (heads, shared) = (heads.at(layer)?, shared.at(layer)?);
        let divides = heads == 0 || shared == 0 || heads.checked_rem(shared) == Some(0);
        (!divides).then_some((layer, heads, shared))
    });
    if let Some((layer, heads, shared)) = wrong {
        report(model, HP_DIV, "attention.head_count_kv", findings, || {
            format!("is {shared} in layer {layer}, a number that divides its {heads} heads was expected")
        });
    }
    if matches!((&heads, &shared), (Layered::Once(1..), Layered::Once(0))) && has_keys(model) {
        report(model, HP_DIV, "attention.head_count_kv", findings, || "is 0, at least 1 was expected".into());
    }
}

/// Whether the first layer attends to something.
fn has_keys(model: &Model<'_>) -> bool {
    [&b"blk.0.attn_k.weight"[..], b"blk.0.attn_qkv.weight"].iter().any(|name| model.tensors.contains_key(name))
}

fn check_experts(model: &Model<'_>, findings: &mut Findings) {
    let experts = model.number("expert_count").unwrap_or(0);
    let used = model.layered("expert_used_count").map_or(0, |used| used.max());
    if model.architecture.starts_with("hunyuan") && experts <= 1 {
        return; // these write 1 expert for a dense model
    }
    if used > experts {
        report(model, HP_DIV, "expert_used_count", findings, || format!("is {used}, but there are {experts} experts"));
    }
    if experts > 0 && used == 0 {
        report(model, HP_DIV, "expert_count", findings, || {
            format!(
                "is {experts}, and no key \"{}\" of at least 1 says how many are used",
                model.key("expert_used_count")
            )
        });
    }
    if experts > 0 {
        check_groups(model, experts, findings);
    }
}

/// Experts may be in groups of the same size, of which some are used.
fn check_groups(model: &Model<'_>, experts: u64, findings: &mut Findings) {
    let groups = model.number("expert_group_count").unwrap_or(0);
    if groups > 1 && (groups >= experts || experts.checked_rem(groups) != Some(0)) {
        report(model, HP_DIV, "expert_group_count", findings, || {
            format!("is {groups}, a number that divides the {experts} experts was expected")
        });
    }
    let used = model.number("expert_group_used_count").unwrap_or(0);
    if groups > 1 && (used == 0 || used > groups) {
        report(model, HP_DIV, "expert_group_used_count", findings, || {
            format!("is {used}, 1 to {groups} of the groups were expected")
        });
    }
}

/// A Mamba layer's states are laid out by these.
fn check_states(model: &Model<'_>, findings: &mut Findings) {
    if !matches!(model.architecture, "mamba" | "mamba2") {
        return;
    }
    let divisors: &[&str] = if model.architecture == "mamba2" { &["time_step_rank", "group_count"] } else { &[] };
    let inner = model.number("ssm.inner_size");
    for name in ["conv_kernel", "inner_size", "state_size", "time_step_rank"].iter().chain(divisors) {
        if model.number(&format!("ssm.{name}")) == Some(0) {
            report(model, HP_DIV, &format!("ssm.{name}"), findings, || "is 0, at least 1 was expected".into());
        }
    }
    for name in divisors {
        let name = format!("ssm.{name}");
        let (Some(inner), Some(parts @ 1..)) = (inner, model.number(&name)) else { continue };
        if inner.checked_rem(parts) != Some(0) {
            report(model, HP_DIV, &name, findings, || {
                format!("is {parts}, a number that divides the inner size {inner} was expected")
            });
        }
    }
}
