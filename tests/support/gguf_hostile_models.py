"""Models whose keys and tensors contradict each other, as GGUF files.

`HOSTILE` names every builder, with the id of a finding that it must cause.
"""

from __future__ import annotations

from functools import partial

from tests.support.gguf_files import Entry, Kind, Tensor, build
from tests.support.gguf_hostile import Builder
from tests.support.gguf_models import (
    NO_VOCABULARY,
    ROWS,
    VISION,
    WIDTH,
    Keys,
    around,
    entries,
    llama,
    llama_block,
    lora,
    projector,
    sizes,
)

HOSTILE: dict[str, tuple[Builder, str]] = {}

NAN, INFINITY = float("nan"), float("inf")


LLAMA: dict[str, dict[str, Keys]] = {
    "KG-HP-LIMIT": {
        "no_blocks": {"block_count": 0},
        "blocks_for_a_32_bit_counter": {"block_count": 2**32 - 1},
        "blocks_513": {"block_count": 513},
        "experts_beyond_the_table": {"expert_count": 1025, "expert_used_count": 2},
        "embedding_of_nothing": {"embedding_length": 0},
        "embedding_too_wide": {"embedding_length": 2**31},
        "feed_forward_too_wide": {"feed_forward_length": 2**32 - 1},
        "no_heads": {"attention.head_count": 0},
        "heads_2_to_31": {"attention.head_count": 2**31},
        "rotation_too_wide": {"rope.dimension_count": 2**32 - 1},
        "more_predicted_than_blocks": {"nextn_predict_layers": 3},
        "vocabulary_of_4_billion": {"vocab_size": 4_000_000_000},
    },
    "KG-HP-DIV": {
        "heads_that_do_not_divide": {"attention.head_count": 5},
        "more_shared_heads_than_heads": {"attention.head_count_kv": 8},
        "shared_heads_that_do_not_divide": {"attention.head_count_kv": 3},
        "no_shared_heads": {"attention.head_count_kv": 0},
        "shared_heads_that_do_not_divide_in_one_layer": {"attention.head_count_kv": (2, 3)},
        "more_experts_used_than_there_are": {"expert_count": 4, "expert_used_count": 5},
        "experts_used_of_none": {"expert_used_count": 2},
        "experts_of_which_none_is_used": {"expert_count": 4},
        "expert_groups_that_do_not_divide": {"expert_count": 8, "expert_used_count": 2, "expert_group_count": 3},
        "more_groups_used": {
            "expert_count": 8,
            "expert_used_count": 2,
            "expert_group_count": 4,
            "expert_group_used_count": 5,
        },
    },
    "KG-HP-ARR": {
        "heads_for_three_layers": {"attention.head_count": (4, 4, 4)},
        "shared_heads_for_one_layer": {"attention.head_count_kv": (4,)},
        "feed_forward_for_one_layer": {"feed_forward_length": (64,)},
        "heads_for_ten_thousand_layers": {"attention.head_count": (4,) * 10_000},
        "windows_for_one_layer": {"attention.sliding_window_pattern": (True,)},
        "windows_beyond_the_table": {"attention.sliding_window_pattern": (True,) * 513},
    },
    "KG-HP-SHAPE": {
        "embedding_wider_than_its_matrix": {"embedding_length": 64},
        "feed_forward_wider_than_its_matrix": {"feed_forward_length": 128},
        "fewer_shared_heads_than_their_matrix": {"attention.head_count_kv": 2},
        "heads_wider_than_their_matrix": {"attention.key_length": 16},
        "rotation_wider_than_a_head": {"rope.dimension_count": 16},
    },
    "KG-HP-ENUM": {
        "gates_of_no_kind": {"expert_gating_func": 99},
        "pooling_of_no_kind": {"pooling_type": 99},
    },
    "KG-HP-CTX": {
        "context_of_nothing": {"context_length": 0},
        "context_beyond_int": {"context_length": 2**32 - 1},
    },
    "KG-HP-FLOAT": {
        "epsilon_nan": {"attention.layer_norm_rms_epsilon": NAN},
        "epsilon_0": {"attention.layer_norm_rms_epsilon": 0.0},
        "epsilon_negative": {"attention.layer_norm_rms_epsilon": -1e-5},
        "base_nan": {"rope.freq_base": NAN},
        "base_0": {"rope.freq_base": 0.0},
        "base_infinite": {"rope.freq_base": INFINITY},
        "scale_nan": {"logit_scale": NAN},
        "factor_0": {"rope.scaling.factor": 0.0},
        "bias_infinite": {"attention.max_alibi_bias": INFINITY},
    },
}
"""A llama model with these keys changed, by finding and name."""

PROJECTOR: dict[str, dict[str, Keys]] = {
    "KG-MM-LIMIT": {
        "patches_of_nothing": {"vision.patch_size": 0},
        "image_too_large": {"vision.image_size": 8193},
        "patches_beyond_the_stack": {"vision.image_size": 8192, "vision.patch_size": 7},
        "image_of_2_to_31_pixels": {"vision.image_min_pixels": 46340**2, "vision.image_max_pixels": 46340**2},
        "pixels_the_wrong_way_round": {"vision.image_min_pixels": 4096, "vision.image_max_pixels": 1024},
        "vision_blocks_513": {"vision.block_count": 513},
        "merges_of_nothing": {"vision.spatial_merge_size": 0},
        "patches_larger_than_the_image": {"vision.patch_size": 337},
        "image_of_nothing": {"vision.image_size": 0},
        "vision_of_no_width": {"vision.embedding_length": 0},
        "vision_of_no_blocks": {"vision.block_count": 0},
        "features_of_no_layer": {"vision.feature_layer": (2,)},
        "steps_beyond_the_table": {"audio.chunk_size": 65537},
    },
    "KG-MM-DIV": {
        "vision_heads_that_do_not_divide": {"vision.attention.head_count": 5},
        "vision_without_heads": {"vision.attention.head_count": 0},
        "deviation_0": {"vision.image_std": (0.5, 0.0, 0.5)},
    },
    "KG-MM-ARRAY": {
        "mean_of_one_colour": {"vision.image_mean": (0.5,)},
        "deviation_of_two_colours": {"vision.image_std": (0.5, 0.5)},
        "mean_a_number": {"vision.image_mean": 0.5},
        "mean_in_integers": {"vision.image_mean": (1, 1, 1)},
        "tiles_odd": {"vision.image_grid_pinpoints": (336, 672, 336)},
    },
    "KG-MM-VALUE": {
        "tiles_of_nothing": {"vision.image_grid_pinpoints": (0, 672)},
        "tiles_negative": {"vision.image_grid_pinpoints": (-336, 672)},
        "tiles_by_the_thousand": {"vision.image_grid_pinpoints": (336, 672) * 500},
        "mean_of_4000_colours": {"vision.image_mean": (0.5,) * 4000},
    },
    "KG-MM-TYPE": {
        "patch_a_float": {"vision.patch_size": 14.0},
        "encoder_a_string": {"has_vision_encoder": "true"},
        "gelu_a_number": {"use_gelu": 1},
        "deviation_an_integer": {"vision.attention.layer_norm_epsilon": 1},
        "window_layers_a_string": {"vision.wa_layer_indexes": "7"},
    },
}
"""A projector with these keys changed."""


def _add(finding: str, name: str, builder: Builder) -> None:
    assert name not in HOSTILE
    HOSTILE[name] = (builder, finding)


def _named(architecture: Entry) -> bytes:
    """A whole model whose architecture is this entry."""
    keys = [architecture, *entries("llama", sizes(), NO_VOCABULARY)[1:]]
    return build(keys, around([*llama_block(0), *llama_block(1)]))


def _text(name: str | bytes) -> Entry:
    return Entry("general.architecture", Kind.STRING, name)


def _own(architecture: str, own: Keys, *tensors: Tensor) -> bytes:
    return build(entries(architecture, own), tensors or [Tensor("token_embd.weight", (WIDTH, ROWS))])


def _raw(entry: Entry) -> bytes:
    """A llama model in which `entry` stands in place of the key that it names."""
    keys = [key for key in entries("llama", sizes(), NO_VOCABULARY) if key.key != entry.key]
    return build([*keys, entry], around([*llama_block(0), *llama_block(1)]))


def _projector_without(key: str) -> bytes:
    keys = [entry for entry in entries("clip", VISION, {"general.type": "mmproj"}) if entry.key != key]
    return build(keys, [Tensor("v.patch_embd.weight", (14, 14, 3, 64), 1)])


def _blocks(count: int, *numbers: int) -> bytes:
    """A projector that says it has `count` blocks, and has those with these numbers."""
    keys = entries("clip", {**VISION, "vision.block_count": count}, {"general.type": "mmproj"})
    return build(keys, [Tensor(f"v.blk.{number}.attn_out.weight", (64, 64)) for number in numbers])


def _without(key: str) -> bytes:
    """A llama model without this key."""
    keys = [entry for entry in entries("llama", sizes(), NO_VOCABULARY) if entry.key != key]
    return build(keys, around([*llama_block(0), *llama_block(1)]))


_add("KG-ARCH-MISSING", "no_architecture", lambda: build(entries("llama", sizes())[1:]))
_add("KG-ARCH-MISSING", "no_architecture_but_blocks", lambda: build([], llama_block(0)))
_add("KG-ARCH-TYPE", "architecture_a_number", partial(_named, Entry("general.architecture", Kind.U32, 1)))
_NAMES: dict[str, str | bytes] = {
    "empty": "", "a_path": "../../etc", "a_backslash": "a\\b", "a_nul": "llama\0", "an_escape": "\x1b[2Jllama",
    "dots": "..", "a_percent": "%s%n", "not_utf8": b"ll\xffma", "long": "a" * 65, "very_long": "a" * 5000,
}  # fmt: skip
for _label, _name in _NAMES.items():
    _add("KG-ARCH-NAME", f"architecture_{_label}", partial(_named, _text(_name)))
_add("KG-ARCH-UNKNOWN", "architecture_of_mixed_case", partial(_named, _text("LLaMA")))
_add("KG-ARCH-UNKNOWN", "architecture_of_nobody", lambda: _own("unheard-of", {"block_count": 2}))
_add("KG-ARCH-UNKNOWN", "architecture_of_nobody_with_keys_of_another", partial(_named, _text("unheard-of")))
_add("KG-ARCH-KEYS", "architecture_misspelt", partial(_named, _text("llamb")))
_add("KG-ARCH-KEYS", "architecture_of_another_model", partial(_named, _text("qwen2")))

for _finding, _files in LLAMA.items():
    for _label, _keys in _files.items():
        _add(_finding, _label, partial(llama, _keys))
for _finding, _files in PROJECTOR.items():
    for _label, _keys in _files.items():
        _add(_finding, _label, partial(projector, _keys))
_add("KG-HP-LIMIT", "sliding_windows_beyond_the_table", lambda: _own("gemma2", sizes(block_count=100_000)))
_add("KG-HP-LIMIT", "posnet_beyond_its_blocks", lambda: _own("wavtokenizer-dec", sizes() | {"posnet.block_count": 3}))

_STATES = {"ssm.conv_kernel": 4, "ssm.inner_size": 64, "ssm.state_size": 16, "ssm.group_count": 1}
_add("KG-HP-DIV", "states_of_no_rank", lambda: _own("mamba2", sizes() | _STATES | {"ssm.time_step_rank": 0}))
_add("KG-HP-DIV", "states_that_do_not_divide", lambda: _own("mamba2", sizes() | _STATES | {"ssm.time_step_rank": 7}))

_TYPES: dict[str, Entry] = {
    "context_a_float": Entry("llama.context_length", Kind.F32, 128.0),
    "embedding_signed": Entry("llama.embedding_length", Kind.I32, WIDTH),
    "blocks_64_bit": Entry("llama.block_count", Kind.U64, 2),
    "rotation_a_string": Entry("llama.rope.dimension_count", Kind.STRING, "8"),
    "base_a_double": Entry("llama.rope.freq_base", Kind.F64, 10000.0),
    "heads_in_floats": Entry("llama.attention.head_count", Kind.ARRAY, (4.0, 4.0), Kind.F32),
    "name_a_number": Entry("general.name", Kind.U32, 7),
    "file_type_signed": Entry("general.file_type", Kind.I32, 1),
}
for _label, _entry in _TYPES.items():
    _add("KG-HP-TYPE", _label, partial(_raw, _entry))

for _label, _key in {
    "no_context": "context_length", "no_embedding": "embedding_length", "no_block_count": "block_count",
    "no_epsilon": "attention.layer_norm_rms_epsilon", "no_head_count": "attention.head_count",
    "no_feed_forward": "feed_forward_length",
}.items():  # fmt: skip
    _add("KG-HP-MISSING", _label, partial(_without, f"llama.{_key}"))

_add("KG-HP-BLOCK", "block_beyond_the_count", lambda: llama(add=llama_block(2)))
_add("KG-HP-BLOCK", "block_of_nine_digits", lambda: llama(add=[Tensor("blk.999999999.attn_norm.weight", (WIDTH,))]))

for _label, _number in {
    "32_bits": 2**32 - 1, "64_bits": 2**64, "below_0": -1, "two_zeros": "00",
}.items():  # fmt: skip
    _norm = Tensor(f"blk.{_number}.attn_norm.weight", (WIDTH,))
    _add("KG-HP-BLOCK", f"block_of_{_label}", partial(llama, add=[_norm]))

for _arch, _divisor in {
    "qwen3next": "full_attention_interval", "qwen35": "full_attention_interval", "rwkv7": "wkv.head_size",
    "wavtokenizer-dec": "attention.group_norm_groups", "t5": "attention.relative_buckets_count",
    "kimi-linear": "kda.head_dim", "ernie4_5-moe": "interleave_moe_layer_step",
}.items():  # fmt: skip
    _add("KG-HP-DIV", f"{_arch}_divided_by_0", partial(_own, _arch, sizes() | {_divisor: 0}))
_add("KG-HP-DIV", "rwkv_heads_that_do_not_divide", lambda: _own("rwkv7", sizes() | {"wkv.head_size": 7}))

_add("KG-HP-SHAPE", "embedding_of_three_dimensions", lambda: llama(
    without=["token_embd.weight"], add=[Tensor("token_embd.weight", (WIDTH, ROWS, 2))]
))  # fmt: skip
_add("KG-HP-SHAPE", "output_of_fewer_rows", lambda: llama(
    without=["output.weight"], add=[Tensor("output.weight", (WIDTH, ROWS - 1))]
))  # fmt: skip
_add("KG-HP-SHAPE", "norm_of_one_more", lambda: llama(
    without=["blk.1.ffn_norm.weight"], add=[Tensor("blk.1.ffn_norm.weight", (WIDTH + 1,))]
))  # fmt: skip

for _label, _missing in {
    "no_token_embeddings": "token_embd.weight", "no_output_norm": "output_norm.weight",
    "no_queries": "blk.1.attn_q.weight", "no_feed_forward_down": "blk.1.ffn_down.weight",
}.items():  # fmt: skip
    _add("KG-HP-TENSOR", _label, partial(llama, without=[_missing]))
_add("KG-HP-TENSOR", "one_more_block_than_tensors", lambda: llama({"block_count": 3}))
_add("KG-HP-TENSOR", "output_renamed", lambda: llama(
    without=["output.weight"], add=[Tensor("outpux.weight", (WIDTH, ROWS))]
))  # fmt: skip
_add("KG-HP-WEIGHT", "weight_of_integers", lambda: llama(
    without=["blk.0.attn_q.weight"], add=[Tensor("blk.0.attn_q.weight", (WIDTH, WIDTH), 26)]
))  # fmt: skip

_add("KG-HP-ROPE", "five_sections", lambda: llama({"rope.dimension_sections": (1, 2, 3, 4, 5)}))
_add("KG-HP-ROPE", "scaling_of_a_new_kind", lambda: llama({"rope.scaling.type": "dynamic"}))
_add("KG-HP-ROPE", "section_below_0", lambda: llama({"rope.dimension_sections": (-1, 2, 3, 4)}))
_add("KG-HP-ROPE", "sections_in_one", lambda: llama({"rope.dimension_sections": 3}))
_add("KG-HP-TYPE", "sections_in_words", lambda: llama(
    None, Entry("llama.rope.dimension_sections", Kind.ARRAY, ("1", "2", "3", "4"), Kind.STRING)
))  # fmt: skip
_add("KG-HP-ENUM", "file_type_of_nobody", lambda: llama(None, Entry("general.file_type", Kind.U32, 999)))
_add("KG-HP-FTYPE", "file_type_of_another_file", lambda: llama(None, Entry("general.file_type", Kind.U32, 2)))


_LAST = Entry("clip.vision.feature_layer", Kind.ARRAY, ("last",), Kind.STRING)
_add("KG-MM-TYPE", "features_by_name", partial(projector, None, _LAST))
_ENCODER = ["vision.patch_size", "vision.image_mean", "vision.block_count", "has_vision_encoder", "projector_type"]
for _key in _ENCODER:
    _add("KG-MM-MISSING", f"projector_without_{_key}", partial(_projector_without, f"clip.{_key}"))


_add("KG-MM-MISSING", "vision_block_missing", lambda: _blocks(3, 0, 2))
_add("KG-MM-BLOCK", "vision_block_beyond_the_count", lambda: _blocks(1, 0, 5))
_add("KG-MM-LIMIT", "vision_blocks_uncounted", lambda: _blocks(0, 0))
_add("KG-MM-PROJECTOR", "projector_of_nobody", partial(projector, {"projector_type": "unheard-of"}))

_A, _B = Tensor("blk.0.attn_q.weight.lora_a", (WIDTH, 4)), Tensor("blk.0.attn_q.weight.lora_b", (4, WIDTH))
_add("KG-LORA-TYPE", "adapter_of_another_kind", lambda: lora(_A, _B, kind="control"))
_add("KG-LORA-TYPE", "adapter_kind_a_number", lambda: lora(_A, _B, kind=1))
_add("KG-LORA-TYPE", "alpha_an_integer", lambda: lora(_A, _B, alpha=16))
_add("KG-LORA-ALPHA", "alpha_nan", lambda: lora(_A, _B, alpha=NAN))
_add("KG-LORA-PAIR", "a_without_b", lambda: lora(_A))
_add("KG-LORA-PAIR", "b_without_a", lambda: lora(_B))
_add("KG-LORA-PAIR", "neither_a_nor_b", lambda: lora(_A, _B, Tensor("blk.0.attn_q.weight", (WIDTH, WIDTH))))
_add("KG-LORA-DEPTH", "a_for_two_experts", lambda: lora(Tensor("blk.0.attn_q.weight.lora_a", (WIDTH, 4, 2)), _B))
_add("KG-LORA-SHAPE", "ranks_differ", lambda: lora(_A, Tensor("blk.0.attn_q.weight.lora_b", (5, WIDTH))))
_add("KG-LORA-SHAPE", "a_transposed", lambda: lora(Tensor("blk.0.attn_q.weight.lora_a", (4, WIDTH)), _B))

_COUNT = Entry("split.count", Kind.U16, 3)
_add("KG-SPLIT-NO", "shard_without_its_number", lambda: build([*entries("llama", {}), _COUNT]))
_add("KG-SPLIT-NO", "shard_without_the_count", lambda: build([
    *entries("llama", {}), Entry("split.no", Kind.U16, 0),
]))  # fmt: skip


def _total(count: int, total: int) -> bytes:
    keys = {"no": (Kind.U16, 0), "count": (Kind.U16, count), "tensors.count": (Kind.I32, total)}
    shard = [Entry(f"split.{name}", kind, value) for name, (kind, value) in keys.items()]
    return build([*entries("llama", {}), *shard], around(llama_block(0)))


_add("KG-SPLIT-TOTAL", "total_negative", lambda: _total(3, -1))
_add("KG-SPLIT-TOTAL", "total_of_whole_model_negative", lambda: _total(0, -1))
_add("KG-SPLIT-TOTAL", "total_below_the_shard", lambda: _total(3, 2))
_add("KG-SPLIT-TOTAL", "only_shard_of_more", lambda: _total(1, 40))
