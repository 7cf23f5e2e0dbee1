"""The same keys, values, tensors and places as the `gguf` package reads, and reads what it writes."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, quants
from hypothesis import given
from hypothesis import strategies as st

from kandil._core import Header
from tests.support.gguf_files import SOUND, Entry, Kind, Scalar, Tensor, build

WORD = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
KEYS = (
    st.lists(WORD, min_size=1, max_size=3).map(".".join).filter(lambda key: not key.startswith(("split.", "general.")))
)
TEXT = st.one_of(st.text(max_size=20), st.text("ab é日😀", min_size=120, max_size=300))
SCALARS: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.U8: st.integers(0, 2**8 - 1),
    Kind.I8: st.integers(-(2**7), 2**7 - 1),
    Kind.U16: st.integers(0, 2**16 - 1),
    Kind.I16: st.integers(-(2**15), 2**15 - 1),
    Kind.U32: st.integers(0, 2**32 - 1),
    Kind.I32: st.integers(-(2**31), 2**31 - 1),
    Kind.F32: st.floats(width=32),
    Kind.BOOL: st.booleans(),
    Kind.STRING: TEXT,
    Kind.U64: st.integers(0, 2**64 - 1),
    Kind.I64: st.integers(-(2**63), 2**63 - 1),
    Kind.F64: st.floats(),
}
"""Values of each type. Text has no surrogates: it is to be UTF-8."""


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    """Keys without repetition; arrays have an element at least, as the `gguf` package knows no empty ones."""
    made = []
    for key in draw(st.lists(KEYS, unique=True, max_size=8)):
        kind = draw(st.sampled_from(sorted(SCALARS)))
        if draw(st.booleans()):
            made.append(Entry(key, kind, draw(SCALARS[kind])))
        else:
            made.append(Entry(key, Kind.ARRAY, tuple(draw(st.lists(SCALARS[kind], min_size=1, max_size=6))), kind))
    return made


@st.composite
def tensors(draw: st.DrawFn) -> list[Tensor]:
    """Tensors of block types and plain ones, of one to four dimensions."""
    made = []
    for name in draw(st.lists(KEYS, unique=True, max_size=5)):
        kind, first = draw(st.sampled_from([(0, 1), (1, 1), (2, 32), (8, 32), (12, 256), (14, 256), (30, 1), (39, 32)]))
        rest = draw(st.lists(st.integers(1, 4), max_size=3))
        made.append(Tensor(name, (first * draw(st.integers(1, 3)), *rest), kind))
    return made


def exact(value: Scalar | Sequence[Scalar]) -> object:
    """Compares equal only to the same value of the same type; NaN to NaN, 0.0 not to -0.0."""
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, float):
        return struct.pack("d", value) if value == value else "NaN"  # noqa: PLR0124
    return (type(value), value)


def assert_same(path: Path) -> None:
    """`Header` and `GGUFReader` agree on the file."""
    header, reader = Header.open(os.fsencode(path)), GGUFReader(path)
    structure = [found for found in header.findings if not found.id.startswith("KG-META-")]  # texts may say anything
    assert [found.message for found in structure if found.severity != "note"] == []
    fields = {name: field for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    assert header.keys() == list(fields)
    for name, field in fields.items():
        assert exact(header[name]) == exact(field.contents()), name
        kinds = [Kind(int(kind)) for kind in field.types]
        assert (header.count(name) is None) == (kinds[0] is not Kind.ARRAY)
    assert header.alignment == reader.alignment
    assert [(t.name, t.shape, t.type, t.offset, t.size_bytes) for t in header.tensors] == [
        (t.name, tuple(map(int, t.shape)), t.tensor_type.name, int(t.data_offset), int(t.n_bytes))
        for t in reader.tensors
    ]
    if reader.tensors:
        assert header.data_offset == int(reader.data_offset)


@given(
    entries=entries(),
    tensors=tensors(),
    layout=st.tuples(st.sampled_from([2, 3]), st.booleans(), st.sampled_from([32, 64, 4096])),
)
def test_reads_what_the_package_reads(
    entries: list[Entry],
    tensors: list[Tensor],
    layout: tuple[int, bool, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Generated files, of both versions and byte orders."""
    path = tmp_path_factory.getbasetemp() / "generated.gguf"
    version, big_endian, alignment = layout
    where = Entry("general.alignment", Kind.U32, alignment)
    content = build((where, *entries), tensors, version=version, big_endian=big_endian, alignment=alignment)
    path.unlink(missing_ok=True)  # the package may still have the last one mapped
    path.write_bytes(content)
    assert_same(path)


@pytest.mark.parametrize("name", sorted(set(SOUND) - {"every_type", "nothing"}))
def test_sound_files(name: str, tmp_path: Path) -> None:
    """All named sound files that the package can read: not those with empty arrays or without any byte of data."""
    path = tmp_path / "sound.gguf"
    path.write_bytes(SOUND[name]())
    assert_same(path)


@given(values=entries(), data=st.data())
def test_reads_what_the_package_writes(
    values: list[Entry], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Values and tensors come back as they were given to `GGUFWriter`."""
    path = tmp_path_factory.getbasetemp() / "written.gguf"
    path.unlink(missing_ok=True)
    writer = GGUFWriter(path, "llama")
    for entry in values:
        value = list(entry.value) if isinstance(entry.value, tuple) else entry.value
        element = None if entry.element is None else GGUFValueType(entry.element)
        writer.add_key_value(str(entry.key), value, GGUFValueType(entry.kind), element)
    kind = data.draw(st.sampled_from([GGMLQuantizationType.Q8_0, GGMLQuantizationType.Q4_0, GGMLQuantizationType.F16]))
    weight = np.zeros((3, 64), np.float32)
    writer.add_tensor("blk.0.weight", quants.quantize(weight, kind), raw_dtype=kind)
    writer.add_tensor("norm.weight", weight[0])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert_same(path)
    header = Header.open(os.fsencode(path))
    assert header["general.architecture"] == "llama"
    assert [tensor.shape for tensor in header.tensors] == [(64, 3), (64,)]
    for entry in values:
        given_value = list(entry.value) if isinstance(entry.value, tuple) else entry.value
        assert exact(header[str(entry.key)]) == exact(given_value)
