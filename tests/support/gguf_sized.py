"""Models with the dimensions that published ones have, as files whose weights are a hole: a few kilobytes on disk.

The keys and tensors are those that llama.cpp's loader of the architecture asks for (``llama_model_*::load_arch_tensors``).
`SIZED` names every builder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from tests.support.gguf_files import Tensor, build
from tests.support.gguf_models import Value, entries

Shape: TypeAlias = tuple[int, ...]
Sized: TypeAlias = tuple[str, dict[str, Value], list[Tensor]]

SIZED: dict[str, Callable[[], Sized]] = {}

_F32, _F16, _Q4_K = 0, 1, 12
_SUPERBLOCK = 256


def sized(builder: Callable[[], Sized]) -> Callable[[], Sized]:
    SIZED[builder.__name__] = builder
    return builder


def write(name: str, folder: Path) -> Path:
    """The file of one of `SIZED`."""
    architecture, keys, tensors = SIZED[name]()
    path = folder / f"{name}.gguf"
    other: dict[str, Value] = {"tokenizer.ggml.model": "no_vocab", "tokenizer.ggml.token_type_count": 2}
    head = build(entries(architecture, keys, other), tensors, data=b"")
    path.write_bytes(head)
    with path.open("r+b") as file:
        file.truncate(len(head) + sum(-(-tensor.size_bytes // 32) * 32 for tensor in tensors))
    return path


def _tensor(name: str, shape: Shape) -> Tensor:
    """Vectors and what convolves are F32, matrices Q4_K where their rows allow it."""
    if len(shape) == 1 or "ssm_conv" in name or "shortconv.conv" in name or ".ssm_a" in name or ".ssm_d" in name:
        return Tensor(name, shape, _F32)
    return Tensor(name, shape, _F16 if shape[0] % _SUPERBLOCK else _Q4_K)


def _named(prefix: str, shapes: dict[str, Shape]) -> Iterable[Tensor]:
    """A name without a suffix is a weight's, one that ends with a colon is whole."""
    for name, shape in shapes.items():
        whole = name[:-1] if name.endswith(":") else name if name.endswith(".bias") else f"{name}.weight"
        yield _tensor(prefix + whole, shape)


def _whole(blocks: list[dict[str, Shape]], width: int, rows: int, *, tied: bool = False, **ends: Shape) -> list[Tensor]:
    around: dict[str, Shape] = {"token_embd": (width, rows), "output_norm": (width,)}
    if not tied:
        around["output"] = (width, rows)
    tensors = list(_named("", around | ends))
    for number, block in enumerate(blocks):
        tensors += _named(f"blk.{number}.", block)
    return tensors


def _sizes(layers: int, width: int, rows: int, hidden: int, context: int = 131072, **more: Value) -> dict[str, Value]:
    keys: dict[str, Value] = {
        "block_count": layers,
        "embedding_length": width,
        "vocab_size": rows,
        "feed_forward_length": hidden,
        "context_length": context,
        "attention.layer_norm_rms_epsilon": 1e-6,
    }
    return keys | {name.replace("__", "."): value for name, value in more.items()}


def _heads(count: int, shared: int, size: int | None = None) -> dict[str, Value]:
    keys: dict[str, Value] = {"attention.head_count": count, "attention.head_count_kv": shared}
    return keys | ({"attention.key_length": size, "attention.value_length": size} if size else {})


def _attention(width: int, queries: int, keys: int, values: int | None = None) -> dict[str, Shape]:
    return {
        "attn_q": (width, queries),
        "attn_k": (width, keys),
        "attn_v": (width, keys if values is None else values),
        "attn_output": (queries, width),
    }


def _gated(width: int, hidden: int) -> dict[str, Shape]:
    return {"ffn_gate": (width, hidden), "ffn_up": (width, hidden), "ffn_down": (hidden, width)}


def _experts(width: int, hidden: int, count: int) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {f"{name}_exps": (*shape, count) for name, shape in _gated(width, hidden).items()}
    return {"ffn_gate_inp": (width, count)} | shapes


def _norms(size: int, *names: str) -> dict[str, Shape]:
    return {name: (size,) for name in names}


_TWO = ("attn_norm", "ffn_norm")
_FOUR = (*_TWO, "post_attention_norm", "post_ffw_norm")


@sized
def llama_3_1_8b() -> Sized:
    keys = _sizes(32, 4096, 128256, 14336) | _heads(32, 8) | {"rope.dimension_count": 128}
    block = _norms(4096, *_TWO) | _attention(4096, 4096, 1024) | _gated(4096, 14336)
    return "llama", keys, _whole([block] * 32, 4096, 128256)


@sized
def qwen2_5_7b() -> Sized:
    keys = _sizes(28, 3584, 152064, 18944, 32768) | _heads(28, 4)
    biases: dict[str, Shape] = {"attn_q.bias": (3584,), "attn_k.bias": (512,), "attn_v.bias": (512,)}
    block = _norms(3584, *_TWO) | _attention(3584, 3584, 512) | biases | _gated(3584, 18944)
    return "qwen2", keys, _whole([block] * 28, 3584, 152064)


@sized
def qwen3_30b_a3b() -> Sized:
    keys = _sizes(48, 2048, 151936, 6144, 40960, expert_count=128, expert_used_count=8) | _heads(32, 4, 128)
    block = _norms(2048, *_TWO) | _norms(128, "attn_q_norm", "attn_k_norm") | _attention(2048, 4096, 512)
    keys["expert_feed_forward_length"] = 768
    return "qwen3moe", keys, _whole([block | _experts(2048, 768, 128)] * 48, 2048, 151936)


@sized
def gemma2_9b() -> Sized:
    keys = _sizes(42, 3584, 256000, 14336, 8192, attention__sliding_window=4096) | _heads(16, 8, 256)
    block = _norms(3584, *_FOUR) | _attention(3584, 4096, 2048) | _gated(3584, 14336)
    return "gemma2", keys, _whole([block] * 42, 3584, 256000, tied=True)


@sized
def gemma3_12b() -> Sized:
    keys = _sizes(48, 3840, 262208, 15360, attention__sliding_window=1024) | _heads(16, 8, 256)
    block = _norms(3840, *_FOUR) | _norms(256, "attn_q_norm", "attn_k_norm")
    block |= _attention(3840, 4096, 2048) | _gated(3840, 15360)
    return "gemma3", keys, _whole([block] * 48, 3840, 262208, tied=True)


@sized
def gemma3n_e2b() -> Sized:
    pattern: Value = tuple(number % 5 != 4 for number in range(30))
    keys = _sizes(30, 2048, 262144, 8192, 32768, attention__sliding_window=512) | _heads(8, 2, 256)
    keys["attention.sliding_window_pattern"] = pattern
    block = _norms(2048, *_FOUR, "post_norm", "altup_correct_scale", "altup_router_norm", "laurel_post_norm")
    block |= _norms(256, "attn_q_norm", "attn_k_norm") | _attention(2048, 2048, 512) | _gated(2048, 8192)
    block |= {"inp_gate": (2048, 256), "proj": (256, 2048), "altup_router": (2048, 4)}
    block |= {"altup_correct_coef": (4, 4), "altup_predict_coef": (4, 16), "laurel_l": (2048, 64), "laurel_r": (64, 2048)}
    ends: dict[str, Shape] = {"altup_proj": (2048, 2048, 3), "altup_unembd_proj": (2048, 2048, 3)}
    ends |= {"per_layer_token_embd": (256 * 30, 262144), "per_layer_model_proj": (2048, 256 * 30)}
    ends["per_layer_proj_norm"] = (256,)
    return "gemma3n", keys, _whole([block] * 30, 2048, 262144, tied=True, **ends)


@sized
def gemma4_e2b() -> Sized:
    pattern: Value = tuple(number % 5 != 4 for number in range(35))
    keys = _sizes(35, 1536, 262144, 6144, attention__sliding_window=512) | _heads(8, 1, 512)
    keys |= {"attention.key_length_swa": 256, "attention.value_length_swa": 256, "attention.shared_kv_layers": 20}
    keys |= {"attention.sliding_window_pattern": pattern, "embedding_length_per_layer_input": 256}
    blocks = []
    for number in range(35):
        size = 256 if number % 5 != 4 else 512
        block = _norms(1536, *_FOUR, "post_norm") | _norms(size, "attn_q_norm", "attn_k_norm")
        block |= _attention(1536, 8 * size, size) | _gated(1536, 6144)
        blocks.append(block | {"inp_gate": (1536, 256), "proj": (256, 1536)})
    ends: dict[str, Shape] = {"per_layer_token_embd": (256 * 35, 262144), "per_layer_model_proj": (1536, 256 * 35)}
    ends |= {"per_layer_proj_norm": (256,), "rope_freqs": (256,)}
    return "gemma4", keys, _whole(blocks, 1536, 262144, tied=True, **ends)


def _deepseek(*, latent: bool) -> Sized:
    keys = _sizes(27, 2048, 102400, 10944, 163840, leading_dense_block_count=1, expert_count=64, expert_used_count=6)
    keys |= {"expert_feed_forward_length": 1408, "expert_shared_count": 2, "rope.dimension_count": 64}
    keys |= {"attention.kv_lora_rank": 512, "attention.head_count": 16, "expert_weights_scale": 1.0}
    attention: dict[str, Shape] = _norms(2048, *_TWO) | {"attn_q": (2048, 3072), "attn_kv_a_norm": (512,)}
    attention |= {"attn_kv_a_mqa": (2048, 576), "attn_output": (2048, 2048)}
    if latent:
        keys |= {"attention.head_count_kv": 1, "attention.key_length": 576, "attention.value_length": 512}
        keys |= {"attention.key_length_mla": 192, "attention.value_length_mla": 128}
        attention |= {"attn_k_b": (128, 512, 16), "attn_v_b": (512, 128, 16)}
    else:
        keys |= {"attention.head_count_kv": 16, "attention.key_length": 192, "attention.value_length": 128}
        attention["attn_kv_b"] = (512, 16 * 256)
    shared = {f"{name}_shexp": shape for name, shape in _gated(2048, 2816).items()}
    mixed = attention | _experts(2048, 1408, 64) | shared
    return "deepseek2", keys, _whole([attention | _gated(2048, 10944), *[mixed] * 26], 2048, 102400)


@sized
def deepseek_v2_lite() -> Sized:
    return _deepseek(latent=True)


@sized
def deepseek_v2_lite_before_mla() -> Sized:
    return _deepseek(latent=False)


@sized
def phi3_mini() -> Sized:
    keys = _sizes(32, 3072, 32064, 8192, 4096, attention__sliding_window=2047) | _heads(32, 32)
    keys["rope.dimension_count"] = 96
    block: dict[str, Shape] = _norms(3072, *_TWO) | {"attn_qkv": (3072, 9216), "attn_output": (3072, 3072)}
    block |= {"ffn_up": (3072, 16384), "ffn_down": (8192, 3072)}
    return "phi3", keys, _whole([block] * 32, 3072, 32064)


@sized
def gpt_oss_20b() -> Sized:
    keys = _sizes(24, 2880, 201088, 2880, expert_count=32, expert_used_count=4) | _heads(64, 8, 64)
    keys |= {"attention.sliding_window": 128, "expert_feed_forward_length": 2880}
    biases: dict[str, Shape] = {"attn_q.bias": (4096,), "attn_k.bias": (512,), "attn_v.bias": (512,)}
    biases |= {"attn_output.bias": (2880,), "ffn_gate_inp.bias": (32,), "attn_sinks": (64,)}
    biases |= {f"ffn_{name}_exps.bias": (2880, 32) for name in ("gate", "up", "down")}
    block = _norms(2880, "attn_norm", "post_attention_norm") | _attention(2880, 4096, 512) | biases
    return "gpt-oss", keys, _whole([block | _experts(2880, 2880, 32)] * 24, 2880, 201088)


@sized
def cohere2_7b() -> Sized:
    keys = _sizes(32, 4096, 256000, 14336, 8192, attention__sliding_window=4096) | _heads(32, 8)
    keys |= {"attention.layer_norm_epsilon": 1e-5, "logit_scale": 0.25, "rope.dimension_count": 128}
    block = _norms(4096, "attn_norm") | _attention(4096, 4096, 1024) | _gated(4096, 14336)
    return "cohere2", keys, _whole([block] * 32, 4096, 256000, tied=True)


@sized
def llama4_scout() -> Sized:
    keys = _sizes(48, 5120, 202048, 16384, 10485760, expert_count=16, expert_used_count=1) | _heads(40, 8, 128)
    keys |= {"interleave_moe_layer_step": 1, "expert_feed_forward_length": 8192}
    shared = {f"{name}_shexp": shape for name, shape in _gated(5120, 8192).items()}
    block = _norms(5120, *_TWO) | _attention(5120, 5120, 1024) | _experts(5120, 8192, 16) | shared
    return "llama4", keys, _whole([block] * 48, 5120, 202048)


def _ssm(conv: int, inner: int, state: int, rank: int, groups: int | None = None) -> dict[str, Value]:
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
    keys = _sizes(64, 2560, 50280, 0, 1048576, attention__head_count=0) | _ssm(4, 5120, 16, 160)
    return "mamba", keys, _whole([_mamba(2560, 4, 16, 160)] * 64, 2560, 50280, tied=True)


@sized
def mamba2_2_7b() -> Sized:
    keys = _sizes(64, 2560, 50288, 0, 1048576, attention__head_count=0) | _ssm(4, 5120, 128, 80, 1)
    return "mamba2", keys, _whole([_mamba2(2560, 5120, 128, 80, 1)] * 64, 2560, 50288, tied=True)


@sized
def jamba_3b() -> Sized:
    shared = tuple(1 if number in (13, 27) else 0 for number in range(28))
    keys = _sizes(28, 2560, 65536, 8192, 262144) | _ssm(4, 5120, 16, 160)
    keys |= {"attention.head_count": 20, "attention.head_count_kv": shared}
    recurrent = _mamba(2560, 4, 16, 160) | _norms(16, "ssm_b_norm", "ssm_c_norm") | _norms(160, "ssm_dt_norm")
    attention = _norms(2560, "attn_norm") | _attention(2560, 2560, 128)
    rest = _norms(2560, "ffn_norm") | _gated(2560, 8192)
    return "jamba", keys, _whole([(attention if count else recurrent) | rest for count in shared], 2560, 65536)


@sized
def falcon_h1_1_5b() -> Sized:
    keys = _sizes(24, 2048, 65537, 4096) | _heads(8, 2, 128) | _ssm(4, 3072, 256, 48, 1)
    keys["rope.dimension_count"] = 128
    block = _mamba2(2048, 3072, 256, 48, 1) | _attention(2048, 1024, 256) | _gated(2048, 4096)
    return "falcon-h1", keys, _whole([block | _norms(2048, "ffn_norm:")] * 24, 2048, 65537)


@sized
def granite_4_h_tiny() -> Sized:
    shared = tuple(4 if number in (5, 15, 25, 35) else 0 for number in range(40))
    keys = _sizes(40, 1536, 100352, 512, 1048576, expert_count=64, expert_used_count=6) | _ssm(4, 3072, 128, 48, 1)
    keys |= {"attention.head_count": 12, "attention.head_count_kv": shared, "expert_shared_feed_forward_length": 1024}
    keys |= {"logit_scale": 6.0, "residual_scale": 0.22, "embedding_scale": 12.0, "attention.scale": 0.0078125}
    wide = {f"{name}_shexp": shape for name, shape in _gated(1536, 1024).items()}
    rest = _norms(1536, "ffn_norm") | _experts(1536, 512, 64) | wide
    recurrent, attention = _mamba2(1536, 3072, 128, 48, 1), _norms(1536, "attn_norm") | _attention(1536, 1536, 512)
    blocks = [(attention if count else recurrent) | rest for count in shared]
    return "granitehybrid", keys, _whole(blocks, 1536, 100352, tied=True)


@sized
def nemotron_h_8b() -> Sized:
    kinds = "M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-"
    keys = _sizes(len(kinds), 4096, 131072, 0, 8192) | _ssm(4, 8192, 128, 128, 8) | _heads(32, 8, 128)
    keys["attention.layer_norm_epsilon"] = 1e-5
    keys["attention.head_count_kv"] = tuple(8 if kind == "*" else 0 for kind in kinds)
    keys["feed_forward_length"] = tuple(21504 if kind == "-" else 0 for kind in kinds)
    norm = _norms(4096, "attn_norm")
    blocks = {"M": _mamba2(4096, 8192, 128, 128, 8), "*": norm | _attention(4096, 4096, 1024)}
    blocks["-"] = norm | {"ffn_up": (4096, 21504), "ffn_down": (21504, 4096)}
    return "nemotron_h", keys, _whole([blocks[kind] for kind in kinds], 4096, 131072)


@sized
def lfm2_1_2b() -> Sized:
    shared = tuple(8 if number in (2, 5, 8, 10, 12, 14) else 0 for number in range(16))
    keys = _sizes(16, 2048, 65536, 8192, 128000, shortconv__l_cache=3)
    keys |= {"attention.head_count": 32, "attention.head_count_kv": shared}
    attention = _attention(2048, 2048, 512) | _norms(64, "attn_q_norm", "attn_k_norm")
    recurrent: dict[str, Shape] = {"shortconv.conv": (3, 2048), "shortconv.in_proj": (2048, 6144)}
    recurrent["shortconv.out_proj"] = (2048, 2048)
    rest = _norms(2048, *_TWO) | _gated(2048, 8192)
    blocks = [(attention if count else recurrent) | rest for count in shared]
    around: list[Tensor] = [_tensor("token_embd.weight", (2048, 65536)), _tensor("token_embd_norm.weight", (2048,))]
    return "lfm2", keys, [*around, *_whole(blocks, 2048, 65536, tied=True)[2:]]


@sized
def qwen3_next_80b() -> Sized:
    keys = _sizes(48, 2048, 151936, 5120, 262144, expert_count=512, expert_used_count=10) | _heads(16, 2, 256)
    keys |= _ssm(4, 4096, 128, 32, 16) | {"expert_feed_forward_length": 512, "rope.dimension_count": 64}
    keys["expert_shared_feed_forward_length"] = 512
    attention = _attention(2048, 4096, 512) | {"attn_q": (2048, 8192)} | _norms(256, "attn_q_norm", "attn_k_norm")
    recurrent: dict[str, Shape] = {"attn_qkv": (2048, 8192), "attn_gate": (2048, 4096), "ssm_conv1d": (4, 8192)}
    recurrent |= {"ssm_dt.bias": (32,), "ssm_a:": (32,), "ssm_ba": (2048, 64), "ssm_norm": (128,)}
    recurrent["ssm_out"] = (4096, 2048)
    shared = {f"{name}_shexp": shape for name, shape in _gated(2048, 512).items()} | {"ffn_gate_inp_shexp": (2048,)}
    rest = _norms(2048, "attn_norm", "post_attention_norm") | _experts(2048, 512, 512) | shared
    blocks = [(recurrent if number % 4 != 3 else attention) | rest for number in range(48)]
    return "qwen3next", keys, _whole(blocks, 2048, 151936)


@sized
def rwkv6_1b6() -> Sized:
    keys = _sizes(24, 2048, 65536, 7168, 1048576, attention__head_count=0, wkv__head_size=64)
    keys |= {"attention.layer_norm_epsilon": 1e-5, "rescale_every_n_layers": 6}
    keys |= {"time_mix_extra_dim": 32, "time_decay_extra_dim": 64}
    block = _norms(2048, "attn_norm", "attn_norm_2", "time_mix_ln", "time_mix_decay")
    block |= {f"{name}.bias": (2048,) for name in ("attn_norm", "attn_norm_2", "time_mix_ln")}
    block |= {f"time_mix_lerp_{letter}": (2048, 1, 1) for letter in "xwkvrg"}
    block |= {f"channel_mix_lerp_{letter}": (2048, 1, 1) for letter in "kr"}
    block |= {"time_mix_w1": (2048, 160), "time_mix_w2": (32, 2048, 5), "time_mix_first": (64, 32)}
    block |= {"time_mix_decay_w1": (2048, 64), "time_mix_decay_w2": (64, 2048)}
    square = ("time_mix_key", "time_mix_value", "time_mix_receptance", "time_mix_gate", "time_mix_output")
    block |= dict.fromkeys((*square, "channel_mix_receptance"), (2048, 2048))
    block |= {"channel_mix_key": (2048, 7168), "channel_mix_value": (7168, 2048)}
    ends: dict[str, Shape] = {"token_embd_norm": (2048,), "token_embd_norm.bias": (2048,), "output_norm.bias": (2048,)}
    return "rwkv6", keys, _whole([block] * 24, 2048, 65536, **ends)


@sized
def bge_large() -> Sized:
    keys = _sizes(24, 1024, 30522, 4096, 512, attention__causal=False, pooling_type=2) | _heads(16, 16)
    keys |= {"attention.layer_norm_epsilon": 1e-12}
    block = _attention(1024, 1024, 1024) | _norms(1024, "attn_output_norm", "layer_output_norm")
    block |= {"ffn_up": (1024, 4096), "ffn_down": (4096, 1024), "ffn_up.bias": (4096,), "ffn_down.bias": (1024,)}
    block |= {f"{name}.bias": (1024,) for name in ("attn_q", "attn_k", "attn_v", "attn_output")}
    block |= {f"{name}.bias": (1024,) for name in ("attn_output_norm", "layer_output_norm")}
    ends: dict[str, Shape] = {"token_types": (1024, 2), "position_embd": (1024, 512)}
    ends |= {"token_embd_norm": (1024,), "token_embd_norm.bias": (1024,)}
    tensors = _whole([block] * 24, 1024, 30522, tied=True, **ends)
    return "bert", keys, [tensor for tensor in tensors if tensor.name != "output_norm.weight"]
