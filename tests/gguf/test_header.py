"""`Header`: the index of a file, and values that are read when they are asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kandil._core import Header
from tests.support.gguf_files import SOUND, Entry, Kind, Tensor, build, every_type, long_strings, model


def write(folder: Path, content: bytes) -> bytes:
    path = folder / "model.gguf"
    path.write_bytes(content)
    return os.fsencode(path)


def test_a_header_is_looked_at_like_a_dict(tmp_path: Path) -> None:
    header = Header.open(write(tmp_path, every_type()))
    assert list(header) == header.keys()
    assert {key: header[key] for key in header}.keys() == set(header.keys())
    assert header.get("no.such.key") is None
    assert header.get("no.such.key", 7) == 7
    first = header.keys()[0]
    assert header.get(first) == header[first]


def test_facts(tmp_path: Path) -> None:
    """Version, order, alignment, sizes and where the data begins."""
    content = SOUND["aligned_to_64"]()
    header = Header.open(write(tmp_path, content))
    assert (header.is_gguf, header.version, header.big_endian, header.alignment) == (True, 3, False, 64)
    assert header.file_size_bytes == len(content)
    first, second = header.tensors
    assert header.data_offset == first.offset
    assert (first.name, first.shape, first.type, first.size_bytes) == ("token_embd.weight", (32, 5), "F16", 320)
    assert (second.name, second.shape, second.type, second.size_bytes) == ("output.weight", (512, 5), "Q4_K", 1440)
    assert second.offset == first.offset + 320
    assert second.offset + second.size_bytes <= header.file_size_bytes


def test_every_type(tmp_path: Path) -> None:
    """Scalars and arrays of each type come back as they were written; the type of a value is Python's for it."""
    header = Header.open(write(tmp_path, every_type()))
    expected: dict[str, object] = {
        "u8": 255, "i8": -128, "u16": 65535, "i16": -32768, "u32": 2**32 - 1, "i32": -(2**31), "f32": -0.5,
        "bool": True, "string": "Größe", "u64": 2**64 - 1, "i64": -(2**63), "f64": 1e300,
    }  # fmt: skip
    for name, value in expected.items():
        assert header[f"scalar.{name}"] == value
        assert type(header[f"scalar.{name}"]) is type(value)
        assert header[f"array.{name}"] == [value, value]
        assert header[f"none.{name}"] == []
        assert (header.count(f"scalar.{name}"), header.count(f"array.{name}"), header.count(f"none.{name}")) == (
            None,
            2,
            0,
        )
    assert (header.type("scalar.u8"), header.type("array.string")) == ("uint8", "array[string]")
    assert len(header) == len(header.keys()) == 36


def test_big_endian(tmp_path: Path) -> None:
    """Numbers of a big-endian file are read as such, and it says so."""
    header = Header.open(write(tmp_path, SOUND["big_endian"]()))
    assert header.big_endian
    assert header["tokenizer.ggml.tokens"] == ["<unk>", "<s>", "</s>", "\u2581the", "日本"]
    assert header["tokenizer.ggml.scores"] == pytest.approx([0.0, -1.0, 2.5, 1e-3, 4.0])
    assert [(finding.id, finding.severity) for finding in header.findings] == [("KG-HDR-BIG-ENDIAN", "note")]


def test_strings_around_every_bound(tmp_path: Path) -> None:
    """Strings of all lengths are whole, kept or not."""
    header = Header.open(write(tmp_path, long_strings()))
    assert header.findings == []
    texts = header["texts"]
    assert isinstance(texts, list)
    assert len(texts) == 15
    for text in texts:
        assert isinstance(text, str)
        assert header[f"text.{len(text.encode())}"] == text


def test_more_text_than_is_kept(tmp_path: Path) -> None:
    """A header with more than a mebibyte of short strings: all are read, and numbers after them count."""
    texts = [Entry(f"text.{number}", Kind.STRING, f"{number:01024}") for number in range(1100)]
    content = model(*texts, Entry("general.alignment", Kind.U32, 64), alignment=64)
    header = Header.open(write(tmp_path, content))
    assert [finding.id for finding in header.findings] == ["KG-META-MUCH"]
    assert header.alignment == 64
    assert [header[text.key] for text in texts if isinstance(text.key, str)] == [text.value for text in texts]


def test_keys(tmp_path: Path) -> None:
    """A header is asked as a mapping is."""
    header = Header.open(write(tmp_path, model()))
    assert header.keys() == ["general.architecture", "general.name", "tokenizer.ggml.tokens", "tokenizer.ggml.scores"]
    assert "general.name" in header
    assert "general.author" not in header
    assert 3 not in header
    for ask in (header.__getitem__, header.type, header.count):
        with pytest.raises(KeyError, match=r"general\.author"):
            ask("general.author")


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    """They are U+FFFD for Python, in keys too, and the key can be asked for as it is listed."""
    header = Header.open(write(tmp_path, model(Entry(b"a\xff", Kind.STRING, b"b\xfe"))))
    assert header.keys()[-1] == "a\ufffd"
    assert header["a\ufffd"] == "b\ufffd"


def test_file_that_changes(tmp_path: Path) -> None:
    """A long value of a file that has changed is an error; a small one was kept."""
    path = write(tmp_path, model(Entry("long", Kind.STRING, "x" * 5000)))
    header = Header.open(path)
    Path(os.fsdecode(path)).write_bytes(model(Entry("long", Kind.STRING, "x" * 50)))
    assert header["general.name"] == "kandil-tiny"
    with pytest.raises(ValueError, match="changed"):
        header["long"]
    Path(os.fsdecode(path)).unlink()
    with pytest.raises(FileNotFoundError):
        header["long"]


def test_what_is_no_file(tmp_path: Path) -> None:
    """Errors of the system come as Python's own; a FIFO and a folder are refused without waiting."""
    with pytest.raises(FileNotFoundError) as caught:
        Header.open(os.fsencode(tmp_path / "none"))
    assert caught.value.filename == os.fsencode(tmp_path / "none")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (tmp_path, fifo):
        with pytest.raises(OSError, match="not a regular file"):
            Header.open(os.fsencode(path))


def test_path_that_is_not_utf8(tmp_path: Path) -> None:
    """Paths are bytes."""
    path = os.fsencode(tmp_path) + b"/\xff.gguf"
    Path(os.fsdecode(path)).write_bytes(model())
    assert Header.open(path)["tokenizer.ggml.tokens"]


def test_not_gguf(tmp_path: Path) -> None:
    """No keys, no tensors, one finding."""
    header = Header.open(write(tmp_path, b"<html></html>"))
    assert not header.is_gguf
    assert (len(header), header.tensors, header.data_offset) == (0, [], None)
    assert [finding.id for finding in header.findings] == ["KG-HDR-MAGIC"]
    assert "HTML" in header.findings[0].message


def test_every_tensor_type(tmp_path: Path) -> None:
    """Names and sizes of all types are those of ggml: (name, elements of a block, bytes of a block)."""
    known = {
        0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
        7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
        12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
        16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
        20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
        24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
        29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
        39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18), 42: ("Q2_0", 64, 18),
    }  # fmt: skip
    for kind in range(45):
        tensor = Tensor("t", (512, 3), kind)
        header = Header.open(write(tmp_path, build((), (tensor,), data=bytes(1 << 14))))
        ids = {finding.id for finding in header.findings}
        if kind in known:
            name, block, size = known[kind]
            assert (header.tensors[0].type, header.tensors[0].size_bytes) == (name, 512 * 3 // block * size)
            assert ids == {"KG-SLACK-TRAIL"}
        else:
            assert ids == {"KG-TEN-TYPE"}
            assert header.tensors[0].size_bytes == 0
