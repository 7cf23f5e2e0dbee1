"""Models that recur, or do and attend, with the dimensions of published ones; one that loops, and one without a cache.

`SIZED` names every builder, those of `gguf_sized` among them; `write` makes the file of any.
"""

from __future__ import annotations

from tests.support.gguf_files import Tensor
from tests.support.gguf_models import Value
from tests.support.gguf_sized import (
    SIZED,
    TWO,
    Shape,
    Sized,
    attention,
    experts,
    gated,
    heads,
    norms,
    sized,
    sizes,
    tensor,
    whole,
    write,
)

__all__ = ["SIZED", "write"]


def _scan(conv: int, inner: int, state: int, rank: int, groups: int | None = None) -> dict[str, Value]:
    keys: dict[str, Value] = {"ssm.conv_kernel": conv, "ssm.inner_size": inner, "ssm.state_size": state}
    return keys | {"ssm.time_step_rank": rank} | ({} if groups is None else {"ssm.group_count": groups})


def _mamba(width: int, conv: int, state: int, rank: int) -> dict[str, Shape]:
    inner = 2 * width
    return {
        "attn_norm": (width,), "ssm_in": (width, 2 * inner), "ssm_conv1d": (conv, inner), "ssm_conv1d.bias": (inner,),
        "ssm_x": (inner, rank + 2 * state), "ssm_dt": (rank, inner), "ssm_dt.bias": (inner,),
        "ssm_a:": (state, inner), "ssm_d:": (inner,), "ssm_out": (inner, width),
    }  # fmt: skip


def _mamba2(width: int, inner: int, state: int, heads: int, groups: int) -> dict[str, Shape]:
    wide = inner + 2 * groups * state
    return {
        "attn_norm": (width,), "ssm_in": (width, inner + wide + heads), "ssm_conv1d": (4, wide),
        "ssm_conv1d.bias": (wide,), "ssm_dt.bias": (heads,), "ssm_a:": (1, heads), "ssm_d:": (1, heads),
        "ssm_norm": (inner // groups, groups), "ssm_out": (inner, width),
    }  # fmt: skip


@sized
def mamba_2_8b() -> Sized:
    keys = sizes(64, 2560, 50280, 0, 1048576, attention__head_count=0) | _scan(4, 5120, 16, 160)
    return "mamba", keys, whole([_mamba(2560, 4, 16, 160)] * 64, 2560, 50280, tied=True)


@sized
def mamba2_2_7b() -> Sized:
    keys = sizes(64, 2560, 50288, 0, 1048576, attention__head_count=0) | _scan(4, 5120, 128, 80, 1)
    return "mamba2", keys, whole([_mamba2(2560, 5120, 128, 80, 1)] * 64, 2560, 50288, tied=True)


@sized
def jamba_3b() -> Sized:
    shared = tuple(1 if number in (13, 27) else 0 for number in range(28))
    keys = sizes(28, 2560, 65536, 8192, 262144) | _scan(4, 5120, 16, 160)
    keys |= {"attention.head_count": 20, "attention.head_count_kv": shared}
    recurrent = _mamba(2560, 4, 16, 160) | norms(16, "ssm_b_norm", "ssm_c_norm") | norms(160, "ssm_dt_norm")
    attends = norms(2560, "attn_norm") | attention(2560, 2560, 128)
    rest = norms(2560, "ffn_norm") | gated(2560, 8192)
    return "jamba", keys, whole([(attends if count else recurrent) | rest for count in shared], 2560, 65536)


@sized
def falcon_h1_1_5b() -> Sized:
    keys = sizes(24, 2048, 65537, 4096) | heads(8, 2, 128) | _scan(4, 3072, 256, 48, 1)
    keys["rope.dimension_count"] = 128
    block = _mamba2(2048, 3072, 256, 48, 1) | attention(2048, 1024, 256) | gated(2048, 4096)
    return "falcon-h1", keys, whole([block | norms(2048, "ffn_norm:")] * 24, 2048, 65537)


@sized
def granite_4_h_tiny() -> Sized:
    shared = tuple(4 if number in (5, 15, 25, 35) else 0 for number in range(40))
    keys = sizes(40, 1536, 100352, 512, 1048576, expert_count=64, expert_used_count=6) | _scan(4, 3072, 128, 48, 1)
    keys |= {"attention.head_count": 12, "attention.head_count_kv": shared, "expert_shared_feed_forward_length": 1024}
    keys |= {"logit_scale": 6.0, "residual_scale": 0.22, "embedding_scale": 12.0, "attention.scale": 0.0078125}
    wide = {f"{name}_shexp": shape for name, shape in gated(1536, 1024).items()}
    rest = norms(1536, "ffn_norm") | experts(1536, 512, 64) | wide
    recurrent, attends = _mamba2(1536, 3072, 128, 48, 1), norms(1536, "attn_norm") | attention(1536, 1536, 512)
    blocks = [(attends if count else recurrent) | rest for count in shared]
    return "granitehybrid", keys, whole(blocks, 1536, 100352, tied=True)


@sized
def nemotron_h_8b() -> Sized:
    kinds = "M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-"
    keys = sizes(len(kinds), 4096, 131072, 0, 8192) | _scan(4, 8192, 128, 128, 8) | heads(32, 8, 128)
    keys["attention.layer_norm_epsilon"] = 1e-5
    keys["attention.head_count_kv"] = tuple(8 if kind == "*" else 0 for kind in kinds)
    keys["feed_forward_length"] = tuple(21504 if kind == "-" else 0 for kind in kinds)
    norm = norms(4096, "attn_norm")
    blocks = {"M": _mamba2(4096, 8192, 128, 128, 8), "*": norm | attention(4096, 4096, 1024)}
    blocks["-"] = norm | {"ffn_up": (4096, 21504), "ffn_down": (21504, 4096)}
    return "nemotron_h", keys, whole([blocks[kind] for kind in kinds], 4096, 131072)


@sized
def lfm2_1_2b() -> Sized:
    shared = tuple(8 if number in (2, 5, 8, 10, 12, 14) else 0 for number in range(16))
    keys = sizes(16, 2048, 65536, 8192, 128000, shortconv__l_cache=3)
    keys |= {"attention.head_count": 32, "attention.head_count_kv": shared}
    attends = attention(2048, 2048, 512) | norms(64, "attn_q_norm", "attn_k_norm")
    recurrent: dict[str, Shape] = {"shortconv.conv": (3, 2048), "shortconv.in_proj": (2048, 6144)}
    recurrent["shortconv.out_proj"] = (2048, 2048)
    rest = norms(2048, *TWO) | gated(2048, 8192)
    blocks = [(attends if count else recurrent) | rest for count in shared]
    around: list[Tensor] = [tensor("token_embd.weight", (2048, 65536)), tensor("token_embd_norm.weight", (2048,))]
    return "lfm2", keys, [*around, *whole(blocks, 2048, 65536, tied=True)[2:]]


@sized
def lfm2_1_2b_with_a_window() -> Sized:
    architecture, keys, tensors = lfm2_1_2b()
    return architecture, keys | {"attention.sliding_window": 1024}, tensors


@sized
def nanbeige_looped() -> Sized:
    """Its layers run twice, each time with a cache of their own."""
    keys = sizes(16, 2560, 166144, 10496, 65536, num_loops=2) | heads(20, 4, 128)
    block = norms(2560, *TWO) | attention(2560, 2560, 512) | gated(2560, 10496)
    return "nanbeige", keys, whole([block] * 16, 2560, 166144)


@sized
def qwen3_next_80b() -> Sized:
    keys = sizes(48, 2048, 151936, 5120, 262144, expert_count=512, expert_used_count=10) | heads(16, 2, 256)
    keys |= _scan(4, 4096, 128, 32, 16) | {"expert_feed_forward_length": 512, "rope.dimension_count": 64}
    keys["expert_shared_feed_forward_length"] = 512
    attends = attention(2048, 4096, 512) | {"attn_q": (2048, 8192)} | norms(256, "attn_q_norm", "attn_k_norm")
    recurrent: dict[str, Shape] = {"attn_qkv": (2048, 8192), "attn_gate": (2048, 4096), "ssm_conv1d": (4, 8192)}
    recurrent |= {"ssm_dt.bias": (32,), "ssm_a:": (32,), "ssm_ba": (2048, 64), "ssm_norm": (128,)}
    recurrent["ssm_out"] = (4096, 2048)
    shared = {f"{name}_shexp": shape for name, shape in gated(2048, 512).items()} | {"ffn_gate_inp_shexp": (2048,)}
    rest = norms(2048, "attn_norm", "post_attention_norm") | experts(2048, 512, 512) | shared
    blocks = [(recurrent if number % 4 != 3 else attends) | rest for number in range(48)]
    return "qwen3next", keys, whole(blocks, 2048, 151936)


@sized
def rwkv6_1b6() -> Sized:
    keys = sizes(24, 2048, 65536, 7168, 1048576, attention__head_count=0, wkv__head_size=64)
    keys |= {"attention.layer_norm_epsilon": 1e-5, "rescale_every_n_layers": 6}
    keys |= {"time_mix_extra_dim": 32, "time_decay_extra_dim": 64}
    block = norms(2048, "attn_norm", "attn_norm_2", "time_mix_ln", "time_mix_decay")
    block |= {f"{name}.bias": (2048,) for name in ("attn_norm", "attn_norm_2", "time_mix_ln")}
    block |= {f"time_mix_lerp_{letter}": (2048, 1, 1) for letter in "xwkvrg"}
    block |= {f"channel_mix_lerp_{letter}": (2048, 1, 1) for letter in "kr"}
    block |= {"time_mix_w1": (2048, 160), "time_mix_w2": (32, 2048, 5), "time_mix_first": (64, 32)}
    block |= {"time_mix_decay_w1": (2048, 64), "time_mix_decay_w2": (64, 2048)}
    square = ("time_mix_key", "time_mix_value", "time_mix_receptance", "time_mix_gate", "time_mix_output")
    block |= dict.fromkeys((*square, "channel_mix_receptance"), (2048, 2048))
    block |= {"channel_mix_key": (2048, 7168), "channel_mix_value": (7168, 2048)}
    ends: dict[str, Shape] = {"token_embd_norm": (2048,), "token_embd_norm.bias": (2048,), "output_norm.bias": (2048,)}
    return "rwkv6", keys, whole([block] * 24, 2048, 65536, ends=ends)


@sized
def bge_large() -> Sized:
    keys = sizes(24, 1024, 30522, 4096, 512, attention__causal=False, pooling_type=2) | heads(16, 16)
    keys |= {"attention.layer_norm_epsilon": 1e-12}
    block = attention(1024, 1024, 1024) | norms(1024, "attn_output_norm", "layer_output_norm")
    block |= {"ffn_up": (1024, 4096), "ffn_down": (4096, 1024), "ffn_up.bias": (4096,), "ffn_down.bias": (1024,)}
    block |= {f"{name}.bias": (1024,) for name in ("attn_q", "attn_k", "attn_v", "attn_output")}
    block |= {f"{name}.bias": (1024,) for name in ("attn_output_norm", "layer_output_norm")}
    ends: dict[str, Shape] = {"token_types": (1024, 2), "position_embd": (1024, 512)}
    ends |= {"token_embd_norm": (1024,), "token_embd_norm.bias": (1024,)}
    tensors = whole([block] * 24, 1024, 30522, tied=True, ends=ends)
    return "bert", keys, [tensor for tensor in tensors if tensor.name != "output_norm.weight"]


@sized
def qwen3_5_9b() -> Sized:
    keys = sizes(32, 4096, 248320, 12288, 262144) | heads(16, 4, 256) | _scan(4, 4096, 128, 32, 16)
    keys |= {"rope.dimension_count": 64, "rope.dimension_sections": (11, 11, 10, 0), "full_attention_interval": 4}
    attends = attention(4096, 4096, 1024) | {"attn_q": (4096, 8192)} | norms(256, "attn_q_norm", "attn_k_norm")
    recurrent: dict[str, Shape] = {"attn_qkv": (4096, 8192), "attn_gate": (4096, 4096), "ssm_conv1d": (4, 8192)}
    recurrent |= {"ssm_dt.bias": (32,), "ssm_a:": (32,), "ssm_beta": (4096, 32), "ssm_alpha": (4096, 32)}
    recurrent |= {"ssm_norm": (128,), "ssm_out": (4096, 4096)}
    rest = norms(4096, "attn_norm", "post_attention_norm") | gated(4096, 12288)
    blocks = [(recurrent if number % 4 != 3 else attends) | rest for number in range(32)]
    return "qwen35", keys, whole(blocks, 4096, 248320)


@sized
def qwen3_5_9b_with_a_further_token() -> Sized:
    """The layer that predicts it is not loaded, and has no cache."""
    architecture, keys, tensors = qwen3_5_9b()
    last = attention(4096, 4096, 1024) | {"attn_q": (4096, 8192)} | norms(256, "attn_q_norm", "attn_k_norm")
    last |= norms(4096, "attn_norm", "post_attention_norm", "nextn.enorm", "nextn.hnorm") | gated(4096, 12288)
    added = [tensor(f"blk.32.{name}.weight", shape) for name, shape in (last | {"nextn.eh_proj": (8192, 4096)}).items()]
    return architecture, keys | {"block_count": 33, "nextn_predict_layers": 1}, [*tensors, *added]


@sized
def kimi_linear_48b() -> Sized:
    shared = tuple(1 if number % 4 == 3 or number == 26 else 0 for number in range(27))
    keys = sizes(27, 2304, 163840, 9216, 1048576, expert_count=256, expert_used_count=8, ssm__conv_kernel=4)
    keys |= {"attention.head_count": 32, "attention.head_count_kv": shared, "kda.head_dim": 128}
    keys |= {"attention.key_length": 576, "attention.value_length": 512, "attention.kv_lora_rank": 512}
    keys |= {"attention.key_length_mla": 192, "attention.value_length_mla": 128, "rope.dimension_count": 64}
    keys |= {"expert_feed_forward_length": 1024, "expert_shared_count": 1, "leading_dense_block_count": 1}
    keys["expert_gating_func"] = 2
    attends: dict[str, Shape] = {"attn_q": (2304, 6144), "attn_kv_a_norm": (512,), "attn_kv_a_mqa": (2304, 576)}
    attends |= {"attn_k_b": (128, 512, 32), "attn_v_b": (512, 128, 32), "attn_output": (4096, 2304)}
    recurrent = attention(2304, 4096, 4096) | {"ssm_beta": (2304, 32), "ssm_a:": (1, 32), "ssm_dt.bias": (4096,)}
    recurrent |= {f"ssm_conv1d_{letter}": (4, 1, 4096) for letter in "qkv"} | {"ssm_norm": (128,)}
    for part in "fg":
        recurrent |= {f"ssm_{part}_a": (2304, 128), f"ssm_{part}_b": (128, 4096)}
    wide = {f"{name}_shexp": shape for name, shape in gated(2304, 1024).items()}
    mixed = experts(2304, 1024, 256) | wide | {"exp_probs_b.bias": (256,)}
    layers = [(attends if count else recurrent) | norms(2304, *TWO) for count in shared]
    blocks = [layers[0] | gated(2304, 9216), *(layer | mixed for layer in layers[1:])]
    return "kimi-linear", keys, whole(blocks, 2304, 163840)


@sized
def rwkv7_1b5() -> Sized:
    keys = sizes(24, 2048, 65536, 8192, 1048576, attention__head_count=0, wkv__head_size=64)
    keys |= {"attention.layer_norm_epsilon": 1e-5, "attention.decay_lora_rank": 96, "attention.iclr_lora_rank": 96}
    keys |= {"attention.value_residual_mix_lora_rank": 64, "attention.gate_lora_rank": 256}
    block = norms(2048, "attn_norm", "attn_norm_2", "time_mix_ln", "time_mix_w0", "time_mix_a0", "time_mix_v0")
    block |= norms(2048, "time_mix_k_k", "time_mix_k_a", "time_mix_r_k") | {"channel_mix_lerp_k": (2048, 1, 1)}
    block |= {f"{name}.bias": (2048,) for name in ("attn_norm", "attn_norm_2", "time_mix_ln")}
    ranks = {"w": 96, "a": 96, "v": 64, "g": 256}
    block |= {f"time_mix_{letter}1": (2048, rank) for letter, rank in ranks.items()}
    block |= {f"time_mix_{letter}2": (rank, 2048) for letter, rank in ranks.items()}
    square = ("time_mix_key", "time_mix_value", "time_mix_receptance", "time_mix_output")
    block |= dict.fromkeys(square, (2048, 2048)) | {"time_mix_lerp_fused": (2048, 1, 1, 6)}
    block |= {"channel_mix_key": (2048, 8192), "channel_mix_value": (8192, 2048)}
    first = block | {"time_mix_v1": (2048, 96), "time_mix_v2": (96, 2048)}
    ends: dict[str, Shape] = {"token_embd_norm": (2048,), "token_embd_norm.bias": (2048,), "output_norm.bias": (2048,)}
    return "rwkv7", keys, whole([first, *[block] * 23], 2048, 65536, ends=ends)
