//! Rules for tensors that a loader needs, and the shapes that it needs them in.
//!
//! Each architecture lays its blocks out in its own way. Those whose layout is simple and settled are checked in full; of
//! the other language models, only the embedding is.

use super::super::super::header::Tensor;
use super::super::super::printable::printable;
use super::super::super::types::tensor_type_name;
use super::super::Findings;
use super::facts::{Layered, Model, block_of};
use super::known::is_language;
use super::{HP_MISSING, HP_SHAPE, HP_TENSOR, HP_WEIGHT};

/// Architectures whose blocks have the same tensors in the same shapes.
struct Family {
    architectures: &'static [&'static str],
    /// Weights of each block, beside those of the attention and of experts.
    block: &'static [&'static str],
    /// The queries of all heads together may be wider or narrower than the embedding.
    own_width: bool,
}

const GATED: &[&str] = &["attn_norm", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down"];
const PLAIN: &[&str] = &["attn_norm", "attn_output", "ffn_norm", "ffn_up", "ffn_down"];

#[rustfmt::skip]
static FAMILIES: &[Family] = &[
    Family {
        architectures: &["exaone", "gemma", "llada", "llama", "llama-embed", "mistral3", "pangu-embedded", "smollm3"],
        block: GATED,
        own_width: true,
    },
    Family {
        architectures: &["baichuan", "dream", "internlm2", "orion", "qwen2", "qwen2vl", "xverse"],
        block: GATED,
        own_width: false,
    },
    Family {
        architectures: &["qwen3", "qwen3vl"],
        block: &["attn_norm", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down", "attn_q_norm", "attn_k_norm"],
        own_width: true,
    },
    Family {
        architectures: &["gemma2"],
        block: &["attn_norm", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down", "post_attention_norm",
            "post_ffw_norm"],
        own_width: true,
    },
    Family {
        architectures: &["gemma3"],
        block: &["attn_norm", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down", "post_attention_norm",
            "post_ffw_norm", "attn_q_norm", "attn_k_norm"],
        own_width: true,
    },
    Family {
        architectures: &["bloom", "gpt2", "gptneox", "mpt", "nemotron", "starcoder", "starcoder2"],
        block: PLAIN,
        own_width: false,
    },
];

/// Their embeddings have another width, or none.
static OTHER_EMBEDDING: &[&str] =
    &["dflash", "eagle3", "gemma4-assistant", "pockettts", "qwen3tts", "wavtokenizer-dec"];

/// The sizes of one model, for the shapes of its tensors.
struct Sizes {
    embedding: u64,
    blocks: u64,
    /// Not given where a model has experts.
    feed_forward: Option<Layered>,
    experts: bool,
    heads: Option<Layered>,
    shared_heads: Option<Layered>,
    key: Option<u64>,
    value: Option<u64>,
}

impl Sizes {
    fn new(model: &Model<'_>, embedding: u64, blocks: u64) -> Self {
        let experts = model.number("expert_count").unwrap_or(0) > 0;
        Self {
            embedding,
            blocks,
            feed_forward: model.layered("feed_forward_length").filter(|_| !experts),
            experts,
            heads: model.layered("attention.head_count"),
            shared_heads: model.layered("attention.head_count_kv"),
            key: model.number("attention.key_length"),
            value: model.number("attention.value_length"),
        }
    }

    /// The shape of a block's weight; None where these sizes do not tell.
    fn shape(&self, part: &[u8], layer: usize, own_width: bool) -> Option<Vec<u64>> {
        let width = self.embedding;
        let at = |values: &Option<Layered>| values.as_ref().and_then(|values| values.at(layer));
        let heads = at(&self.heads).filter(|&heads| heads > 0);
        let each = |length: Option<u64>| length.or_else(|| width.checked_div(heads?));
        let all = |count: Option<u64>, length: Option<u64>| count?.checked_mul(each(length)?);
        let shared = at(&self.shared_heads).or(heads);
        let queries = if own_width { all(heads, self.key) } else { Some(width) };
        let forward = at(&self.feed_forward);
        match part {
            b"attn_norm" | b"ffn_norm" => Some(vec![width]),
            b"attn_q" => Some(vec![width, queries?]),
            b"attn_k" => Some(vec![width, all(shared, self.key)?]),
            b"attn_v" => Some(vec![width, all(shared, self.value)?]),
            b"attn_output" => Some(vec![queries?, width]),
            b"ffn_gate" | b"ffn_up" => Some(vec![width, forward?]),
            b"ffn_down" => Some(vec![forward?, width]),
            _ => None,
        }
    }
}

pub(super) fn check(model: &Model<'_>, findings: &mut Findings) {
    if model.header.tensors.is_empty() || !is_language(model.architecture) {
        return;
    }
    check_kinds(model, findings);
    let Some(embedding) = model.number("embedding_length") else { return };
    if !OTHER_EMBEDDING.contains(&model.architecture) {
        check_embedding(model, embedding, findings);
    }
    let family = FAMILIES.iter().find(|family| family.architectures.contains(&model.architecture));
    let (Some(family), Some(blocks)) = (family, model.number("block_count")) else { return };
    let sizes = Sizes::new(model, embedding, blocks);
    check_rotation(model, &sizes, findings);
    check_shapes(model, family, &sizes, findings);
    if model.is_whole() {
        check_present(model, family, &sizes, findings);
    }
}

fn missing(model: &Model<'_>, name: &str, findings: &mut Findings) {
    findings.add(HP_TENSOR, None, || {
        format!("there is no tensor \"{name}\", which a model of architecture \"{}\" has", model.architecture)
    });
}

/// One wrong size makes many tensors wrong: the first stands for all.
fn wrong_shapes<'a>(mut wrong: impl Iterator<Item = (&'a Tensor, Vec<u64>)>, findings: &mut Findings) {
    let Some((tensor, expected)) = wrong.next() else { return };
    let more = wrong.count();
    findings.add(HP_SHAPE, None, || {
        let (name, found) = (printable(&tensor.name), tensor.shape());
        let others = if more == 0 { String::new() } else { format!("; nor do {more} more tensors have theirs") };
        format!("tensor \"{name}\" has the shape {found:?}, {expected:?} was expected by the sizes in the keys{others}")
    });
}

/// The dimensions that a loader compares: those after the given ones are 1.
fn has_shape(tensor: &Tensor, expected: &[u64]) -> bool {
    let padded = expected.iter().copied().chain(std::iter::repeat(1));
    tensor.dims.iter().copied().zip(padded).all(|(dim, expected)| dim == expected)
}

fn check_embedding(model: &Model<'_>, embedding: u64, findings: &mut Findings) {
    let tensor = model.tensors.get(&b"token_embd.weight"[..]).copied();
    wrong_shapes(
        tensor.into_iter().filter_map(|tensor| {
            let [_, rows, ..] = tensor.dims;
            let expected = vec![embedding, rows];
            (!has_shape(tensor, &expected)).then_some((tensor, expected))
        }),
        findings,
    );
}

/// Weights of the types that ggml has for indices and for intermediate results cannot be multiplied with.
fn check_kinds(model: &Model<'_>, findings: &mut Findings) {
    const UNUSABLE: [u32; 7] = [9, 15, 24, 25, 26, 27, 28]; // Q8_1, Q8_K, I8, I16, I32, I64, F64
    for tensor in model.header.tensors.iter().filter(|tensor| UNUSABLE.contains(&tensor.kind)) {
        if is_weight(&tensor.name) {
            findings.add(HP_WEIGHT, None, || {
                let (name, kind) = (printable(&tensor.name), tensor_type_name(tensor.kind));
                format!("tensor \"{name}\" is of type {kind}, one that weights can have was expected")
            });
        }
    }
}

fn is_weight(name: &[u8]) -> bool {
    const BLOCK: [&[u8]; 10] = [
        b"attn_norm.weight",
        b"attn_q.weight",
        b"attn_k.weight",
        b"attn_v.weight",
        b"attn_qkv.weight",
        b"attn_output.weight",
        b"ffn_norm.weight",
        b"ffn_gate.weight",
        b"ffn_up.weight",
        b"ffn_down.weight",
    ];
    const WHOLE: [&[u8]; 3] = [b"token_embd.weight", b"output.weight", b"output_norm.weight"];
    WHOLE.contains(&name) || block_of(name).is_some_and(|(_, rest)| BLOCK.contains(&rest))
}

/// llama.cpp turns the whole of each head in these.
fn check_rotation(model: &Model<'_>, sizes: &Sizes, findings: &mut Findings) {
    if !matches!(model.architecture, "llama" | "llama-embed") {
        return;
    }
    let Some(Layered::Once(heads @ 1..)) = sizes.heads else { return };
    let width = sizes.key.or_else(|| sizes.embedding.checked_div(heads));
    let name = "rope.dimension_count";
    if let (Some(width), Some(turned)) = (width, model.number(name))
        && width != turned
    {
        findings.add(HP_SHAPE, model.entry(name).map(|entry| entry.offset), || {
            format!("key \"{}\" is {turned}, the width of a head, {width}, was expected", model.key(name))
        });
    }
}

fn check_present(model: &Model<'_>, family: &Family, sizes: &Sizes, findings: &mut Findings) {
    let has = |name: &str| model.tensors.contains_key(name.as_bytes());
    if !sizes.experts && model.entry("feed_forward_length").is_none() {
        findings.add(HP_MISSING, None, || {
            format!("there is no key \"{}\", which loaders ask for", model.key("feed_forward_length"))
        });
    }
    for name in ["token_embd.weight", "output_norm.weight"] {
        if !has(name) {
            missing(model, name, findings);
        }
    }
    let predicted = model.number("nextn_predict_layers").unwrap_or(0);
    for block in 0..sizes.blocks.saturating_sub(predicted).min(512) {
        let expert_part = |name: &str| sizes.experts && matches!(name, "ffn_gate" | "ffn_up" | "ffn_down");
        for part in family.block.iter().filter(|part| !expert_part(part)) {
            let name = format!("blk.{block}.{part}.weight");
            if !has(&name) {
                return missing(model, &name, findings); // one is enough
            }
        }
        let router = format!("blk.{block}.ffn_gate_inp.weight");
        if sizes.experts && !has(&router) {
            return missing(model, &router, findings);
        }
        if !has(&format!("blk.{block}.attn_qkv.weight")) {
            for part in ["attn_q", "attn_k", "attn_v"] {
                let name = format!("blk.{block}.{part}.weight");
                if !has(&name) {
                    return missing(model, &name, findings);
                }
            }
        }
    }
    check_renamed_output(model, findings);
}

/// A model without an output matrix uses its embedding in its place; one of the same shape under a name that nothing
/// reads is that matrix, with its name damaged.
fn check_renamed_output(model: &Model<'_>, findings: &mut Findings) {
    let Some(embedding) = model.tensors.get(&b"token_embd.weight"[..]) else { return };
    let output = &b"output.weight"[..];
    if model.tensors.contains_key(output) {
        return;
    }
    let close = |name: &[u8]| {
        name.len() == output.len() && name.iter().zip(output).filter(|(found, expected)| found != expected).count() <= 3
    };
    let twin = model.header.tensors.iter().find(|tensor| tensor.dims == embedding.dims && close(&tensor.name));
    if let Some(tensor) = twin {
        findings.add(HP_TENSOR, None, || {
            format!(
                "there is no tensor \"output.weight\", but one of its shape that is named \"{}\"",
                printable(&tensor.name)
            )
        });
    }
}

fn check_shapes(model: &Model<'_>, family: &Family, sizes: &Sizes, findings: &mut Findings) {
    let wrong = |tensor: &'_ Tensor| {
        let in_block = || {
            let (block, part) = block_of(&tensor.name)?;
            sizes.shape(part.strip_suffix(b".weight")?, usize::try_from(block).ok()?, family.own_width)
        };
        let expected = outside_blocks(&tensor.name, model, sizes).or_else(in_block)?;
        (!has_shape(tensor, &expected)).then_some(expected)
    };
    let tensors = model.header.tensors.iter();
    wrong_shapes(tensors.filter_map(|tensor| Some((tensor, wrong(tensor)?))), findings);
}

/// The shape of a tensor that is no block's.
fn outside_blocks(name: &[u8], model: &Model<'_>, sizes: &Sizes) -> Option<Vec<u64>> {
    match name {
        b"output_norm.weight" => Some(vec![sizes.embedding]),
        b"output.weight" => {
            let [width, rows, ..] = model.tensors.get(&b"token_embd.weight"[..])?.dims;
            Some(vec![width, rows])
        }
        _ => None,
    }
}
