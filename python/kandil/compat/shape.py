"""The architecture's numbers: of a GGUF header, or as a profile records them; checked where they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from kandil._core import Header

Value: TypeAlias = int | bool | float | Sequence[int]
Shape: TypeAlias = Mapping[str, Value]

MOST_LAYERS: Final = 512
"""llama.cpp's LLAMA_MAX_LAYERS, ``llama-hparams.h``."""
_MOST: Final = 2**32 - 1
_TOKENS: Final = "tokenizer.ggml.tokens"


class ShapeUnusable(ValueError):
    """A number is missing, or is none that llama.cpp would load a model with."""


def architecture_of(header: Header) -> str | None:
    """``general.architecture``, or None where the header does not say."""
    name = header.kept("general.architecture")
    return name if isinstance(name, str) and name else None


def shape_of(header: Header) -> dict[str, Value]:
    """The architecture's numbers under GGUF's names without the architecture: ``block_count``, ….

    Truths and whole numbers in arrays become tuples of numbers; texts and arrays of more than `MOST_LAYERS` values are
    left out. ``vocab_size`` is the number of tokens where the model has no key for it. Empty without an architecture.

    Raises: OSError, ValueError where the file has changed or cannot be read.
    """
    architecture = architecture_of(header)
    if architecture is None:
        return {}
    shape: dict[str, Value] = {}
    start = f"{architecture}."
    for key in header.keys():  # noqa: SIM118 (a Header is no dict)
        if key.startswith(start):
            value = _value(header, key)
            if value is not None:
                shape[key.removeprefix(start)] = value
    if "vocab_size" not in shape and _TOKENS in header and (tokens := header.count(_TOKENS)) is not None:
        shape["vocab_size"] = tokens
    return shape


def _value(header: Header, key: str) -> Value | None:
    count = header.count(key)
    if count is None:
        value = header.kept(key)
        return None if isinstance(value, str) else value
    kind = header.type(key)
    if count > MOST_LAYERS or "string" in kind or "float" in kind or kind.count("array") > 1:
        return None
    values = header.get(key)
    return tuple(int(one) for one in values) if isinstance(values, list) else None


class Numbers:
    """A shape whose numbers are checked as they are read: all are whole, none is negative or beyond 32 bits."""

    __slots__ = ("_shape",)

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def __contains__(self, name: str) -> bool:
        return name in self._shape

    def one(self, name: str, default: int | None = None) -> int:
        """A number. Raises ShapeUnusable without a default where there is none, and where it is an array."""
        value = self._shape.get(name, default)
        if value is None:
            raise ShapeUnusable(f"{name} is missing")
        if not isinstance(value, int) or not 0 <= value <= _MOST:
            raise ShapeUnusable(f"{name} is {_short(value)}")
        return int(value)

    def each(self, name: str, count: int, default: int | tuple[int, ...] | None = None) -> tuple[int, ...]:
        """A number for each layer: an array of so many, or one for all (``get_key_or_arr`` of llama.cpp).

        Raises: ShapeUnusable as `one`, and where the array has another length.
        """
        value: object = self._shape.get(name, default)
        if not isinstance(value, tuple | list):
            return (self.one(name, default if isinstance(default, int) else None),) * count
        if len(value) != count or not all(isinstance(one, int) and 0 <= one <= _MOST for one in value):
            raise ShapeUnusable(f"{name} is {_short(value)}, for {count} layers")
        return tuple(value)

    def most(self, name: str) -> int:
        """The greatest of an array, or the number; 0 without either."""
        value = self._shape.get(name, 0)
        return max(self.each(name, len(value)), default=0) if isinstance(value, tuple | list) else self.one(name, 0)

    def is_array(self, name: str) -> bool:
        return isinstance(self._shape.get(name), tuple | list)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"  # noqa: PLR2004 (a line's part)
