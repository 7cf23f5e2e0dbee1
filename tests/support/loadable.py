"""Models that llama.cpp loads and decodes: a layer, 32 numbers wide, with random weights; and what it does not survive.

A vocabulary of bytes, so that any text can be tokenized. About 60 KB.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable

from tests.support.gguf_files import Entry, Kind, Scalar, Tensor, build

WIDTH, HEADS, HIDDEN = 32, 2, 64
WORDS = (*("<unk>", "<s>", "</s>"), *(f"<0x{byte:02X}>" for byte in range(256)), "▁the")
_UNKNOWN, _CONTROL, _BYTE, _NORMAL = 2, 3, 6, 1
_KINDS = (_UNKNOWN, _CONTROL, _CONTROL, *([_BYTE] * 256), _NORMAL)

METADATA: dict[str, tuple[Kind, Scalar]] = {
    "general.architecture": (Kind.STRING, "llama"),
    "llama.block_count": (Kind.U32, 1),
    "llama.context_length": (Kind.U32, 128),
    "llama.embedding_length": (Kind.U32, WIDTH),
    "llama.feed_forward_length": (Kind.U32, HIDDEN),
    "llama.attention.head_count": (Kind.U32, HEADS),
    "llama.attention.layer_norm_rms_epsilon": (Kind.F32, 1e-5),
    "tokenizer.ggml.model": (Kind.STRING, "llama"),
    "tokenizer.ggml.bos_token_id": (Kind.U32, 1),
    "tokenizer.ggml.eos_token_id": (Kind.U32, 2),
    "tokenizer.ggml.unknown_token_id": (Kind.U32, 0),
}
TENSORS = {
    "token_embd.weight": (WIDTH, len(WORDS)),
    "output_norm.weight": (WIDTH,),
    "output.weight": (WIDTH, len(WORDS)),
    "blk.0.attn_norm.weight": (WIDTH,),
    "blk.0.attn_q.weight": (WIDTH, WIDTH),
    "blk.0.attn_k.weight": (WIDTH, WIDTH),
    "blk.0.attn_v.weight": (WIDTH, WIDTH),
    "blk.0.attn_output.weight": (WIDTH, WIDTH),
    "blk.0.ffn_norm.weight": (WIDTH,),
    "blk.0.ffn_gate.weight": (WIDTH, HIDDEN),
    "blk.0.ffn_up.weight": (WIDTH, HIDDEN),
    "blk.0.ffn_down.weight": (HIDDEN, WIDTH),
}


def entries(changed: dict[str, tuple[Kind, Scalar]], words: tuple[str, ...] = WORDS) -> list[Entry]:
    """The metadata, with some of it changed or added."""
    kinds = (*_KINDS, *([_NORMAL] * (len(words) - len(_KINDS))))
    scalars = [Entry(key, kind, value) for key, (kind, value) in (METADATA | changed).items()]
    return [
        *scalars,
        Entry("tokenizer.ggml.tokens", Kind.ARRAY, words, Kind.STRING),
        Entry("tokenizer.ggml.scores", Kind.ARRAY, (0.0,) * len(words), Kind.F32),
        Entry("tokenizer.ggml.token_type", Kind.ARRAY, kinds, Kind.I32),
    ]


def _numbers(count: int, seed: int, constant: float | None) -> Iterable[float]:
    if constant is not None:
        return [constant] * count
    chance = random.Random(seed)
    return (chance.gauss(0, 0.5) for _ in range(count))


def _weights(shapes: dict[str, tuple[int, ...]], constant: float | None = None) -> bytes:
    data = b""
    for seed, (name, shape) in enumerate(shapes.items()):
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        numbers = _numbers(count, seed, constant if name == "output.weight" else None)
        data += struct.pack(f"<{count}f", *numbers)
        data += bytes(-len(data) % 32)
    return data


def model(*, output: float | None = None, **changed: tuple[Kind, Scalar]) -> bytes:
    """A sound model. `output` is what its last matrix is full of; `changed` metadata has `__` for dots."""
    metadata = {key.replace("__", "."): value for key, value in changed.items()}
    tensors = [Tensor(name, shape) for name, shape in TENSORS.items()]
    return build(entries(metadata), tensors, data=_weights(TENSORS, output))


def vocabulary() -> bytes:
    """The tokens alone, as the files that llama.cpp tests its tokenizers with."""
    return build(entries({}))


def nan() -> bytes:
    return model(output=float("nan"))


def no_layers() -> bytes:
    """llama.cpp asserts that there are some, and aborts."""
    return model(llama__block_count=(Kind.U32, 0))


def nul_in_a_string() -> bytes:
    """What C programs see ends before what kandil sees."""
    return model(general__name=(Kind.STRING, "innocent\0not"))


def unknown_architecture() -> bytes:
    return model(general__architecture=(Kind.STRING, "novelty"))


def projector() -> bytes:
    return model(general__type=(Kind.STRING, "mmproj"))


def cut_in_its_weights() -> bytes:
    whole = model()
    return whole[: len(whole) - 5000]


def layer_missing() -> bytes:
    return model(llama__block_count=(Kind.U32, 2))


def embedding() -> bytes:
    """A BERT, which computes embeddings and no next token."""
    words = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"▁word{number}" for number in range(35)))
    numbers = {"block_count": 1, "context_length": 64, "embedding_length": WIDTH, "feed_forward_length": HIDDEN}
    numbers |= {"attention.head_count": HEADS, "pooling_type": 1}
    special = {"bos": 2, "cls": 2, "seperator": 3, "unknown": 1, "padding": 0}
    metadata = [
        Entry("general.architecture", Kind.STRING, "bert"),
        *(Entry(f"bert.{key}", Kind.U32, value) for key, value in numbers.items()),
        Entry("bert.attention.layer_norm_epsilon", Kind.F32, 1e-12),
        Entry("bert.attention.causal", Kind.BOOL, value=False),
        Entry("tokenizer.ggml.model", Kind.STRING, "bert"),
        Entry("tokenizer.ggml.token_type_count", Kind.U32, 2),
        Entry("tokenizer.ggml.tokens", Kind.ARRAY, words, Kind.STRING),
        *(Entry(f"tokenizer.ggml.{name}_token_id", Kind.U32, place) for name, place in special.items()),
    ]
    layers = {
        "attn_q": (WIDTH, WIDTH),
        "attn_k": (WIDTH, WIDTH),
        "attn_v": (WIDTH, WIDTH),
        "attn_output": (WIDTH, WIDTH),
    }
    layers |= {"ffn_up": (WIDTH, HIDDEN), "ffn_down": (HIDDEN, WIDTH)}
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (WIDTH, len(words)),
        "position_embd.weight": (WIDTH, 64),
        "token_types.weight": (WIDTH, 2),
    }
    for name, shape in layers.items():
        shapes |= {f"blk.0.{name}.weight": shape, f"blk.0.{name}.bias": shape[1:]}
    for name in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
        shapes |= {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}
    return build(metadata, [Tensor(name, shape) for name, shape in shapes.items()], data=_weights(shapes))
