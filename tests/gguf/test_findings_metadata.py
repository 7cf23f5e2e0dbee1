"""Metadata that attacks whoever reads it is reported; what sound models say is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kandil._core import Finding, Header
from tests.support.gguf_files import EMBEDDING, NAME, Entry, Kind, build, model
from tests.support.gguf_hostile_metadata import HOSTILE, INNOCENT

SEVERITIES = {
    "KG-META-BLOB": "malicious", "KG-META-ESC": "malicious", "KG-KEY-CTRL": "malformed",
    "KG-KEY-DAMAGED": "note", "KG-KEY-ODD": "note",
}  # fmt: skip
"""The rest are suspicious."""


def findings(path: Path, content: bytes) -> list[Finding]:
    path.write_bytes(content)
    return Header.open(os.fsencode(path)).findings


def of_metadata(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.id.startswith(("KG-META-", "KG-KEY-"))]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str, tmp_path: Path) -> None:
    """The finding is there, with its severity, a place inside the file, and a message that is safe to print."""
    builder, expected = HOSTILE[name]
    content = builder()
    found = of_metadata(findings(tmp_path / "a", content))
    (finding,) = [finding for finding in found if finding.id == expected]
    assert finding.severity == SEVERITIES.get(expected, "suspicious")
    assert finding.offset is not None
    assert finding.offset < len(content)
    assert finding.message.isprintable()
    assert finding.message.startswith('key "')


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent(name: str, tmp_path: Path) -> None:
    """Nothing is said of the metadata, and nothing worse than a note of the file."""
    found = findings(tmp_path / "a", INNOCENT[name]())
    assert of_metadata(found) == []
    assert [finding.id for finding in found if "random" in name] == ["KG-NO-MODEL"] * ("random" in name)


def test_place_and_words(tmp_path: Path) -> None:
    """A finding points to the bytes that it speaks of, and shows them."""
    content = HOSTILE["instructions_at_the_end_of_a_long_text"][0]()
    (found,) = of_metadata(findings(tmp_path / "a", content))
    assert found.offset == content.rindex(b". Ignore")
    assert "Ignore all previous instruction" in found.message
    content = HOSTILE["elf_in_signed_bytes_behind_others"][0]()
    (found,) = of_metadata(findings(tmp_path / "a", content))
    assert found.offset == content.index(b"\x7fELF")
    assert "ELF" in found.message
    content = HOSTILE["formula_in_a_tag"][0]()
    (found,) = of_metadata(findings(tmp_path / "a", content))
    assert found.offset == content.index(b"=1+1")
    assert found.message.startswith('key "general.tags": element 1 holds')


def test_a_note_in_place_of_what_only_counts_in_models(tmp_path: Path) -> None:
    """Without an architecture oddities are counted in one note; with one, or in a shard, each is reported."""
    bell = Entry("general.author", Kind.STRING, b"\x07\xff")
    (note,) = findings(tmp_path / "a", build((NAME, bell)))
    assert (note.id, note.severity) == ("KG-NO-MODEL", "note")
    assert "2 oddities" in note.message
    expected = {"KG-STR-UTF8", "KG-META-CTRL"}
    assert expected <= {finding.id for finding in findings(tmp_path / "a", model(bell))}
    number = Entry("split.no", Kind.U16, 1)
    count = Entry("split.count", Kind.U16, 2)
    shard = build((number, count, bell), (EMBEDDING,))
    assert expected <= {finding.id for finding in findings(tmp_path / "a", shard)}
