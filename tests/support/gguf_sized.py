"""Models with the dimensions that published ones have, as files whose weights are a hole: a few kilobytes on disk.

The keys and tensors are those that llama.cpp's loader of each architecture asks for (``load_arch_tensors``). `SIZED`
names every builder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from kandil._core import Header
from tests.support.gguf_files import Tensor, build
from tests.support.gguf_models import Value, entries

Shape: TypeAlias = tuple[int, ...]
Headers: TypeAlias = Callable[[str], Header]
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


def tensor(name: str, shape: Shape) -> Tensor:
    """Vectors and what convolves are F32, matrices Q4_K where their rows allow it."""
    if len(shape) == 1 or "ssm_conv" in name or "shortconv.conv" in name or ".ssm_a" in name or ".ssm_d" in name:
        return Tensor(name, shape, _F32)
    return Tensor(name, shape, _F16 if shape[0] % _SUPERBLOCK else _Q4_K)


def _named(prefix: str, shapes: dict[str, Shape]) -> Iterable[Tensor]:
    """A name without a suffix is a weight's, one that ends with a colon is whole."""
    for name, shape in shapes.items():
        whole = name[:-1] if name.endswith(":") else name if name.endswith(".bias") else f"{name}.weight"
        yield tensor(prefix + whole, shape)


def whole(
    blocks: list[dict[str, Shape]], width: int, rows: int, *, tied: bool = False, ends: dict[str, Shape] | None = None
) -> list[Tensor]:
    """The tensors of a model; `tied`: the embedding is the output too. `ends` are those beside embedding and output."""
    around: dict[str, Shape] = {"token_embd": (width, rows), "output_norm": (width,)}
    if not tied:
        around["output"] = (width, rows)
    tensors = list(_named("", around | (ends or {})))
    for number, block in enumerate(blocks):
        tensors += _named(f"blk.{number}.", block)
    return tensors


def sizes(layers: int, width: int, rows: int, hidden: int, context: int = 131072, **more: Value) -> dict[str, Value]:
    keys: dict[str, Value] = {
        "block_count": layers,
        "embedding_length": width,
        "vocab_size": rows,
        "feed_forward_length": hidden,
        "context_length": context,
        "attention.layer_norm_rms_epsilon": 1e-6,
    }
    return keys | {name.replace("__", "."): value for name, value in more.items()}


def heads(count: int, shared: int, size: int | None = None) -> dict[str, Value]:
    keys: dict[str, Value] = {"attention.head_count": count, "attention.head_count_kv": shared}
    return keys | ({"attention.key_length": size, "attention.value_length": size} if size else {})


def attention(width: int, queries: int, keys: int, values: int | None = None) -> dict[str, Shape]:
    return {
        "attn_q": (width, queries),
        "attn_k": (width, keys),
        "attn_v": (width, keys if values is None else values),
        "attn_output": (queries, width),
    }


def gated(width: int, hidden: int) -> dict[str, Shape]:
    return {"ffn_gate": (width, hidden), "ffn_up": (width, hidden), "ffn_down": (hidden, width)}


def experts(width: int, hidden: int, count: int) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {f"{name}_exps": (*shape, count) for name, shape in gated(width, hidden).items()}
    return {"ffn_gate_inp": (width, count)} | shapes


def norms(size: int, *names: str) -> dict[str, Shape]:
    return dict.fromkeys(names, (size,))


TWO = ("attn_norm", "ffn_norm")
FOUR = (*TWO, "post_attention_norm", "post_ffw_norm")


@sized
def llama_3_1_8b() -> Sized:
    keys = sizes(32, 4096, 128256, 14336) | heads(32, 8) | {"rope.dimension_count": 128}
    block = norms(4096, *TWO) | attention(4096, 4096, 1024) | gated(4096, 14336)
    return "llama", keys, whole([block] * 32, 4096, 128256)


@sized
def qwen2_5_7b() -> Sized:
    keys = sizes(28, 3584, 152064, 18944, 32768) | heads(28, 4)
    biases: dict[str, Shape] = {"attn_q.bias": (3584,), "attn_k.bias": (512,), "attn_v.bias": (512,)}
    block = norms(3584, *TWO) | attention(3584, 3584, 512) | biases | gated(3584, 18944)
    return "qwen2", keys, whole([block] * 28, 3584, 152064)


@sized
def qwen3_30b_a3b() -> Sized:
    keys = sizes(48, 2048, 151936, 6144, 40960, expert_count=128, expert_used_count=8) | heads(32, 4, 128)
    block = norms(2048, *TWO) | norms(128, "attn_q_norm", "attn_k_norm") | attention(2048, 4096, 512)
    keys["expert_feed_forward_length"] = 768
    return "qwen3moe", keys, whole([block | experts(2048, 768, 128)] * 48, 2048, 151936)


@sized
def gemma2_9b() -> Sized:
    keys = sizes(42, 3584, 256000, 14336, 8192, attention__sliding_window=4096) | heads(16, 8, 256)
    block = norms(3584, *FOUR) | attention(3584, 4096, 2048) | gated(3584, 14336)
    return "gemma2", keys, whole([block] * 42, 3584, 256000, tied=True)


@sized
def gemma3_12b() -> Sized:
    keys = sizes(48, 3840, 262208, 15360, attention__sliding_window=1024) | heads(16, 8, 256)
    block = norms(3840, *FOUR) | norms(256, "attn_q_norm", "attn_k_norm")
    block |= attention(3840, 4096, 2048) | gated(3840, 15360)
    return "gemma3", keys, whole([block] * 48, 3840, 262208, tied=True)


@sized
def gemma3n_e2b() -> Sized:
    pattern: Value = tuple(number % 5 != 4 for number in range(30))
    keys = sizes(30, 2048, 262144, 8192, 32768, attention__sliding_window=512) | heads(8, 2, 256)
    keys["attention.sliding_window_pattern"] = pattern
    block = norms(2048, *FOUR, "post_norm", "altup_correct_scale", "altup_router_norm", "laurel_post_norm")
    block |= norms(256, "attn_q_norm", "attn_k_norm") | attention(2048, 2048, 512) | gated(2048, 8192)
    block |= {"inp_gate": (2048, 256), "proj": (256, 2048), "altup_router": (2048, 4)}
    block |= {
        "altup_correct_coef": (4, 4),
        "altup_predict_coef": (4, 16),
        "laurel_l": (2048, 64),
        "laurel_r": (64, 2048),
    }
    ends: dict[str, Shape] = {"altup_proj": (2048, 2048, 3), "altup_unembd_proj": (2048, 2048, 3)}
    ends |= {"per_layer_token_embd": (256 * 30, 262144), "per_layer_model_proj": (2048, 256 * 30)}
    ends["per_layer_proj_norm"] = (256,)
    return "gemma3n", keys, whole([block] * 30, 2048, 262144, tied=True, ends=ends)


@sized
def gemma4_e2b() -> Sized:
    pattern: Value = tuple(number % 5 != 4 for number in range(35))
    keys = sizes(35, 1536, 262144, 6144, attention__sliding_window=512) | heads(8, 1, 512)
    keys |= {"attention.key_length_swa": 256, "attention.value_length_swa": 256, "attention.shared_kv_layers": 20}
    keys |= {"attention.sliding_window_pattern": pattern, "embedding_length_per_layer_input": 256}
    blocks = []
    for number in range(35):
        size = 256 if number % 5 != 4 else 512
        block = norms(1536, *FOUR, "post_norm") | norms(size, "attn_q_norm", "attn_k_norm")
        block |= attention(1536, 8 * size, size) | gated(1536, 6144)
        blocks.append(block | {"inp_gate": (1536, 256), "proj": (256, 1536)})
    ends: dict[str, Shape] = {"per_layer_token_embd": (256 * 35, 262144), "per_layer_model_proj": (1536, 256 * 35)}
    ends |= {"per_layer_proj_norm": (256,), "rope_freqs": (256,)}
    return "gemma4", keys, whole(blocks, 1536, 262144, tied=True, ends=ends)


def _deepseek(*, latent: bool) -> Sized:
    keys = sizes(27, 2048, 102400, 10944, 163840, leading_dense_block_count=1, expert_count=64, expert_used_count=6)
    keys |= {"expert_feed_forward_length": 1408, "expert_shared_count": 2, "rope.dimension_count": 64}
    keys |= {"attention.kv_lora_rank": 512, "attention.head_count": 16, "expert_weights_scale": 1.0}
    attends: dict[str, Shape] = norms(2048, *TWO) | {"attn_q": (2048, 3072), "attn_kv_a_norm": (512,)}
    attends |= {"attn_kv_a_mqa": (2048, 576), "attn_output": (2048, 2048)}
    if latent:
        keys |= {"attention.head_count_kv": 1, "attention.key_length": 576, "attention.value_length": 512}
        keys |= {"attention.key_length_mla": 192, "attention.value_length_mla": 128}
        attends |= {"attn_k_b": (128, 512, 16), "attn_v_b": (512, 128, 16)}
    else:
        keys |= {"attention.head_count_kv": 16, "attention.key_length": 192, "attention.value_length": 128}
        attends["attn_kv_b"] = (512, 16 * 256)
    shared = {f"{name}_shexp": shape for name, shape in gated(2048, 2816).items()}
    mixed = attends | experts(2048, 1408, 64) | shared
    return "deepseek2", keys, whole([attends | gated(2048, 10944), *[mixed] * 26], 2048, 102400)


@sized
def deepseek_v2_lite() -> Sized:
    return _deepseek(latent=True)


@sized
def deepseek_v2_lite_before_mla() -> Sized:
    return _deepseek(latent=False)


@sized
def deepseek_v3() -> Sized:
    keys = sizes(61, 7168, 129280, 18432, 163840, leading_dense_block_count=3, expert_count=256, expert_used_count=8)
    keys |= {"expert_feed_forward_length": 2048, "expert_shared_count": 1, "expert_gating_func": 2}
    keys |= {"attention.head_count": 128, "attention.head_count_kv": 1, "attention.q_lora_rank": 1536}
    keys |= {"attention.kv_lora_rank": 512, "attention.key_length": 576, "attention.value_length": 512}
    keys |= {"attention.key_length_mla": 192, "attention.value_length_mla": 128, "rope.dimension_count": 64}
    attends: dict[str, Shape] = norms(7168, *TWO) | {"attn_q_a_norm": (1536,), "attn_kv_a_norm": (512,)}
    attends |= {"attn_q_a": (7168, 1536), "attn_q_b": (1536, 24576), "attn_kv_a_mqa": (7168, 576)}
    attends |= {"attn_k_b": (128, 512, 128), "attn_v_b": (512, 128, 128), "attn_output": (16384, 7168)}
    shared = {f"{name}_shexp": shape for name, shape in gated(7168, 2048).items()}
    mixed = attends | experts(7168, 2048, 256) | shared | {"exp_probs_b.bias": (256,)}
    return "deepseek2", keys, whole([*[attends | gated(7168, 18432)] * 3, *[mixed] * 58], 7168, 129280)


@sized
def phi3_mini() -> Sized:
    keys = sizes(32, 3072, 32064, 8192, 4096, attention__sliding_window=2047) | heads(32, 32)
    keys["rope.dimension_count"] = 96
    block: dict[str, Shape] = norms(3072, *TWO) | {"attn_qkv": (3072, 9216), "attn_output": (3072, 3072)}
    block |= {"ffn_up": (3072, 16384), "ffn_down": (8192, 3072)}
    return "phi3", keys, whole([block] * 32, 3072, 32064)


@sized
def gpt_oss_20b() -> Sized:
    keys = sizes(24, 2880, 201088, 2880, expert_count=32, expert_used_count=4) | heads(64, 8, 64)
    keys |= {"attention.sliding_window": 128, "expert_feed_forward_length": 2880}
    biases: dict[str, Shape] = {"attn_q.bias": (4096,), "attn_k.bias": (512,), "attn_v.bias": (512,)}
    biases |= {"attn_output.bias": (2880,), "ffn_gate_inp.bias": (32,), "attn_sinks": (64,)}
    biases |= {f"ffn_{name}_exps.bias": (2880, 32) for name in ("gate", "up", "down")}
    block = norms(2880, "attn_norm", "post_attention_norm") | attention(2880, 4096, 512) | biases
    return "gpt-oss", keys, whole([block | experts(2880, 2880, 32)] * 24, 2880, 201088)


@sized
def cohere2_7b() -> Sized:
    keys = sizes(32, 4096, 256000, 14336, 8192, attention__sliding_window=4096) | heads(32, 8)
    keys |= {"attention.layer_norm_epsilon": 1e-5, "logit_scale": 0.25, "rope.dimension_count": 128}
    block = norms(4096, "attn_norm") | attention(4096, 4096, 1024) | gated(4096, 14336)
    return "cohere2", keys, whole([block] * 32, 4096, 256000, tied=True)


@sized
def llama4_scout() -> Sized:
    keys = sizes(48, 5120, 202048, 16384, 10485760, expert_count=16, expert_used_count=1) | heads(40, 8, 128)
    keys |= {"interleave_moe_layer_step": 1, "expert_feed_forward_length": 8192}
    shared = {f"{name}_shexp": shape for name, shape in gated(5120, 8192).items()}
    block = norms(5120, *TWO) | attention(5120, 5120, 1024) | experts(5120, 8192, 16) | shared
    return "llama4", keys, whole([block] * 48, 5120, 202048)


@sized
def olmo2_32b() -> Sized:
    keys = sizes(64, 5120, 100352, 27648, 65536, attention__sliding_window=4096) | heads(40, 8)
    block = norms(5120, "attn_q_norm", "post_attention_norm", "post_ffw_norm") | norms(1024, "attn_k_norm")
    return "olmo2", keys, whole([block | attention(5120, 5120, 1024) | gated(5120, 27648)] * 64, 5120, 100352)


@sized
def exaone4_32b() -> Sized:
    keys = sizes(64, 5120, 102400, 27392) | heads(40, 8, 128)
    block = norms(5120, "post_attention_norm", "post_ffw_norm") | norms(128, "attn_q_norm", "attn_k_norm")
    return "exaone4", keys, whole([block | attention(5120, 5120, 1024) | gated(5120, 27392)] * 64, 5120, 102400)


@sized
def smallthinker_21b() -> Sized:
    keys = sizes(52, 2560, 151936, 768, 16384, expert_count=64, expert_used_count=6) | heads(28, 4, 128)
    keys |= {"attention.sliding_window": 4096, "expert_feed_forward_length": 768, "expert_gating_func": 2}
    block = norms(2560, *TWO) | attention(2560, 3584, 512) | experts(2560, 768, 64)
    return "smallthinker", keys, whole([block] * 52, 2560, 151936)


@sized
def glm_4_5_air() -> Sized:
    """Its last layer predicts a further token, and is not loaded."""
    keys = sizes(47, 4096, 151552, 10944, expert_count=128, expert_used_count=8) | heads(96, 8, 128)
    keys |= {"expert_feed_forward_length": 1408, "expert_shared_count": 1, "leading_dense_block_count": 1}
    keys |= {"nextn_predict_layers": 1, "rope.dimension_count": 64}
    attends = norms(4096, "attn_norm", "post_attention_norm") | attention(4096, 12288, 1024)
    attends |= {"attn_q.bias": (12288,), "attn_k.bias": (1024,), "attn_v.bias": (1024,)}
    shared = {f"{name}_shexp": shape for name, shape in gated(4096, 1408).items()}
    mixed = attends | experts(4096, 1408, 128) | shared | {"exp_probs_b.bias": (128,)}
    last = mixed | norms(4096, "nextn.enorm", "nextn.hnorm") | {"nextn.eh_proj": (8192, 4096)}
    return "glm4moe", keys, whole([attends | gated(4096, 10944), *[mixed] * 45, last], 4096, 151552)
