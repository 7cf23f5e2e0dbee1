//! Rules for the encoders of a projector: the keys and blocks that each needs, and the types of what switches them.

use super::super::super::header::ValueType;
use super::super::super::printable::printable;
use super::super::super::value::{Scalar, kept_scalar};
use super::super::Findings;
use super::facts::{Model, text};
use super::{MM_BLOCK, MM_LIMIT, MM_MISSING, MM_TYPE};

/// A kind of encoder: the key that says that there is one, the prefix of its keys, and what llama.cpp asks for.
struct Encoder {
    flag: &'static str,
    prefix: &'static str,
    needs: &'static [&'static str],
}

const COMMON: [&str; 6] = [
    "embedding_length",
    "attention.head_count",
    "feed_forward_length",
    "block_count",
    "projection_dim",
    "attention.layer_norm_epsilon",
];

static ENCODERS: &[Encoder] = &[
    Encoder {
        flag: "has_vision_encoder",
        prefix: "vision",
        needs: &["image_size", "patch_size", "image_mean", "image_std"],
    },
    Encoder { flag: "has_audio_encoder", prefix: "audio", needs: &["num_mel_bins"] },
    Encoder { flag: "has_gen_audio_encoder", prefix: "gen.audio", needs: &[] },
];

/// Their encoders are transformers, with a position for each patch of an image of one size.
const FIXED: [&[u8]; 8] = [b"mlp", b"mlp_norm", b"ldp", b"ldpv2", b"gemma3", b"idefics3", b"internvl", b"janus_pro"];

pub(super) fn check(model: &Model<'_>, findings: &mut Findings) {
    check_types(model, findings);
    for encoder in ENCODERS {
        check_layers(model, encoder.prefix, findings);
    }
    check_image(model, findings);
    if model.header.tensors.is_empty() {
        return;
    }
    let own = |name: &str| model.entries().any(|(key, _)| key.starts_with(&format!("{name}.")));
    for encoder in ENCODERS.iter().filter(|encoder| flag(model, encoder.flag)) {
        for name in COMMON.iter().chain(encoder.needs) {
            let name = format!("{}.{name}", encoder.prefix);
            if model.entry(&name).is_none() {
                missing(&format!("no key \"{}\"", model.key(&name)), findings);
            }
        }
    }
    let flags = || ENCODERS.iter().map(|encoder| encoder.flag).chain(["has_text_encoder"]);
    if ENCODERS.iter().any(|encoder| own(encoder.prefix)) {
        if !flags().any(|name| flag(model, name)) {
            let names: Vec<_> = flags().take(2).map(|name| model.key(name)).collect();
            missing(&format!("none of the keys \"{}\" that is true", names.join("\", \"")), findings);
        } else if !has_kind(model) {
            missing(&format!("no key \"{}\"", model.key("projector_type")), findings);
        }
    }
    check_blocks(model, findings);
}

fn missing(what: &str, findings: &mut Findings) {
    findings.add(MM_MISSING, None, || format!("there is {what}, which loaders ask for"));
}

fn flag(model: &Model<'_>, name: &str) -> bool {
    model.entry(name).and_then(|entry| kept_scalar(model.header, entry)) == Some(Scalar::Bool(true))
}

/// Says which projector it is, or is from before there were several.
fn has_kind(model: &Model<'_>) -> bool {
    let old = ["has_llava_projector", "has_text_encoder", "has_minicpmv_projector", "has_glm_projector"];
    old.iter().any(|name| model.entry(name).is_some())
        || model.entries().any(|(name, _)| name.ends_with("projector_type"))
}

fn check_types(model: &Model<'_>, findings: &mut Findings) {
    let bools = ENCODERS.iter().map(|encoder| (encoder.flag.to_owned(), ValueType::Bool));
    let gates = ["use_gelu", "use_silu"].map(|name| (name.to_owned(), ValueType::Bool));
    let epsilons =
        ENCODERS.iter().map(|encoder| (format!("{}.attention.layer_norm_epsilon", encoder.prefix), ValueType::F32));
    for (name, kind) in bools.chain(gates).chain(epsilons) {
        if let Some(entry) = model.entry(&name).filter(|entry| entry.kind != kind) {
            findings.add(MM_TYPE, entry.offset, || {
                let (key, found) = (printable(&entry.key), entry.type_name());
                format!("key \"{key}\" is of type {found}, {} was expected", kind.name())
            });
        }
    }
    for name in ["vision.wa_layer_indexes", "vision.wa_pattern_mode", "vision.projector.spatial_offsets"] {
        let arrays = |element| matches!(element, Some(ValueType::I32 | ValueType::Bool | ValueType::U32));
        if let Some(entry) = model.entry(name).filter(|entry| !arrays(entry.element)) {
            findings.add(MM_TYPE, entry.offset, || {
                format!("key \"{}\" is of type {}, an array of int32 was expected", model.key(name), entry.type_name())
            });
        }
    }
}

/// The blocks whose results are used, as indices: `blocks` itself stands for what comes after the last.
fn check_layers(model: &Model<'_>, prefix: &str, findings: &mut Findings) {
    let name = format!("{prefix}.feature_layer");
    let Some(entry) = model.entry(&name) else { return };
    if entry.element != Some(ValueType::I32) {
        return findings.add(MM_TYPE, entry.offset, || {
            format!("key \"{}\" is of type {}, an array of int32 was expected", model.key(&name), entry.type_name())
        });
    }
    let (Some(layers), Some(blocks)) = (model.layered(&name), model.number(&format!("{prefix}.block_count"))) else {
        return;
    };
    if layers.max() > blocks {
        findings.add(MM_LIMIT, entry.offset, || {
            format!("key \"{}\" has block {}, but there are only {blocks}", model.key(&name), layers.max())
        });
    }
}

fn check_image(model: &Model<'_>, findings: &mut Findings) {
    let number = |name: &str| model.number(&format!("vision.{name}"));
    let at = model.entry("vision.image_size").map(|entry| entry.offset);
    if let (Some(image @ 1..), Some(patch)) = (number("image_size"), number("patch_size"))
        && patch > image
    {
        findings.add(MM_LIMIT, at, || format!("images of {image} are smaller than the patches, {patch}"));
    }
    let zeros = ["image_size", "block_count"].into_iter().filter(|name| number(name) == Some(0));
    for name in zeros.filter(|_| kind(model).is_some_and(|kind| FIXED.contains(&kind))) {
        let name = format!("vision.{name}");
        findings.add(MM_LIMIT, model.entry(&name).map(|entry| entry.offset), || {
            format!("key \"{}\" is 0, but this encoder has blocks, for images of one size", model.key(&name))
        });
    }
}

fn kind<'a>(model: &Model<'a>) -> Option<&'a [u8]> {
    text(model.header, "clip.projector_type").or_else(|| text(model.header, "clip.vision.projector_type"))
}

/// The blocks of an encoder of images are counted from 0 without a gap; stages of a MobileNet are not.
fn check_blocks(model: &Model<'_>, findings: &mut Findings) {
    let Some(blocks) = model.number("vision.block_count") else { return };
    let staged = [Some(&b"gemma3nv"[..]), None].contains(&kind(model));
    let block = |name: &[u8]| {
        let digits = name.strip_prefix(b"v.blk.")?.split(|&byte| byte == b'.').next()?;
        std::str::from_utf8(digits).ok()?.parse::<u64>().ok()
    };
    let found: std::collections::BTreeSet<u64> =
        model.header.tensors.iter().filter_map(|tensor| block(&tensor.name)).collect();
    if staged || found.is_empty() {
        return;
    }
    let at = model.entry("vision.block_count").map(|entry| entry.offset);
    if blocks == 0 {
        findings.add(MM_LIMIT, at, || {
            format!("key \"{}\" is 0, but there are tensors of blocks", model.key("vision.block_count"))
        });
    } else if let Some(lacks) = (0..blocks.min(512)).find(|number| !found.contains(number)) {
        missing(&format!("no tensor of \"v.blk.{lacks}\""), findings);
    }
    if let Some(last) = found.last().filter(|&&last| last >= blocks && blocks > 0) {
        findings.add(MM_BLOCK, at, || {
            format!(
                "key \"{}\" is {blocks}, but there are tensors of \"v.blk.{last}\"",
                model.key("vision.block_count")
            )
        });
    }
}
