"""Two parsers beside each other: a real one of ggml, in this process and on sound files, and kandil's scan."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kandil import Header
from kandil.sandbox import declarations, loading, reading
from kandil.sandbox.ggml import Library, LibraryUnusable
from tests.support import loadable
from tests.support.gguf_files import SOUND, Entry, Kind, Tensor, build
from tests.support.runtimes import xllamacpp

TENSORS = (Tensor("a.weight", (32, 2)), Tensor("b.weight", (32, 4), 1))
ENTRIES = (
    Entry("general.architecture", Kind.STRING, "llama"),
    Entry("a.number", Kind.I16, -3),
    Entry("a.list", Kind.ARRAY, (1, 2, 3), Kind.U8),
    Entry("a.text", Kind.ARRAY, ("one", "two"), Kind.STRING),
)


@cache
def library() -> Library:
    return Library(str(xllamacpp()), [])


@pytest.fixture
def view(tmp_path: Path) -> Iterator[Any]:
    """`view(bytes)`: the library's view of a file, and a descriptor of it."""
    opened = []

    def open_(made: bytes) -> tuple[Any, int]:
        path = tmp_path / "seen.gguf"
        path.write_bytes(made)
        fd = os.open(path, os.O_RDONLY)
        opened.append(fd)
        seen = reading.read(library(), library().stream(fd))
        assert seen
        return seen, fd

    yield open_
    for fd in opened:
        os.close(fd)


def scanned(tmp_path: Path, made: bytes) -> Header:
    path = tmp_path / "scanned.gguf"
    path.write_bytes(made)
    return Header.open(path)


def changed(index: int, entry: Entry) -> bytes:
    return build([*ENTRIES[:index], entry, *ENTRIES[index + 1 :]], TENSORS)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (changed(1, Entry("a.numbar", Kind.I16, -3)), "key 1: the loader sees 'a.number', kandil's scan 'a.numbar'"),
        (changed(1, Entry("a.number", Kind.I16, 3)), "the value of 'a.number': the loader sees -3, kandil's scan 3"),
        (changed(1, Entry("a.number", Kind.U16, 3)), "the type of 'a.number': the loader sees 'int16'"),
        (
            changed(2, Entry("a.list", Kind.ARRAY, (1, 2), Kind.U8)),
            "the number of elements of 'a.list': the loader sees 3, kandil's scan 2",
        ),
        (
            changed(2, Entry("a.list", Kind.ARRAY, (1, 2, 3), Kind.U16)),
            "the type of 'a.list': the loader sees 'array[uint8]', kandil's scan 'array[uint16]'",
        ),
        (
            changed(2, Entry("a.list", Kind.ARRAY, (1, 9, 3), Kind.U8)),
            "element 1 of 'a.list': the loader sees 2, kandil's scan 9",
        ),
        (
            changed(3, Entry("a.text", Kind.ARRAY, ("one", "twin"), Kind.STRING)),
            "element 1 of 'a.text': the loader sees 'two', kandil's scan 'twin'",
        ),
        (build(ENTRIES[:3], TENSORS), "the number of keys: the loader sees 4, kandil's scan 3"),
        (build(ENTRIES, TENSORS[:1]), "the number of tensors: the loader sees 2, kandil's scan 1"),
        (
            build(ENTRIES, (TENSORS[0], Tensor("c.weight", (32, 4), 1))),
            "the name of tensor 'c.weight': the loader sees 'b.weight', kandil's scan 'c.weight'",
        ),
        (
            build(ENTRIES, (TENSORS[0], Tensor("b.weight", (64, 2), 1))),
            "the shape of tensor 'b.weight': the loader sees (32, 4, 1, 1), kandil's scan (64, 2, 1, 1)",
        ),
        (
            build(ENTRIES, (TENSORS[0], Tensor("b.weight", (32, 4), 30))),
            "the type of tensor 'b.weight': the loader sees 'f16', kandil's scan 'bf16'",
        ),
        (
            build(ENTRIES, (TENSORS[0], Tensor("b.weight", (32, 4)))),
            "the size of tensor 'b.weight': the loader sees 256, kandil's scan 512",
        ),
    ],
)
def test_every_difference_is_seen(tmp_path: Path, view: Any, other: bytes, said: str) -> None:
    seen, _ = view(build(ENTRIES, TENSORS))
    with (tmp_path / "scanned.gguf").open("wb") as file:  # what the loader writes again is not what stands there
        file.write(other)
    with (tmp_path / "scanned.gguf").open("rb") as file:
        found = reading.differences(library(), seen, Header.open(file.fileno()), file.fileno())
    assert any(message.startswith(said) for message in found), found


@pytest.mark.parametrize("name", sorted(SOUND.keys() - {"big_endian"}))
def test_sound_files_are_the_same_to_both(tmp_path: Path, view: Any, name: str) -> None:
    made = SOUND[name]()
    seen, fd = view(made)
    assert reading.differences(library(), seen, scanned(tmp_path, made), fd) == []


def test_every_value_is_compared_where_the_library_writes_it_otherwise(tmp_path: Path, view: Any) -> None:
    """A dimension of 1 at the end is not written again."""
    entries = [*every_list(), Entry("nan", Kind.F32, float("nan"))]
    made = build(entries, (Tensor("a.weight", (32, 1)),))
    seen, fd = view(made)
    comparison = reading._Comparison(library(), seen, scanned(tmp_path, made))
    assert not comparison._written_again(fd)
    assert list(comparison.differences(fd)) == []


def every_list() -> list[Entry]:
    kinds = [kind for kind in Kind if kind not in (Kind.STRING, Kind.ARRAY)]
    numbers = [Entry(f"list.{kind.name}", Kind.ARRAY, (1, 0, 1), kind) for kind in kinds]
    texts = Entry("texts", Kind.ARRAY, ("", "é", b"\xff", b"cut\0here"), Kind.STRING)
    return [*numbers, texts, Entry("none", Kind.ARRAY, (), Kind.I32)]


def test_a_long_text_is_shown_from_where_it_differs(tmp_path: Path, view: Any) -> None:
    seen, fd = view(build([Entry("t", Kind.STRING, "x" * 200 + "a")]))
    found = reading.differences(
        library(), seen, scanned(tmp_path, build([Entry("t", Kind.STRING, "x" * 200 + "b")])), fd
    )
    assert found == ["the value of 't': the loader sees 'a' from character 200 on, kandil's scan 'b'"]


def test_a_text_that_ends_with_nul_hides_nothing(tmp_path: Path, view: Any) -> None:
    made = build([Entry("t", Kind.STRING, "text\0\0")])
    seen, fd = view(made)
    assert reading.differences(library(), seen, scanned(tmp_path, made), fd) == []


def test_the_differences_that_are_told_are_few(tmp_path: Path, view: Any) -> None:
    seen, fd = view(build([Entry(f"k{index}", Kind.U8, 1) for index in range(99)]))
    header = scanned(tmp_path, build([Entry(f"k{index}", Kind.U8, 2) for index in range(99)]))
    assert len(reading.differences(library(), seen, header, fd)) == 20


def test_a_scan_that_breaks_off_is_a_difference(tmp_path: Path, view: Any) -> None:
    made = build(ENTRIES, TENSORS)
    seen, fd = view(made)
    assert reading.differences(library(), seen, scanned(tmp_path, made[:60]), fd) == [
        "kandil's scan breaks off in the header, and the loader reads on"
    ]


def test_the_declarations_are_those_that_are_shipped(tmp_path: Path) -> None:
    from kandil.sandbox import _ggml

    declarations.write(str(tmp_path / "_ggml.py"))
    assert (tmp_path / "_ggml.py").read_text() == Path(_ggml.__file__).read_text(), declarations.__doc__


def test_a_library_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(LibraryUnusable, match="cannot load library"):
        Library(str(tmp_path / "none.so"), [])


def test_what_a_loader_says_is_kept(view: Any, tmp_path: Path) -> None:
    view(build(ENTRIES, TENSORS))
    library().errors.clear()
    (tmp_path / "bad.gguf").write_bytes(loadable.model()[:500])
    with (tmp_path / "bad.gguf").open("rb") as file:
        assert not reading.read(library(), library().stream(os.dup(file.fileno())))
    assert any("failed to read" in line for line in library().errors)


def test_the_parameters_of_this_library_are_known() -> None:
    defaults = library().ffi.new("struct block *", library().llama_model_default_params())
    raw = bytes(library().ffi.buffer(defaults))
    known = [form for form in loading.MODEL_FORMS if loading.places(form, raw)]
    assert len(known) == 1
    assert loading.why_not(library()) is None
