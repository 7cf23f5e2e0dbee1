//! The rule for `general.file_type`: the quantization that programs show and choose by.

use super::super::super::types::tensor_type_name;
use super::super::Findings;
use super::facts::{Model, general_number};
use super::{HP_ENUM, HP_FTYPE};

/// llama.cpp's file types that quantize nothing: all F32, mostly F16, mostly BF16.
const PLAIN_FILES: [u64; 3] = [0, 1, 32];
/// ggml's types that are not quantized.
const PLAIN_TENSORS: [u32; 3] = [0, 1, 30];
/// llama.cpp's own file types end about here; forks count on from 100.
const OWN_FILES: u64 = 64;
/// Those of forks end below this.
const ALL_FILES: u64 = 512;
/// The smallest block of a quantized type; shorter rows stay as they are.
const BLOCK: u64 = 32;

/// Reports a type that nobody has, and a file that says it is quantized and holds nothing that is.
pub(super) fn check(model: &Model<'_>, findings: &mut Findings) {
    let Some(kind) = general_number(model.header, b"general.file_type") else { return };
    if kind >= ALL_FILES {
        findings.add(HP_ENUM, model.header.entry(b"general.file_type").map(|entry| entry.offset), || {
            format!("key \"general.file_type\" is {kind}, a known type of files was expected")
        });
    }
    if PLAIN_FILES.contains(&kind) || kind >= OWN_FILES || !model.is_whole() {
        return;
    }
    let could_be = |dims: &[u64]| dims.len() > 1 && dims.first().and_then(|dim| dim.checked_rem(BLOCK)) == Some(0);
    let mut matrices = model.header.tensors.iter().filter(|tensor| could_be(tensor.shape())).peekable();
    let Some(first) = matrices.peek().map(|tensor| tensor.kind) else { return };
    if matrices.all(|tensor| PLAIN_TENSORS.contains(&tensor.kind)) {
        findings.add(HP_FTYPE, model.header.entry(b"general.file_type").map(|entry| entry.offset), || {
            let shown = tensor_type_name(first);
            format!(
                "key \"general.file_type\" is {kind}, a quantized type, but no tensor is quantized: they are {shown}"
            )
        });
    }
}
