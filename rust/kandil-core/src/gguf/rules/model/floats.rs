//! Rules for the numbers that a model computes with.

use super::super::super::header::{Entry, ValueType};
use super::super::super::printable::printable;
use super::super::super::value::{Scalar, Value};
use super::super::Findings;
use super::facts::{Model, text};
use super::{HP_FLOAT, HP_ROPE};

pub(super) fn check(model: &Model<'_>, findings: &mut Findings) {
    for (name, entry) in model.entries() {
        if let Some(wrong) = floats(model, entry).into_iter().find_map(|value| wrong(&name, value)) {
            findings.add(HP_FLOAT, entry.offset, || format!("key \"{}\" {wrong}", printable(&entry.key)));
        }
    }
    let name = "rope.scaling.type";
    let scaling = text(model.header, &model.key(name));
    if let Some(scaling) = scaling.filter(|scaling| !matches!(*scaling, b"none" | b"linear" | b"yarn" | b"longrope")) {
        findings.add(HP_ROPE, model.entry(name).map(|entry| entry.offset), || {
            let shown = printable(scaling);
            format!("key \"{}\" is \"{shown}\": none, linear, yarn or longrope was expected", model.key(name))
        });
    }
}

/// The floats of a scalar, or of an array that the scan has kept.
pub(super) fn floats(model: &Model<'_>, entry: &Entry) -> Vec<f64> {
    let kind = entry.element.unwrap_or(entry.kind);
    let bytes = entry.kept.clone().filter(|_| matches!(kind, ValueType::F32 | ValueType::F64));
    let Some(value) = bytes.and_then(|bytes| Value::new(model.header, entry, bytes)) else { return Vec::new() };
    let float = |scalar: Scalar<'_>| if let Scalar::Float(value) = scalar { Some(value) } else { None };
    value.scalars().filter_map(float).collect()
}

/// What is wrong with a float of this name.
fn wrong(name: &str, value: f64) -> Option<String> {
    if value.is_nan() {
        return Some("is not a number".to_owned());
    }
    let divides = name.ends_with("_epsilon") || name.contains("rope.freq_base") || name == "rope.scaling.factor";
    let sound = value > 0.0 && value.is_finite();
    if divides && !sound {
        return Some(format!("is {value}, a number above 0 was expected"));
    }
    // Gemma 3n has an activation_sparsity_scale of -inf.
    let bounds = ["max_alibi_bias", "clamp_kqv", "softcapping", "logit_scale", "residual_scale", "embedding_scale"];
    let scales = bounds.iter().any(|end| name.ends_with(end));
    (scales && value.is_infinite()).then(|| format!("is {value}, a finite number was expected"))
}
