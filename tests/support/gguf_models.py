"""Small sound models of many architectures as GGUF files: with the keys and tensors that converters write for them.

`MODELS` names every builder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from tests.support.gguf_files import Entry, Kind, Tensor, build

Builder: TypeAlias = Callable[[], bytes]
Value: TypeAlias = bool | int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[bool, ...]
Keys: TypeAlias = Mapping[str, Value]

MODELS: dict[str, Builder] = {}

WIDTH, ROWS = 32, 40

GATED = ("ffn_gate", "ffn_up", "ffn_down")
PLAIN = ("ffn_up", "ffn_down")


def model(builder: Builder) -> Builder:
    MODELS[builder.__name__] = builder
    return builder


def entry(key: str, value: Value) -> Entry:
    """A key as converters write it: counts are uint32, whole numbers in arrays int32."""
    if isinstance(value, tuple):
        first = value[0]
        kind = Kind.BOOL if isinstance(first, bool) else Kind.I32 if isinstance(first, int) else Kind.F32
        return Entry(key, Kind.ARRAY, value, kind)
    if isinstance(value, bool):
        return Entry(key, Kind.BOOL, value)
    if isinstance(value, str):
        return Entry(key, Kind.STRING, value)
    return Entry(key, Kind.U32 if isinstance(value, int) else Kind.F32, value)


def entries(architecture: str, own: Keys, other: Keys | None = None) -> list[Entry]:
    """The keys of a file: `own` ones begin with the architecture."""
    keys: dict[str, Value] = {"general.architecture": architecture}
    keys |= {f"{architecture}.{name}": value for name, value in own.items()} | dict(other or {})
    return [entry(key, value) for key, value in keys.items()]


def sizes(**changed: Value) -> dict[str, Value]:
    """The keys of a small model of two blocks, with `changed` ones; a double underscore stands for a dot."""
    usual: dict[str, Value] = {
        "vocab_size": ROWS,
        "context_length": 128,
        "embedding_length": WIDTH,
        "block_count": 2,
        "feed_forward_length": 64,
        "attention.head_count": 4,
        "attention.layer_norm_rms_epsilon": 1e-5,
    }
    return usual | {name.replace("__", "."): value for name, value in changed.items()}


NO_VOCABULARY: Keys = {"tokenizer.ggml.model": "no_vocab"}


def attention(block: int, *, queries: int = WIDTH, keys: int = WIDTH, bias: bool = False) -> list[Tensor]:
    shapes = {"attn_q": queries, "attn_k": keys, "attn_v": keys}
    tensors = [Tensor(f"blk.{block}.{part}.weight", (WIDTH, length)) for part, length in shapes.items()]
    if bias:
        tensors += [Tensor(f"blk.{block}.{part}.bias", (length,)) for part, length in shapes.items()]
    return [*tensors, Tensor(f"blk.{block}.attn_output.weight", (queries, WIDTH))]


def feed_forward(block: int, parts: Sequence[str], length: int = 64) -> list[Tensor]:
    shape = {"ffn_gate": (WIDTH, length), "ffn_up": (WIDTH, length), "ffn_down": (length, WIDTH)}
    return [Tensor(f"blk.{block}.{part}.weight", shape[part]) for part in parts]


def norms(block: int, *parts: str, length: int = WIDTH, bias: bool = False) -> list[Tensor]:
    kinds = ("weight", "bias") if bias else ("weight",)
    return [Tensor(f"blk.{block}.{part}.{kind}", (length,)) for part in parts for kind in kinds]


def around(tensors: Iterable[Tensor], *, output: bool = True, bias: bool = False) -> list[Tensor]:
    """The blocks' tensors, with embedding and output."""
    ends = [Tensor("token_embd.weight", (WIDTH, ROWS)), Tensor("output_norm.weight", (WIDTH,))]
    if bias:
        ends.append(Tensor("output_norm.bias", (WIDTH,)))
    if output:
        ends.append(Tensor("output.weight", (WIDTH, ROWS)))
    return [*ends, *tensors]


def llama_block(block: int, *, keys: int = WIDTH) -> list[Tensor]:
    return [*norms(block, "attn_norm", "ffn_norm"), *attention(block, keys=keys), *feed_forward(block, GATED)]


def llama(own: Keys | None = None, *extra: Entry, without: Sequence[str] = (), add: Sequence[Tensor] = ()) -> bytes:
    """A sound llama model that llama.cpp loads, with changed keys, and tensors left out or added."""
    tensors = [tensor for tensor in around([*llama_block(0), *llama_block(1)]) if tensor.name not in without]
    keys = entries("llama", sizes(rope__dimension_count=8) | dict(own or {}), NO_VOCABULARY)
    return build([*keys, *extra], [*tensors, *add])


def _full(architecture: str, own: Keys, block: Callable[[int], list[Tensor]], **ends: bool) -> bytes:
    """A model of two blocks, whole as llama.cpp needs it."""
    return build(entries(architecture, own, NO_VOCABULARY), around([*block(0), *block(1)], **ends))


@model
def llama_plain() -> bytes:
    return llama()


@model
def llama_grouped_heads_tied_output() -> bytes:
    own = sizes(attention__head_count_kv=2, rope__dimension_count=8)
    return _full("llama", own, lambda block: llama_block(block, keys=16), output=False)


@model
def llama_experts() -> bytes:
    def block(number: int) -> list[Tensor]:
        experts = {"ffn_gate_exps": (WIDTH, 64, 4), "ffn_up_exps": (WIDTH, 64, 4), "ffn_down_exps": (64, WIDTH, 4)}
        tensors = [Tensor(f"blk.{number}.{part}.weight", shape) for part, shape in experts.items()]
        router = Tensor(f"blk.{number}.ffn_gate_inp.weight", (WIDTH, 4))
        return [*norms(number, "attn_norm", "ffn_norm"), *attention(number), router, *tensors]

    return _full("llama", sizes(expert_count=4, expert_used_count=2, rope__dimension_count=8), block)


@model
def qwen2_bias() -> bytes:
    def block(number: int) -> list[Tensor]:
        heads = attention(number, keys=16, bias=True)
        return [*norms(number, "attn_norm", "ffn_norm"), *heads, *feed_forward(number, GATED)]

    return _full("qwen2", sizes(attention__head_count_kv=2), block)


@model
def qwen3_wide_heads() -> bytes:
    def block(number: int) -> list[Tensor]:
        own = norms(number, "attn_q_norm", "attn_k_norm", length=16)
        heads = attention(number, queries=64, keys=32)
        return [*norms(number, "attn_norm", "ffn_norm"), *own, *heads, *feed_forward(number, GATED)]

    lengths = {"attention.key_length": 16, "attention.value_length": 16}
    return _full("qwen3", sizes(attention__head_count_kv=2) | lengths, block, output=False)


@model
def gemma3_sliding_windows() -> bytes:
    def block(number: int) -> list[Tensor]:
        around_ = norms(number, "attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm")
        own = norms(number, "attn_q_norm", "attn_k_norm", length=8)
        return [*around_, *own, *attention(number, keys=8), *feed_forward(number, GATED)]

    lengths = {"attention.key_length": 8, "attention.value_length": 8, "attention.sliding_window": 64}
    return _full("gemma3", sizes(attention__head_count_kv=1) | lengths, block, output=False)


@model
def gpt2_fused() -> bytes:
    def block(number: int) -> list[Tensor]:
        fused = [
            Tensor(f"blk.{number}.attn_qkv.weight", (WIDTH, 3 * WIDTH)),
            Tensor(f"blk.{number}.attn_qkv.bias", (3 * WIDTH,)),
            Tensor(f"blk.{number}.attn_output.weight", (WIDTH, WIDTH)),
            Tensor(f"blk.{number}.attn_output.bias", (WIDTH,)),
            Tensor(f"blk.{number}.ffn_up.bias", (64,)),
            Tensor(f"blk.{number}.ffn_down.bias", (WIDTH,)),
        ]
        return [*norms(number, "attn_norm", "ffn_norm", bias=True), *fused, *feed_forward(number, PLAIN)]

    own = sizes(attention__layer_norm_epsilon=1e-5)
    del own["attention.layer_norm_rms_epsilon"]
    positions = [Tensor("position_embd.weight", (WIDTH, 128))]
    blocks = [*block(0), *block(1), *positions]
    return build(entries("gpt2", own, NO_VOCABULARY), around(blocks, bias=True))


def lora(*tensors: Tensor, alpha: Value = 16.0, kind: Value = "lora") -> bytes:
    """An adapter for a llama model, with these tensors."""
    other = {"general.type": "adapter", "adapter.type": kind, "adapter.lora.alpha": alpha}
    return build(entries("llama", {}, other), tensors)


@model
def lora_adapter() -> bytes:
    pairs = [
        Tensor("blk.0.attn_q.weight.lora_a", (WIDTH, 4)), Tensor("blk.0.attn_q.weight.lora_b", (4, WIDTH)),
        Tensor("token_embd.weight.lora_a", (4, ROWS)), Tensor("token_embd.weight.lora_b", (4, WIDTH)),
        Tensor("blk.0.attn_norm.weight", (WIDTH,)),
    ]  # fmt: skip
    return lora(*pairs)


VISION: Keys = {
    "has_vision_encoder": True, "projector_type": "mlp", "vision.image_size": 336, "vision.patch_size": 14,
    "vision.embedding_length": 64, "vision.feed_forward_length": 128, "vision.projection_dim": 32,
    "vision.block_count": 1, "vision.attention.head_count": 4, "vision.attention.layer_norm_epsilon": 1e-5,
    "vision.image_mean": (0.5, 0.5, 0.5), "vision.image_std": (0.5, 0.5, 0.5), "use_gelu": True,
}  # fmt: skip


def projector(changed: Keys | None = None, *extra: Entry) -> bytes:
    """A projector for images, with changed keys."""
    keys = entries("clip", {**VISION, **(changed or {})}, {"general.type": "mmproj"})
    gone = {entry.key for entry in extra}
    patches = [Tensor("v.patch_embd.weight", (14, 14, 3, 64), 1), Tensor("mm.0.weight", (64, 32), 1)]
    return build([*(entry for entry in keys if entry.key not in gone), *extra], patches)
