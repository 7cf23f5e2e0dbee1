//! Rules for projectors: the encoders of images and sound that a language model is given.
//!
//! Encoder-free ones have no blocks and no heads, and those that take images of any size give a size of 0.

use super::super::super::header::{Entry, ValueType};
use super::super::super::printable::printable;
use super::super::Findings;
use super::encoders;
use super::facts::{Model, text};
use super::floats::{self, floats};
use super::{MM_ARRAY, MM_DIV, MM_LIMIT, MM_PROJECTOR, MM_TYPE, MM_VALUE};

/// Sizes and their bounds, which are llama.cpp's where it has some.
#[rustfmt::skip]
static SIZES: &[(&str, u64, u64)] = &[
    ("embedding_length", 1, 1 << 20), ("feed_forward_length", 0, 1 << 24), ("projection_dim", 0, 1 << 24),
    ("block_count", 0, 512), ("attention.head_count", 0, 1 << 16), ("attention.head_count_kv", 0, 1 << 16),
    ("image_size", 0, 8192), ("patch_size", 1, 65_535), ("image_min_pixels", 0, MOST_PIXELS),
    ("image_max_pixels", 0, MOST_PIXELS), ("preproc_image_size", 0, 1 << 16), ("preproc_max_tiles", 0, 1 << 16),
    ("spatial_merge_size", 1, 65_535), ("projector.scale_factor", 1, 65_535), ("window_size", 0, 4096),
    ("num_mel_bins", 1, 65_535), ("chunk_size", 0, 8192), ("conv_kernel_size", 1, 1 << 16), ("max_pos_emb", 0, 1 << 20),
    ("projector.stack_factor", 1, 1 << 16), ("projector.window_size", 1, 1 << 16),
    ("projector.downsample_rate", 1, 1 << 16), ("projector.head_count", 1, 1 << 16), ("sam.block_count", 0, 512),
    ("sam.embedding_length", 0, 1 << 20), ("sam.head_count", 0, 1 << 16), ("local_block_count", 0, 512),
];
/// Fewer than 2^31 values of three colours: an image of more has overflowed programs.
const MOST_PIXELS: u64 = (i32::MAX / 3) as u64;
/// With stock sizes, an image has some 70 patches on a side; llama.cpp had tables for 1024.
const MOST_PATCHES: u64 = 1024;

/// The names in llama.cpp's `tools/mtmd/clip-impl.h` of October 2026, and one that files from before have.
#[rustfmt::skip]
static PROJECTORS: &[&str] = &[
    "adapter", "cogvlm", "deepseek4v", "deepseekocr", "deepseekocr2", "dots3note_a", "dots3note_v", "dots_ocr",
    "exaone4_5", "gemma3", "gemma3na", "gemma3nv", "gemma4a", "gemma4ua", "gemma4uv", "gemma4v", "glm4v", "glm5v",
    "glma", "granite4_vision", "granite_speech", "hunyuanocr", "hunyuanvl", "idefics3", "internvl", "janus_pro",
    "kimik25", "kimivl", "ldp", "ldpv2", "lfm2", "lfm2a", "lightonocr", "ling3vl", "llama4", "meralion", "mimo_audio",
    "mimovl", "minicpmv4_6", "minimax_m3", "mlp", "mlp_norm", "muse-glimmer", "musicflamingo", "nemotron_v2_vl",
    "paddleocr", "parakeet", "perceiver", "phi4", "pixtral", "pockettts_gen", "pockettts_spkenc", "qwen2.5o",
    "qwen2.5vl_merger", "qwen2a", "qwen2vl_merger", "qwen3a", "qwen3tts_gen", "qwen3tts_spkenc", "qwen3vl_merger",
    "resampler", "step3vl", "ultravox", "voxtral", "yasa2", "youtuvl",
];

pub(super) fn check(model: &Model<'_>, findings: &mut Findings) {
    for encoder in ["vision", "audio", "gen.audio"] {
        check_sizes(model, encoder, findings);
    }
    for name in ["vision.image_mean", "vision.image_std"] {
        check_colours(model, name, findings);
    }
    if let Some(entry) = model.entry("vision.image_grid_pinpoints") {
        check_integers(entry, findings);
        check_tiles(model, entry, findings);
        if entry.element.is_some() && entry.count.checked_rem(2) != Some(0) {
            findings.add(MM_ARRAY, entry.offset, || {
                format!("key \"{}\" has {} elements, pairs were expected", entry.key_text(), entry.count)
            });
        }
    }
    for name in ["projector_type", "vision.projector_type", "audio.projector_type", "gen.audio.projector_type"] {
        check_projector(model, name, findings);
    }
    encoders::check(model, findings);
    floats::check(model, findings);
}

fn check_sizes(model: &Model<'_>, encoder: &str, findings: &mut Findings) {
    let number = |name: &str| model.number(&format!("{encoder}.{name}"));
    for &(name, least, most) in SIZES {
        let Some(entry) = model.entry(&format!("{encoder}.{name}")) else { continue };
        if entry.kind != ValueType::U32 {
            findings.add(MM_TYPE, entry.offset, || {
                format!("key \"{}\" is of type {}, uint32 was expected", entry.key_text(), entry.type_name())
            });
        } else if let Some(value) = number(name).filter(|value| !(least..=most).contains(value)) {
            findings.add(MM_LIMIT, entry.offset, || {
                format!("key \"{}\" is {value}, {least} to {most} was expected", entry.key_text())
            });
        }
    }
    let at = |name: &str| model.entry(&format!("{encoder}.{name}")).map(|entry| entry.offset);
    if let (Some(heads @ 1..), Some(width), None) =
        (number("attention.head_count"), number("embedding_length"), at("attention.head_dim"))
        && width.checked_rem(heads) != Some(0)
    {
        findings.add(MM_DIV, at("attention.head_count"), || {
            format!(
                "key \"clip.{encoder}.attention.head_count\" is {heads}, a number that divides {width} was expected"
            )
        });
    }
    let blocks = number("block_count").is_some_and(|blocks| blocks > 0);
    if number("attention.head_count") == Some(0) && blocks {
        findings.add(MM_DIV, at("attention.head_count"), || {
            format!("key \"clip.{encoder}.attention.head_count\" is 0, but there are blocks: at least 1 was expected")
        });
    }
    if let (Some(image), Some(patch @ 1..)) = (number("image_size"), number("patch_size"))
        && image.checked_div(patch).is_some_and(|patches| patches > MOST_PATCHES)
    {
        findings.add(MM_LIMIT, at("image_size"), || {
            format!("images of {image} with patches of {patch} make more than {MOST_PATCHES} patches on a side")
        });
    }
    if let (Some(least), Some(most)) = (number("image_min_pixels"), number("image_max_pixels"))
        && least > most
    {
        findings.add(MM_LIMIT, at("image_min_pixels"), || {
            format!("key \"clip.{encoder}.image_min_pixels\" is {least}, at most the {most} of image_max_pixels was expected")
        });
    }
}

/// llama.cpp reads three floats, one for each colour.
fn check_colours(model: &Model<'_>, name: &str, findings: &mut Findings) {
    let Some(entry) = model.entry(name) else { return };
    if entry.element != Some(ValueType::F32) || entry.count < 3 {
        findings.add(MM_ARRAY, entry.offset, || {
            let (key, kind, count) = (entry.key_text(), entry.type_name(), entry.count);
            format!("key \"{key}\" is of type {kind} with {count} elements, an array of 3 float32 was expected")
        });
    }
    if entry.count > 16 {
        findings.add(MM_VALUE, entry.offset, || {
            format!("key \"{}\" has {} elements, one for each of 3 colours was expected", entry.key_text(), entry.count)
        });
    }
    if name.ends_with("std") && floats(model, entry).contains(&0.0) {
        findings
            .add(MM_DIV, entry.offset, || format!("key \"{}\" has a 0, which images are divided by", entry.key_text()));
    }
}

/// Widths and heights of images.
fn check_tiles(model: &Model<'_>, entry: &Entry, findings: &mut Findings) {
    const MOST: u64 = 512;
    let sides = model.layered("vision.image_grid_pinpoints");
    let sound =
        entry.count <= MOST && sides.is_some_and(|sides| sides.iter().all(|side| (1..=1 << 16).contains(&side)));
    if entry.element == Some(ValueType::I32) && !sound {
        findings.add(MM_VALUE, entry.offset, || {
            format!("key \"{}\" has other than up to {MOST} sides of 1 to 65536 pixels", entry.key_text())
        });
    }
}

fn check_integers(entry: &Entry, findings: &mut Findings) {
    if entry.element != Some(ValueType::I32) {
        findings.add(MM_ARRAY, entry.offset, || {
            format!("key \"{}\" is of type {}, an array of int32 was expected", entry.key_text(), entry.type_name())
        });
    }
}

fn check_projector(model: &Model<'_>, name: &str, findings: &mut Findings) {
    let Some(entry) = model.entry(name) else { return };
    let kind = text(model.header, &model.key(name));
    if entry.kind != ValueType::String {
        findings.add(MM_TYPE, entry.offset, || {
            format!("key \"{}\" is of type {}, a string was expected", entry.key_text(), entry.type_name())
        });
    } else if !kind.is_some_and(|kind| PROJECTORS.iter().any(|known| known.as_bytes() == kind)) {
        findings.add(MM_PROJECTOR, entry.offset, || {
            let shown = printable(kind.unwrap_or_default());
            format!("key \"{}\" is \"{shown}\", which llama.cpp does not know", entry.key_text())
        });
    }
}
