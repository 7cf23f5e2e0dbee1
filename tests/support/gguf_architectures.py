"""Small sound files of architectures whose layout is not checked in full, and of what is no language model.

`MODELS` names every builder, those of `gguf_models` among them.
"""

from __future__ import annotations

from tests.support.gguf_files import Entry, Kind, Tensor, build
from tests.support.gguf_models import (
    MODELS,
    NO_VOCABULARY,
    PLAIN,
    ROWS,
    WIDTH,
    Keys,
    Value,
    around,
    entries,
    entry,
    feed_forward,
    llama_block,
    model,
    norms,
    projector,
    sizes,
)

__all__ = ["MODELS"]


def _sketch(architecture: str, own: Keys, *tensors: Tensor) -> bytes:
    """A model's keys, with its embedding and some tensors."""
    return build(entries(architecture, own, NO_VOCABULARY), [Tensor("token_embd.weight", (WIDTH, ROWS)), *tensors])


@model
def starcoder_one_shared_head() -> bytes:
    own = sizes(attention__head_count_kv=1, attention__layer_norm_epsilon=1e-5)
    fused = [Tensor(f"blk.{number}.attn_qkv.weight", (WIDTH, WIDTH + 16)) for number in range(2)]
    rest = [[*norms(n, "attn_norm", "ffn_norm"), *feed_forward(n, PLAIN)] for n in range(2)]
    heads = [Tensor(f"blk.{number}.attn_output.weight", (WIDTH, WIDTH)) for number in range(2)]
    return build(entries("starcoder", own, NO_VOCABULARY), around([*fused, *heads, *rest[0], *rest[1]]))


@model
def falcon_one_shared_head() -> bytes:
    return _sketch("falcon", sizes(attention__head_count_kv=1, attention__layer_norm_epsilon=1e-5))


@model
def phi3_long_rotations() -> bytes:
    own = sizes(
        rope__scaling__type="longrope", rope__scaling__original_context_length=64, rope__scaling__attn_factor=1.1
    )
    return _sketch("phi3", own, Tensor("blk.1.attn_qkv.weight", (WIDTH, 3 * WIDTH)))


@model
def openelm_heads_for_each_layer() -> bytes:
    own = {"attention.head_count": (12, 16), "attention.head_count_kv": (3, 4), "feed_forward_length": (64, 96)}
    return _sketch("openelm", sizes(attention__key_length=8, attention__value_length=8) | own)


@model
def deci_layers_without_heads() -> bytes:
    own = {"attention.head_count": (4, 0), "attention.head_count_kv": (2, 0), "feed_forward_length": (64, 0)}
    return _sketch("deci", sizes(rope__dimension_count=8) | own)


@model
def deepseek2_latent_heads() -> bytes:
    own = sizes(
        attention__head_count_kv=1, attention__key_length=576, attention__value_length=512,
        attention__key_length_mla=192, attention__value_length_mla=128, attention__kv_lora_rank=512,
        rope__dimension_count=64, leading_dense_block_count=1, expert_count=8, expert_used_count=2,
        expert_group_count=4, expert_group_used_count=2, expert_weights_scale=2.5, expert_weights_norm=True,
    )  # fmt: skip
    return _sketch("deepseek2", own, Tensor("blk.1.attn_kv_a_mqa.weight", (WIDTH, 576)))


@model
def glm4moe_predicted_tokens() -> bytes:
    own = sizes(block_count=3, nextn_predict_layers=1, attention__key_length=8, attention__value_length=8)
    experts: dict[str, Value] = {"expert_count": 8, "expert_used_count": 2, "expert_group_count": 1}
    experts["expert_group_used_count"] = 1
    return _sketch("glm4moe", own | experts, Tensor("blk.2.nextn.eh_proj.weight", (2 * WIDTH, WIDTH)))


@model
def mamba_no_heads() -> bytes:
    own = sizes(attention__head_count=0, feed_forward_length=0, context_length=1 << 20, ssm__conv_kernel=4)
    return _sketch("mamba", own | {"ssm.inner_size": 64, "ssm.state_size": 16, "ssm.time_step_rank": 2})


@model
def mamba2_no_heads() -> bytes:
    own = sizes(attention__head_count=0, feed_forward_length=0, ssm__conv_kernel=4, ssm__inner_size=64)
    return _sketch("mamba2", own | {"ssm.state_size": 128, "ssm.time_step_rank": 4, "ssm.group_count": 2})


@model
def rwkv7_no_heads() -> bytes:
    own = sizes(attention__head_count=0, wkv__head_size=16, attention__layer_norm_epsilon=1e-5, token_shift_count=2)
    return _sketch("rwkv7", own)


@model
def rwkv6qwen2_shared_heads_only() -> bytes:
    own = sizes(attention__head_count=0, attention__head_count_kv=2, wkv__head_size=8, time_decay_extra_dim=8)
    return _sketch("rwkv6qwen2", own)


@model
def jamba_layers_without_heads() -> bytes:
    own: Keys = {"attention.head_count_kv": (0, 2), "ssm.conv_kernel": 4, "ssm.inner_size": 64, "ssm.state_size": 16}
    return _sketch("jamba", {**sizes(expert_count=4, expert_used_count=2, ssm__time_step_rank=2), **own})


@model
def lfm2_convolutions() -> bytes:
    return _sketch("lfm2", sizes(shortconv__l_cache=3) | {"attention.head_count_kv": (0, 2)})


@model
def nemotron_h_mixed() -> bytes:
    own: Keys = {"feed_forward_length": (0, 64), "attention.head_count_kv": (0, 0), "ssm.group_count": 8}
    return _sketch("nemotron_h", {**sizes(attention__key_length=16, attention__value_length=16), **own})


@model
def nemotron_h_moe_experts_for_each_layer() -> bytes:
    own = {"expert_used_count": (0, 2), "expert_feed_forward_length": (0, 32), "attention.head_count_kv": (0, 2)}
    return _sketch("nemotron_h_moe", sizes(expert_count=4) | own)


@model
def granitehybrid_mixed() -> bytes:
    return _sketch("granitehybrid", sizes(logit_scale=8.0, residual_scale=0.22) | {"attention.head_count_kv": (0, 2)})


@model
def qwen3next_mixed() -> bytes:
    own = sizes(attention__head_count_kv=2, attention__key_length=16, attention__value_length=16, expert_count=8)
    ssm: dict[str, Value] = {"ssm.conv_kernel": 4, "ssm.inner_size": 64, "ssm.state_size": 16, "ssm.group_count": 2}
    return _sketch("qwen3next", own | ssm | {"expert_used_count": 2, "ssm.time_step_rank": 4})


@model
def kimi_linear_mixed() -> bytes:
    return _sketch(
        "kimi-linear", sizes(kda__head_dim=8, attention__key_length=16) | {"attention.head_count_kv": (0, 1)}
    )


@model
def gpt_oss_experts() -> bytes:
    own = sizes(attention__head_count_kv=1, attention__key_length=16, attention__value_length=16, expert_count=4)
    window: dict[str, Value] = {"attention.sliding_window": 128, "expert_used_count": 4, "rope.freq_base": 150000.0}
    return _sketch("gpt-oss", own | window | {"rope.scaling.type": "yarn", "rope.scaling.factor": 32.0})


@model
def llama4_experts() -> bytes:
    own = sizes(expert_count=16, expert_used_count=1, interleave_moe_layer_step=1, context_length=10_485_760)
    return _sketch("llama4", own)


@model
def hunyuan_dense_one_expert() -> bytes:
    return _sketch("hunyuan-dense", sizes(expert_count=1, attention__key_length=8))


@model
def gemma3n_windows_for_each_layer() -> bytes:
    own = {"attention.sliding_window_pattern": (True, False), "feed_forward_length": (64, 64)}
    wide = Tensor("per_layer_token_embd.weight", (64, ROWS))
    return _sketch("gemma3n", sizes(attention__key_length=8, attention__value_length=8) | own, wide)


@model
def bert_embedding() -> bytes:
    own = sizes(attention__layer_norm_epsilon=1e-12, attention__causal=False, pooling_type=2)
    del own["attention.layer_norm_rms_epsilon"]
    return _sketch("bert", own, Tensor("blk.0.attn_q.weight", (WIDTH, WIDTH)), Tensor("token_types.weight", (WIDTH, 2)))


@model
def t5_encoder_and_decoder() -> bytes:
    own = sizes(attention__key_length=64, attention__value_length=64, decoder_block_count=3, decoder_start_token_id=0)
    return _sketch(
        "t5", own, Tensor("dec.blk.2.attn_q.weight", (WIDTH, 256)), Tensor("enc.blk.1.attn_q.weight", (WIDTH, 256))
    )


@model
def wavtokenizer_decoder() -> bytes:
    own = sizes(features_length=16, attention__layer_norm_epsilon=1e-6, attention__group_norm_epsilon=1e-6)
    parts: dict[str, Value] = {"posnet.block_count": 2, "convnext.block_count": 1, "attention.head_count": 1}
    return build(entries("wavtokenizer-dec", own | parts, NO_VOCABULARY), [Tensor("token_embd.weight", (16, ROWS))])


@model
def eagle3_draft() -> bytes:
    return build(
        entries("eagle3", sizes(block_count=1), NO_VOCABULARY),
        [Tensor("blk.0.attn_q.weight", (64, WIDTH)), Tensor("d2t", (ROWS,), 26)],
    )


@model
def vocabulary_and_sizes() -> bytes:
    """What vocabulary-only files have, whether or not a loader could do with these keys."""
    return build(entries("command-r", sizes(), {"general.file_type": 0}))


@model
def first_of_two_shards() -> bytes:
    """A first shard: the second block and the output are in the other."""
    split = (
        Entry("split.no", Kind.U16, 0), Entry("split.count", Kind.U16, 2), Entry("split.tensors.count", Kind.I32, 21),
    )  # fmt: skip
    return build(
        [*entries("llama", sizes(), {**NO_VOCABULARY, "general.file_type": 2}), *split],
        around(llama_block(0), output=False),
    )


@model
def image_model_without_sizes() -> bytes:
    keys = entries("flux", {}, {"general.quantization_version": 2, "general.file_type": 2})
    return build(keys, [Tensor("double_blocks.0.img_attn.qkv.weight", (64, 192), 2), Tensor("img_in.weight", (64, 64))])


@model
def tensors_of_no_model() -> bytes:
    return build([entry("my_key", 1)], [Tensor("model.diffusion_model.input_blocks.0.weight", (32, 4))])


@model
def importance_matrix() -> bytes:
    keys: Keys = {"general.type": "imatrix", "imatrix.chunk_count": 10}
    sums = [Tensor("blk.0.attn_q.weight.in_sum2", (WIDTH, 1)), Tensor("blk.0.attn_q.weight.counts", (1, 1))]
    return build([entry(key, value) for key, value in keys.items()], sums)


@model
def control_vector() -> bytes:
    keys = entries("controlvector", {"model_hint": "llama", "layer_count": 2})
    return build(keys, [Tensor("direction.1", (WIDTH,))])


@model
def projector_of_tiles() -> bytes:
    return projector({"vision.image_grid_pinpoints": (336, 672, 672, 336)})


@model
def projector_of_any_size() -> bytes:
    own: Keys = {"projector_type": "qwen2.5vl_merger", "vision.image_size": 0, "vision.spatial_merge_size": 2}
    return projector({**own, "vision.image_min_pixels": 3136, "vision.image_max_pixels": 12_845_056})


@model
def projector_without_encoder() -> bytes:
    own: Keys = {"projector_type": "gemma4uv", "vision.block_count": 0, "vision.attention.head_count": 0}
    return projector({**own, "vision.feed_forward_length": 0})


@model
def projector_of_sound() -> bytes:
    own: Keys = {
        "has_audio_encoder": True, "projector_type": "ultravox", "audio.embedding_length": 64,
        "audio.feed_forward_length": 128, "audio.projection_dim": 32, "audio.block_count": 1, "audio.num_mel_bins": 128,
        "audio.attention.head_count": 4, "audio.attention.layer_norm_epsilon": 1e-5, "audio.projector.stack_factor": 8,
    }  # fmt: skip
    return build(entries("clip", own, {"general.type": "mmproj"}), [Tensor("mm.a.mlp.1.weight", (64, 32), 1)])
