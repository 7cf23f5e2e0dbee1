"""The gguf package's reader beside kandil's scan, in this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kandil import Header
from kandil.sandbox import reference
from kandil.sandbox.result import Level, LoadFinding, parse
from tests.support.gguf_files import SOUND, Entry, Kind, Tensor, build, model
from tests.support.gguf_hostile import key_not_utf8
from tests.support.parts import missing

ENTRIES = (
    Entry("a.number", Kind.I16, -3),
    Entry("a.list", Kind.ARRAY, (1, 2, 3), Kind.U8),
    Entry("a.text", Kind.ARRAY, ("one", "two"), Kind.STRING),
)
TENSORS = (Tensor("a.weight", (32, 2)),)


def read(path: Path) -> tuple[Level, tuple[LoadFinding, ...], list[str]]:
    """The level, the findings and the steps."""
    steps: list[str] = []
    fd = os.open(path, os.O_RDONLY)
    try:
        work = reference.prepare({}, fd)
        levels, findings, versions = parse(work(steps.append), ["reference"])
    except ImportError:
        missing("the package gguf")
    finally:
        os.close(fd)
    assert versions == {}
    return levels[0], findings, steps


@pytest.mark.parametrize("name", sorted(SOUND))
def test_sound_files_are_the_same_to_both(tmp_path: Path, name: str) -> None:
    (tmp_path / "m.gguf").write_bytes(SOUND[name]())
    level, findings, steps = read(tmp_path / "m.gguf")
    assert (level.result, findings, steps) == ("passed", (), ["reference: read", "reference: compare"])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (build(ENTRIES[:2], TENSORS), "the keys differ: 'a.text'"),
        (build(ENTRIES[::-1], TENSORS), "the keys differ: their order"),
        (build((Entry("a.number", Kind.U16, 3), *ENTRIES[1:]), TENSORS), "the type of 'a.number'"),
        (build((Entry("a.number", Kind.I16, 3), *ENTRIES[1:]), TENSORS), "the value of 'a.number'"),
        (
            build((ENTRIES[0], Entry("a.list", Kind.ARRAY, (1, 2, 4), Kind.U8), ENTRIES[2]), TENSORS),
            "the value of 'a.list'",
        ),
        (
            build((*ENTRIES[:2], Entry("a.text", Kind.ARRAY, ("one", "too"), Kind.STRING)), TENSORS),
            "the value of 'a.text'",
        ),
        (build(ENTRIES, ()), "the reference reader sees 1 tensors, kandil's scan 0"),
        (build(ENTRIES, (Tensor("b.weight", (32, 2)),)), "tensor 'b.weight': the reference reader sees ('a.weight'"),
    ],
)
def test_every_difference_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: bytes, said: str) -> None:
    (tmp_path / "m.gguf").write_bytes(build(ENTRIES, TENSORS))
    (tmp_path / "other.gguf").write_bytes(other)

    class Other:
        @staticmethod
        def open(_fd: int) -> Any:
            return Header.open(tmp_path / "other.gguf")

    monkeypatch.setattr(reference, "Header", Other)
    level, findings, _ = read(tmp_path / "m.gguf")
    assert (level.result, {finding.id for finding in findings}) == ("failed", {"KG-LOAD-DIFFERS"})
    assert findings[0].message.startswith(said)


@pytest.mark.parametrize("made", [key_not_utf8(), b"", model()[:100]])
def test_what_both_refuse_is_no_difference(tmp_path: Path, made: bytes) -> None:
    (tmp_path / "m.gguf").write_bytes(made)
    level, findings, _ = read(tmp_path / "m.gguf")
    assert (level.result, [finding.id for finding in findings]) == ("failed", ["KG-LOAD-REFUSED"])
