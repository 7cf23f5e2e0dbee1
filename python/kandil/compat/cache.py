"""What a model remembers of its tokens, in bytes as llama.cpp allocates them.

Keys and values: ``llama_kv_cache`` (``src/llama-kv-cache.cpp``), ``llama_kv_cache_iswa`` for sliding windows. Recurrent
states: ``llama_memory_recurrent``, with the sizes of ``llama_hparams::n_embd_r`` and ``n_embd_s``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from kandil.compat import architectures
from kandil.compat.shape import MOST_LAYERS, ShapeUnusable

if TYPE_CHECKING:
    from kandil.compat.shape import Numbers

TOKENS_AT_ONCE: Final = 512
"""llama.cpp's ``n_ubatch`` unless it is told another."""
CELLS: Final = 256
"""A cache has a multiple of so many cells (``GGML_PAD(n_ctx, 256)`` in ``llama_context``)."""

TYPES: Final = {
    "f32": (1, 4), "f16": (1, 2), "bf16": (1, 2), "q8_0": (32, 34), "q4_0": (32, 18), "q4_1": (32, 20),
    "q5_0": (32, 22), "q5_1": (32, 24), "iq4_nl": (32, 18),
}  # fmt: skip
"""Elements and bytes of a block, of what llama.cpp takes for ``--cache-type-k`` and ``--cache-type-v``; ``ggml.c``."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer remembers."""

    key_length: int = 0
    """Elements of a token's keys, of all heads."""
    value_length: int = 0
    windowed: bool = False
    state_bytes: int = 0
    """Of one sequence, however long."""


@dataclass(frozen=True, slots=True)
class Cache:
    """What all layers remember; of those alone that llama.cpp runs when it predicts one token at a time."""

    layers: tuple[Layer, ...]
    window: int = 0
    key_heads: tuple[int, ...] = ()
    """Lengths of one head's keys, which a type's blocks must divide."""
    value_heads: tuple[int, ...] = ()
    latent: bool = False
    """Multi-head latent attention: a layer caches one compressed row for keys and values."""
    attends: bool = True


@dataclass(frozen=True, slots=True)
class Rates:
    """What some layers, or all, cost in bytes: for each cell, for each that a window sees, and for a sequence."""

    each_cell: int = 0
    each_window_cell: int = 0
    state: int = 0

    def __add__(self, other: Rates) -> Rates:
        return Rates(
            self.each_cell + other.each_cell,
            self.each_window_cell + other.each_window_cell,
            self.state + other.state,
        )


def cells_of(context: int, window: int, sequences: int) -> tuple[int, int]:
    """A cache's cells, and those of one with a window; `context` is shared by the sequences (``kv_unified``)."""
    cells = padded(context)
    # llama_kv_cache_iswa: what a window sees, and what is computed at once; rounded up again.
    return cells, min(cells, padded(window * sequences + TOKENS_AT_ONCE))


def padded(tokens: int) -> int:
    """Rounded up to a multiple of `CELLS`."""
    return -(-tokens // CELLS) * CELLS


def rates(cache: Cache, key_type: str, value_type: str, *, flash_attention: bool = True) -> list[Rates]:
    """Of each layer. Without flash attention all rows of values are as long as the longest ([TAG_V_CACHE_VARIABLE]).

    Raises: KeyError where a type is not one of `TYPES`.
    """
    widest = 0 if flash_attention else max((layer.value_length for layer in cache.layers), default=0)
    known: dict[Layer, Rates] = {}
    found = []
    for layer in cache.layers:
        one = known.get(layer)
        if one is None:
            values = max(layer.value_length, widest if layer.value_length else 0)
            row = _row_bytes(layer.key_length, key_type) + _row_bytes(values, value_type)
            window_row, row = (row, 0) if layer.windowed else (0, row)
            known[layer] = one = Rates(row, window_row, layer.state_bytes)
        found.append(one)
    return found


def _row_bytes(elements: int, kind: str) -> int:
    block, size = TYPES[kind]
    return -(-elements // block) * size


def cache_of(architecture: str, numbers: Numbers) -> Cache:
    """Raises ShapeUnusable where llama.cpp would not load such a model."""
    count = numbers.one("block_count")
    further = numbers.one("nextn_predict_layers", 0)
    if not 0 < count <= MOST_LAYERS or further > count:
        raise ShapeUnusable(f"block_count is {count}")
    if architecture in architectures.NO_CACHE:
        return Cache((Layer(),) * count)
    heads = numbers.each("attention.head_count", count, 0)
    shared = numbers.each("attention.head_count_kv", count, heads)
    trunk = count - further or count
    window, windowed = architectures.windowed_layers(architecture, numbers, count, trunk)
    attend, recur = architectures.recurrent_layers(architecture, numbers, count, shared)
    keys, values = _head_lengths(numbers, heads[0])
    latent = numbers.one("attention.key_length_mla", 0) > 0
    owning = architectures.layers_with_keys(architecture, numbers, count)
    state = _state_bytes(numbers, heads[0]) if any(recur) else 0
    index = numbers.one("attention.indexer.key_length", 0) if architecture in architectures.INDEXED else 0
    layers = []
    for number in range(count):
        sees, own = windowed[number], attend[number] and number < min(owning, trunk)
        layers.append(
            _layer(
                shared[number] * keys[sees] + index if own else 0,
                shared[number] * values[sees] if own and not latent else 0,
                sees and own,
                state if recur[number] and number < trunk else 0,
            )
        )
    layers *= max(numbers.one("num_loops", 1), 1) if architecture == "nanbeige" else 1
    if len(layers) > MOST_LAYERS:
        raise ShapeUnusable("num_loops is too great")
    return Cache(
        tuple(layers),
        window,
        tuple(dict.fromkeys(keys)),
        tuple(dict.fromkeys(values)),
        latent,
        any(layer.key_length for layer in layers),
    )


@lru_cache(maxsize=1024)
def _layer(key_length: int, value_length: int, windowed: bool, state_bytes: int) -> Layer:  # noqa: FBT001 (a key)
    """Equal ones are one, so that summing them is quick."""
    return Layer(key_length, value_length, windowed, state_bytes)


def _head_lengths(numbers: Numbers, heads: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Of a head's keys and values: in layers that see all, and in those with a window."""
    if not heads:
        return (0, 0), (0, 0)
    usual = numbers.one("embedding_length") // heads
    key, value = numbers.one("attention.key_length", usual), numbers.one("attention.value_length", usual)
    return (
        (key, numbers.one("attention.key_length_swa", key)),
        (value, numbers.one("attention.value_length_swa", value)),
    )


def _state_bytes(numbers: Numbers, heads: int) -> int:
    """Of one layer and sequence: what is shifted or convolved, and the state; both of F32."""
    width = numbers.one("embedding_length")
    if head := numbers.one("wkv.head_size", 0):
        return 4 * width * (numbers.one("token_shift_count", 2) + head)
    if kept := numbers.one("shortconv.l_cache", 0):
        return 4 * width * (kept - 1)
    conv = numbers.one("ssm.conv_kernel", 0)
    if head := numbers.one("kda.head_dim", 0):
        return 4 * heads * head * (3 * (conv - 1 if conv else 3) + head)
    inner, state = numbers.one("ssm.inner_size", 0), numbers.one("ssm.state_size", 0)
    convolved = max(conv - 1, 0) * (inner + 2 * numbers.one("ssm.group_count", 0) * state)
    if "ssm.state_size" not in numbers and heads:  # linear attention, as in minimax-01
        head = numbers.one("attention.key_length", width // heads)
        return 4 * (convolved + head * head * heads)
    return 4 * (convolved + state * inner)
