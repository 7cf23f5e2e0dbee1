"""Where a model's weights lie: with the input, in each layer, or with the output, as llama.cpp places them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kandil.compat.architectures import NEXT_TOKENS_SKIPPED
from kandil.compat.shape import ShapeUnusable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil._core import Header
    from kandil.compat.shape import Numbers

_ALIGNMENT: Final = 32
"""Of a tensor in a buffer of the CPU (``TENSOR_ALIGNMENT`` of ``ggml-backend``)."""
_BLOCK: Final = re.compile(r"blk\.(\d{1,4})\.")
_INPUT: Final = ("token_embd", "token_types", "position_embd", "per_layer_token_embd")
_EMBEDDING: Final = "token_embd.weight"
_TWICE: Final = frozenset({"gemma3n", "gemma4"})
"""Their loaders ask for the output before the embedding, so that one tensor in the file is two in memory."""


@dataclass(frozen=True, slots=True)
class Weights:
    """In bytes."""

    input_bytes: int
    """Never on a GPU (``dev_input`` of ``llama_model_base::load_tensors``)."""
    layer_bytes: tuple[int, ...]
    output_bytes: int
    copied_bytes: int = 0
    """The embedding, where it is the output too: a GPU that computes the output has a copy."""


def weights_of(headers: Sequence[Header], architecture: str, numbers: Numbers, layers: int) -> Weights:
    """Of all files of a model; exact but for what an alignment above 32 adds.

    Raises: ShapeUnusable, also where a tensor is of a type without a known size.
    """
    trunk = layers - (numbers.one("nextn_predict_layers", 0) if architecture in NEXT_TOKENS_SKIPPED else 0)
    first = last = embedding = 0
    each = [0] * layers
    tied = True
    for tensor in (tensor for header in headers for tensor in header.tensors):
        name, size = tensor.name, -(-tensor.size_bytes // _ALIGNMENT) * _ALIGNMENT
        if not size:
            raise ShapeUnusable(f"the size of a tensor of {tensor.type} is not known")
        if block := _BLOCK.match(name):
            number = int(block[1])
            if number < (trunk or layers):
                each[number] += size
        elif name.startswith(_INPUT):
            first += size
            embedding += size if name == _EMBEDDING else 0
        else:
            last += size
            tied = tied and name != "output.weight"
    if tied and architecture in _TWICE:
        return Weights(first, tuple(each), last + embedding)
    return Weights(first, tuple(each), last, embedding if tied else 0)


def weights_like(size_bytes: int, numbers: Numbers, layers: int, parameters: int | None) -> Weights:
    """Of a file of which only the size is known: layers of one size, and the embedding's share of the parameters.

    Raises: ShapeUnusable.
    """
    rows = numbers.one("vocab_size", 0) * numbers.one("embedding_length")
    if parameters and 0 < 2 * rows < parameters:
        embedding = size_bytes * rows // parameters
        return Weights(embedding, _even(size_bytes - embedding, layers), 0, embedding)
    *each, last = _even(size_bytes, layers + 1)
    return Weights(0, tuple(each), last)


def _even(total: int, parts: int) -> tuple[int, ...]:
    share, rest = divmod(total, parts)
    return (share,) * (parts - 1) + (share + rest,)
