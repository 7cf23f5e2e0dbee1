"""Numbers that are none are found in tensor data, by a sample or in all of it."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from kandil._core import Header
from tests.support.gguf_files import ARCHITECTURE, Tensor, build

ROWS = 20_000


def opened(path: Path, changes: dict[int, bytes], *, kind: int = 8) -> Header:
    """A model of one Q8_0 tensor of 680 000 bytes and one of F32, with `changes` to the bytes of tensor data."""
    quantized = Tensor("blk.0.ffn_down.weight", (32, ROWS), kind)
    data = bytearray(-(-quantized.size_bytes // 32) * 32 + 128)
    for place, value in changes.items():
        data[place : place + len(value)] = value
    content = build((ARCHITECTURE,), (quantized, Tensor("output_norm.weight", (32,))), data=bytes(data))
    path.write_bytes(content)
    return Header.open(os.fsencode(path))


def test_sound(tmp_path: Path) -> None:
    header = opened(tmp_path / "a", {2: b"\xff" * 32, 680_000: struct.pack("<f", 3.4e38)})
    assert header.check_weights() == header.check_weights(full=True) == []


def test_sample_and_all(tmp_path: Path) -> None:
    """A sample has both ends of each tensor; all is all. The finding says where the first number stands."""
    changes = {34 * 100: b"\x00\x7e", 34 * 7777: b"\x00\xfc", 680_004: b"\x00\x00\x80\xff"}
    header = opened(tmp_path / "a", changes)
    start = header.data_offset
    assert start is not None
    quantized, plain = header.check_weights(full=True)
    assert (quantized.id, quantized.severity) == ("KG-DATA-NAN", "suspicious")
    assert quantized.offset == start + 34 * 100
    assert plain.offset == start + 680_004
    assert "of 20000 block scales that were looked at, 2 are" in quantized.message
    assert "of 32 weights that were looked at, 1 are" in plain.message
    sample = header.check_weights()
    assert [finding.offset for finding in sample] == [quantized.offset, plain.offset]
    assert "2 are" not in sample[0].message


def test_file_that_changed(tmp_path: Path) -> None:
    header = opened(tmp_path / "a", {})
    (tmp_path / "a").write_bytes(b"GGUF")
    with pytest.raises(ValueError, match="has changed"):
        header.check_weights()
