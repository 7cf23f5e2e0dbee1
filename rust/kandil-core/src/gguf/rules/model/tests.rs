use super::super::super::header::{Entry, Header, Tensor, ValueType};
use super::super::{Finding, Findings};
use super::facts::block_of;
use super::{architecture, check, known};

fn entry(key: &str, kind: ValueType, bytes: &[u8]) -> Entry {
    let size = bytes.len() as u64;
    Entry { key: key.as_bytes().into(), kind, element: None, count: 1, offset: 0, size, kept: Some(bytes.into()) }
}

fn number(key: &str, value: u32) -> Entry {
    entry(key, ValueType::U32, &value.to_le_bytes())
}

fn each(key: &str, values: &[u32]) -> Entry {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let count = values.len() as u64;
    Entry { element: Some(ValueType::U32), count, ..entry(key, ValueType::Array, &bytes) }
}

fn header(architecture: &str, entries: Vec<Entry>, names: &[&str]) -> Header {
    let tensor = |name: &&str| Tensor {
        name: name.as_bytes().into(),
        n_dims: 1,
        dims: [32, 1, 1, 1],
        kind: 0,
        offset: 0,
        size: Some(128),
    };
    let mut all = vec![entry("general.architecture", ValueType::String, architecture.as_bytes())];
    all.extend(entries);
    Header { entries: all, tensors: names.iter().map(tensor).collect(), data_offset: Some(0), ..Header::default() }
}

fn findings(header: &Header) -> Vec<Finding> {
    let mut findings = Findings::new();
    check(header, &mut findings);
    findings.finish(true)
}

fn ids(header: &Header) -> Vec<&'static str> {
    findings(header).iter().map(|finding| finding.id).collect()
}

#[test]
fn every_known_name_can_be_an_architecture() {
    for name in known::all() {
        let mut findings = Findings::new();
        let header = header(name, vec![], &[]);
        assert_eq!(architecture::check(&header, &mut findings), Some(name));
        assert_eq!(findings.finish(true), [], "{name}");
    }
}

#[test]
fn names_are_listed_once() {
    let all: Vec<_> = known::all().collect();
    let distinct: std::collections::HashSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn blocks_are_read_from_names() {
    assert_eq!(block_of(b"blk.12.attn_q.weight"), Some((12, &b"attn_q.weight"[..])));
    for name in ["blk.", "blk..x", "blk.1", "blk.-1.x", "blk.1234567890.x", "blk.x.y", "v.blk.1.x", ""] {
        assert_eq!(block_of(name.as_bytes()), None, "{name}");
    }
}

#[test]
fn layers_without_heads_are_judged_by_the_others() {
    let with = |heads: &[u32], shared: &[u32]| {
        let keys = vec![
            number("nemotron_h.block_count", heads.len() as u32),
            each("nemotron_h.attention.head_count", heads),
            each("nemotron_h.attention.head_count_kv", shared),
        ];
        ids(&header("nemotron_h", keys, &[]))
    };
    assert_eq!(with(&[0, 8, 0, 8], &[0, 2, 4, 0]), [""; 0]);
    assert_eq!(with(&[0, 8, 0, 8], &[0, 2, 4, 3]), ["KG-HP-DIV"]);
}

#[test]
fn an_array_has_an_element_for_each_block() {
    for (blocks, predicted, expected) in [(3, 0, &[][..]), (4, 1, &[]), (2, 0, &["KG-HP-ARR"]), (4, 0, &["KG-HP-ARR"])]
    {
        let keys = vec![
            number("glm4moe.block_count", blocks),
            number("glm4moe.nextn_predict_layers", predicted),
            each("glm4moe.feed_forward_length", &[64, 64, 64]),
        ];
        assert_eq!(ids(&header("glm4moe", keys, &[])), expected, "{blocks} blocks, {predicted} predicted");
    }
}

#[test]
fn an_array_that_is_too_long_to_be_kept_is_counted() {
    let long = Entry { count: 2000, kept: None, ..each("llama.attention.head_count", &[]) };
    let keys = vec![number("llama.block_count", 2), long];
    assert_eq!(ids(&header("llama", keys, &[])), ["KG-HP-ARR"]);
}

#[test]
fn numbers_of_unknown_architectures_have_bounds_only() {
    let keys = |blocks| vec![number("unheard-of.block_count", blocks), number("unheard-of.attention.head_count", 0)];
    assert_eq!(ids(&header("unheard-of", keys(1), &["blk.7.x"])), ["KG-ARCH-UNKNOWN"]);
    assert_eq!(ids(&header("unheard-of", keys(513), &[])), ["KG-ARCH-UNKNOWN", "KG-HP-LIMIT"]);
}

#[test]
fn big_endian_numbers_are_read_as_such() {
    let mut header = header("llama", vec![entry("llama.block_count", ValueType::U32, &[0, 0, 2, 1])], &[]);
    header.big_endian = true;
    assert!(findings(&header)[0].message.contains("is 513, at most 512"), "{:?}", findings(&header));
}

#[test]
fn what_is_divided_by_is_not_0_where_it_divides() {
    let with = |architecture: &str, name: &str, value| {
        let keys = vec![number(&format!("{architecture}.embedding_length"), 64), number(name, value)];
        ids(&header(architecture, keys, &[]))
    };
    assert_eq!(with("rwkv7", "rwkv7.wkv.head_size", 16), [""; 0]);
    assert_eq!(with("rwkv7", "rwkv7.wkv.head_size", 0), ["KG-HP-DIV"]);
    assert_eq!(with("rwkv7", "rwkv7.wkv.head_size", 7), ["KG-HP-DIV"]);
    assert_eq!(with("qwen35", "qwen35.full_attention_interval", 0), ["KG-HP-DIV"]);
    assert_eq!(with("llama4", "llama4.interleave_moe_layer_step", 0), [""; 0]); // all layers are dense
}

#[test]
fn numbers_that_stand_for_something_have_a_last_one() {
    let pooling = |value| ids(&header("bert", vec![number("bert.pooling_type", value)], &[]));
    assert_eq!(pooling(4), [""; 0]);
    assert_eq!(pooling(u32::MAX), [""; 0]); // unspecified
    assert_eq!(pooling(5), ["KG-HP-ENUM"]);
}

#[test]
fn a_block_has_a_number_as_loaders_write_it() {
    let of = |name| ids(&header("llama", vec![], &[name]));
    for name in ["blk.0.x", "blk.511.x", "blk.shared.x", "blk..x", "blks.x"] {
        assert_eq!(of(name), [""; 0], "{name}");
    }
    for name in ["blk.-1.x", "blk.+1.x", "blk.01.x", "blk.4294967295.x", "blk.1"] {
        assert_eq!(of(name), ["KG-HP-BLOCK"], "{name}");
    }
}

#[test]
fn an_image_of_any_size_is_for_encoders_that_take_any() {
    let with = |kind: &str| {
        let keys =
            vec![entry("clip.projector_type", ValueType::String, kind.as_bytes()), number("clip.vision.image_size", 0)];
        ids(&header("clip", keys, &[]))
    };
    assert_eq!(with("pixtral"), [""; 0]);
    assert_eq!(with("mlp"), ["KG-MM-LIMIT"]);
}

#[test]
fn a_projector_from_before_there_were_several_need_not_say_which_it_is() {
    let flag = |name: &str| entry(name, ValueType::Bool, &[1]);
    let with = |old: Option<&str>| {
        let mut keys = vec![flag("clip.has_text_encoder"), number("clip.vision.patch_size", 14)];
        keys.retain(|key| old != Some("none") || &*key.key != b"clip.has_text_encoder");
        keys.extend(old.filter(|old| *old != "none").map(flag));
        ids(&header("clip", keys, &["v.class_embd"]))
    };
    assert_eq!(with(Some("clip.has_llava_projector")), [""; 0]);
    assert_eq!(with(Some("none")), ["KG-MM-MISSING"]);
}
