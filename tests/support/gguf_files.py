"""Sound GGUF files as bytes, and what any file is built with.

Nothing here needs a package: the files owe nothing to a reader or writer that is tested. `SOUND` names every builder.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

Scalar: TypeAlias = bool | int | float | str | bytes


class Kind(IntEnum):
    """Value types, with the numbers that files use."""

    U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)


_FORMATS = dict(zip(Kind, ("B", "b", "H", "h", "I", "i", "f", "B", "", "", "Q", "q", "d"), strict=True))

SIZES = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34), 12: (256, 144), 14: (256, 210), 30: (1, 2), 39: (32, 17)}
"""Elements and bytes of a block for the types that are used here: F32, F16, Q4_0, Q8_0, Q4_K, Q6_K, BF16, MXFP4."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and its value; with `element`, an array. `raw` stands in the file in place of type and value."""

    key: str | bytes
    kind: int
    value: Scalar | Sequence[Scalar] = 0
    element: int | None = None
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor's info. Its offset follows from those before it unless it is given."""

    name: str | bytes
    shape: tuple[int, ...] = (32, 2)
    kind: int = 0
    offset: int | None = None
    n_dims: int | None = None

    @property
    def size_bytes(self) -> int:
        block, size = SIZES.get(self.kind, (1, 4))
        elements = 1
        for dimension in self.shape:
            elements *= dimension
        return elements // block * size


class Encoder:
    """Numbers and strings in one byte order."""

    def __init__(self, *, big_endian: bool = False) -> None:
        self.order = ">" if big_endian else "<"

    def number(self, code: str, value: float) -> bytes:
        return struct.pack(self.order + code, value)

    def string(self, text: Scalar) -> bytes:
        raw = text if isinstance(text, bytes) else str(text).encode()
        return self.number("Q", len(raw)) + raw

    def scalar(self, kind: int, value: Scalar) -> bytes:
        if kind == Kind.STRING:
            return self.string(value)
        assert isinstance(value, int | float)
        return self.number(_FORMATS[Kind(kind)], value)

    def entry(self, entry: Entry) -> bytes:
        head = self.string(entry.key)
        if entry.raw is not None:
            return head + entry.raw
        if entry.element is None:
            assert not isinstance(entry.value, list | tuple)
            return head + self.number("I", entry.kind) + self.scalar(entry.kind, entry.value)  # type: ignore[arg-type]
        assert isinstance(entry.value, list | tuple)
        items = b"".join(self.scalar(entry.element, item) for item in entry.value)
        return (
            head
            + self.number("I", Kind.ARRAY)
            + self.number("I", entry.element)
            + self.number("Q", len(entry.value))
            + items
        )

    def tensor(self, tensor: Tensor, offset: int) -> bytes:
        n_dims = len(tensor.shape) if tensor.n_dims is None else tensor.n_dims
        dims = b"".join(self.number("Q", dimension) for dimension in tensor.shape)
        place = self.number("I", tensor.kind) + self.number("Q", offset)
        return self.string(tensor.name) + self.number("I", n_dims) + dims + place


def build(
    entries: Sequence[Entry] = (),
    tensors: Sequence[Tensor] = (),
    *,
    version: int = 3,
    big_endian: bool = False,
    alignment: int = 32,
    n_kv: int | None = None,
    n_tensors: int | None = None,
    data: bytes | None = None,
) -> bytes:
    """A GGUF file. Counts and tensor data are what fits unless they are given; nothing else is corrected."""
    encoder = Encoder(big_endian=big_endian)
    head = b"GGUF" + encoder.number("I", version)
    head += encoder.number("Q", len(tensors) if n_tensors is None else n_tensors)
    head += encoder.number("Q", len(entries) if n_kv is None else n_kv)
    head += b"".join(map(encoder.entry, entries))
    end = 0
    for tensor in tensors:
        offset = end if tensor.offset is None else tensor.offset
        head += encoder.tensor(tensor, offset)
        end = -(-(offset + tensor.size_bytes) // alignment) * alignment
    if not tensors and data is None:
        return head
    head += bytes(-len(head) % alignment)
    return head + (bytes(end) if data is None else data)


ARCHITECTURE = Entry("general.architecture", Kind.STRING, "llama")
NAME = Entry("general.name", Kind.STRING, "kandil-tiny")
TOKENS = Entry("tokenizer.ggml.tokens", Kind.ARRAY, ("<unk>", "<s>", "</s>", "\u2581the", "日本"), Kind.STRING)
SCORES = Entry("tokenizer.ggml.scores", Kind.ARRAY, (0.0, -1.0, 2.5, 1e-3, 4.0), Kind.F32)
EMBEDDING = Tensor("token_embd.weight", (32, 5), 1)
OUTPUT = Tensor("output.weight", (512, 5), 12)


def model(*entries: Entry, tensors: Sequence[Tensor] = (EMBEDDING, OUTPUT), alignment: int = 32) -> bytes:
    """A small sound model, with `entries` added."""
    return build((ARCHITECTURE, NAME, TOKENS, SCORES, *entries), tensors, alignment=alignment)


def shard(number: int, count: int, *, tensors: int = 1) -> bytes:
    """Shard `number`, counted from 0, of a model of `count` shards with `tensors` tensors each."""
    first = (ARCHITECTURE, NAME) if number == 0 else ()
    split = (
        Entry("split.no", Kind.U16, number),
        Entry("split.count", Kind.U16, count),
        Entry("split.tensors.count", Kind.I32, count * tensors),
    )
    return build((*first, *split), [Tensor(f"blk.{number}.{index}.weight") for index in range(tensors)])


SOUND: dict[str, Callable[[], bytes]] = {}


def _sound(builder: Callable[[], bytes]) -> Callable[[], bytes]:
    SOUND[builder.__name__] = builder
    return builder


@_sound
def nothing() -> bytes:
    return build()


@_sound
def tiny() -> bytes:
    return model()


@_sound
def vocabulary_only() -> bytes:
    return model(tensors=())


@_sound
def version_2() -> bytes:
    return build((ARCHITECTURE,), (EMBEDDING,), version=2)


@_sound
def big_endian() -> bytes:
    return build((ARCHITECTURE, TOKENS, SCORES), (EMBEDDING, OUTPUT), big_endian=True)


@_sound
def every_type() -> bytes:
    scalars: list[tuple[Kind, Scalar]] = [
        (Kind.U8, 255), (Kind.I8, -128), (Kind.U16, 65535), (Kind.I16, -32768),
        (Kind.U32, 2**32 - 1), (Kind.I32, -(2**31)), (Kind.U64, 2**64 - 1), (Kind.I64, -(2**63)),
        (Kind.F32, -0.5), (Kind.F64, 1e300), (Kind.BOOL, True), (Kind.STRING, "Größe"),
    ]  # fmt: skip
    entries = [Entry(f"scalar.{kind.name.lower()}", kind, value) for kind, value in scalars]
    entries += [Entry(f"array.{kind.name.lower()}", Kind.ARRAY, (value, value), kind) for kind, value in scalars]
    entries += [Entry(f"none.{kind.name.lower()}", Kind.ARRAY, (), kind) for kind, _ in scalars]
    return build(entries)


@_sound
def long_strings() -> bytes:
    """Lengths around every bound of the scanner: 128, 1 KiB, 16 KiB, 64 KiB."""
    lengths = (0, 1, 127, 128, 129, 1023, 1024, 1025, 16383, 16384, 65528, 65535, 65536, 65537, 70000)
    texts = tuple("é" * (length // 2) + "x" * (length % 2) for length in lengths)
    scalars = [Entry(f"text.{len(text.encode())}", Kind.STRING, text) for text in texts]
    return build((*scalars, Entry("texts", Kind.ARRAY, texts, Kind.STRING)))


@_sound
def aligned_to_64() -> bytes:
    return model(Entry("general.alignment", Kind.U32, 64), alignment=64)


@_sound
def no_padding_at_the_end() -> bytes:
    return build((ARCHITECTURE,), (Tensor("a.weight", (3,)),), data=bytes(12))


@_sound
def first_shard() -> bytes:
    return shard(0, 3)


@_sound
def last_shard() -> bytes:
    return shard(2, 3)


@_sound
def longest_tensor_name() -> bytes:
    return build((ARCHITECTURE,), (Tensor("n" * 63),))
