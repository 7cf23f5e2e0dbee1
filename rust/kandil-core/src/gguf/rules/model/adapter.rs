//! Rules for LoRA adapters: pairs of thin matrices, A and B, whose product is added to a weight.

use super::super::super::header::{Tensor, ValueType};
use super::super::super::printable::printable;
use super::super::Findings;
use super::facts::{Model, text};
use super::floats::floats;
use super::{LORA_ALPHA, LORA_DEPTH, LORA_PAIR, LORA_SHAPE, LORA_TYPE};

pub(super) fn check(model: &Model<'_>, findings: &mut Findings) {
    let kind = text(model.header, "adapter.type");
    if kind != Some(b"lora") {
        let at = model.header.entry(b"adapter.type").map(|entry| entry.offset);
        findings.add(LORA_TYPE, at, || {
            let shown = kind.map_or_else(|| "no string".to_owned(), |kind| format!("\"{}\"", printable(kind)));
            format!("key \"adapter.type\" is {shown}, \"lora\" was expected")
        });
    }
    check_alpha(model, findings);
    check_invocation(model, findings);
    for tensor in &model.header.tensors {
        let (a, b) = (base(&tensor.name, b".lora_a"), base(&tensor.name, b".lora_b"));
        match (a, b) {
            (Some(base), _) => match other(model, base, b".lora_b") {
                Some(b) => check_pair(base, tensor, b, findings),
                None => unpaired(tensor, "lora_b", findings),
            },
            (_, Some(base)) if other(model, base, b".lora_a").is_none() => unpaired(tensor, "lora_a", findings),
            (None, None) if !tensor.name.ends_with(b"_norm.weight") => unexpected(tensor, findings),
            _ => {}
        }
    }
}

fn base<'a>(name: &'a [u8], suffix: &[u8]) -> Option<&'a [u8]> {
    name.strip_suffix(suffix)
}

fn other<'a>(model: &Model<'a>, base: &[u8], suffix: &[u8]) -> Option<&'a Tensor> {
    model.tensors.get(&*[base, suffix].concat()).copied()
}

fn unpaired(tensor: &Tensor, lacks: &str, findings: &mut Findings) {
    findings.add(LORA_PAIR, None, || format!("tensor \"{}\" has no {lacks} beside it", printable(&tensor.name)));
}

fn unexpected(tensor: &Tensor, findings: &mut Findings) {
    findings.add(LORA_PAIR, None, || {
        format!("tensor \"{}\" is neither lora_a nor lora_b of a weight, nor a norm", printable(&tensor.name))
    });
}

/// The rank is B's first dimension and A's second; of a token embedding, both are stored the other way round.
fn check_pair(base: &[u8], a: &Tensor, b: &Tensor, findings: &mut Findings) {
    let ([a_first, a_second, ..], [b_first, ..]) = (a.dims, b.dims);
    let flipped = base.ends_with(b"token_embd.weight");
    let sound = if flipped { a_first == b_first } else { a_second == b_first };
    if !sound || a.dims.contains(&0) || b.dims.contains(&0) {
        findings.add(LORA_SHAPE, None, || {
            let (name, a, b) = (printable(base), a.shape(), b.shape());
            format!("the matrices for \"{name}\" have the shapes {a:?} and {b:?}: the same rank in both was expected")
        });
    } else if a.dims.get(2..) != b.dims.get(2..) {
        findings.add(LORA_DEPTH, None, || {
            let (name, a, b) = (printable(base), a.shape(), b.shape());
            format!("the matrices for \"{name}\" have the shapes {a:?} and {b:?}: as many of both were expected")
        });
    }
}

fn check_alpha(model: &Model<'_>, findings: &mut Findings) {
    let Some(entry) = model.header.entry(b"adapter.lora.alpha") else { return };
    if entry.kind != ValueType::F32 {
        findings.add(LORA_TYPE, entry.offset, || {
            format!("key \"adapter.lora.alpha\" is of type {}, float32 was expected", entry.type_name())
        });
    } else if let Some(alpha) = floats(model, entry).first().filter(|alpha| !alpha.is_finite() || **alpha < 0.0) {
        findings.add(LORA_ALPHA, entry.offset, || {
            format!("key \"adapter.lora.alpha\" is {alpha}, a number of 0 or above was expected")
        });
    }
}

/// The tokens that switch an activated adapter on; llama.cpp copies them as 32-bit numbers.
fn check_invocation(model: &Model<'_>, findings: &mut Findings) {
    let Some(entry) = model.header.entry(b"adapter.alora.invocation_tokens") else { return };
    if entry.element != Some(ValueType::U32) {
        findings.add(LORA_TYPE, entry.offset, || {
            format!("key \"{}\" is of type {}, an array of uint32 was expected", entry.key_text(), entry.type_name())
        });
    }
}
