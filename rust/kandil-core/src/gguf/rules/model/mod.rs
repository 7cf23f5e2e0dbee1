//! Rules for what keys and tensors say together: which model a file is, its sizes, and that its tensors have them.
//!
//! A loader divides by these numbers, sizes its arrays and tables by them, and indexes with them. The bounds are those of
//! llama.cpp of October 2026, which most programs load with. Only what it refuses, or what no loader can mean, blocks a
//! file; of architectures that it does not know, only the bounds are checked.

mod adapter;
mod architecture;
mod divisors;
mod encoders;
mod facts;
mod file_type;
mod floats;
mod known;
mod layers;
mod projector;
mod shapes;
mod sizes;
#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
mod texts;
mod tokenizer;

use super::Findings;
use crate::gguf::header::Header;
use facts::Model;
pub(in crate::gguf) use texts::*;

/// Reports what does not make a model. A header that could not be walked to its end has been reported.
pub(super) fn check(header: &Header, findings: &mut Findings) {
    if header.data_offset.is_none() {
        return;
    }
    let Some(architecture) = architecture::check(header, findings) else { return };
    let model = Model::new(header, architecture);
    match (model.general("type"), architecture) {
        (Some(b"adapter"), _) => adapter::check(&model, findings),
        (Some(b"imatrix"), _) => {}
        (_, "clip") => projector::check(&model, findings),
        _ => {
            sizes::check(&model, findings);
            layers::check(&model, findings);
            floats::check(&model, findings);
            shapes::check(&model, findings);
            tokenizer::check(&model, findings);
        }
    }
    file_type::check(&model, findings);
}
