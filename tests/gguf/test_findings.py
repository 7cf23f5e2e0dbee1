"""What is wrong with a file is said, where and how bad; sound files are left alone; no bytes do harm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil._core import Finding, Header
from tests.support.gguf_files import SOUND, model, shard
from tests.support.gguf_hostile import HOSTILE as HOSTILE_KEYS
from tests.support.gguf_hostile_tensors import HOSTILE as HOSTILE_TENSORS

HOSTILE = HOSTILE_KEYS | HOSTILE_TENSORS

MALICIOUS = {"KG-KEY-BIDI", "KG-TEN-BIDI", "KG-TEN-PATH"}
SUSPICIOUS = {
    "KG-HDR-MANY", "KG-KEY-GRAMMAR", "KG-STR-UTF8", "KG-BOOL-VAL", "KG-ALIGN-SMALL", "KG-SPLIT-COUNT", "KG-SPLIT-NAME",
    "KG-TEN-GRAMMAR", "KG-TEN-ZERO", "KG-TEN-FORK", "KG-SLACK-PAD", "KG-SLACK-TRAIL",
}  # fmt: skip
NOTES = {"KG-HDR-BIG-ENDIAN", "KG-KEY-CASE", "KG-ARR-UTF8"}


def findings(path: Path, content: bytes) -> list[Finding]:
    path.write_bytes(content)
    return Header.open(os.fsencode(path)).findings


def severity_of(finding: Finding) -> str:
    """A finding's severity is its id's, but for the sum of those that are not listed."""
    if finding.id in MALICIOUS:
        return "malicious"
    if finding.id in SUSPICIOUS:
        return "suspicious"
    return "note" if finding.id in NOTES else "malformed"


@pytest.mark.parametrize("name", SOUND)
def test_sound(name: str, tmp_path: Path) -> None:
    """Nothing worse than a note."""
    assert [found.id for found in findings(tmp_path / "a", SOUND[name]()) if found.severity != "note"] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str, tmp_path: Path) -> None:
    """The finding is there, with its severity, a place in the file, and a message that is safe to print."""
    builder, expected = HOSTILE[name]
    content = builder()
    found = findings(tmp_path / "a", content)
    assert expected in [finding.id for finding in found]
    for finding in found:
        assert finding.severity == severity_of(finding)
        assert finding.offset is None or finding.offset <= len(content)
        assert finding.message.isprintable()
    assert found == sorted(found, key=lambda finding: len(content) + 1 if finding.offset is None else finding.offset)


def test_place_and_words(tmp_path: Path) -> None:
    """A message says which key or tensor, what was found and what was expected."""
    by_name = {name: findings(tmp_path / "a", HOSTILE[name][0]()) for name in HOSTILE}
    cut = by_name["cut_in_the_data"][0]
    assert "file is 2175 bytes, the header needs 2176" in cut.message
    assert '"output.weight"' in cut.message
    assert '"general.\\u{1b}[2J"' in by_name["ansi_in_key"][0].message
    assert "U+0430" in by_name["homoglyph_in_key"][0].message
    duplicate = by_name["duplicate_key"][0]
    content = HOSTILE["duplicate_key"][0]()
    assert duplicate.offset == content.rindex(b"general.name") - 8
    assert f"first at byte {content.index(b'general.name') - 8}" in duplicate.message
    assert "pickle" in by_name["pickle"][0].message
    assert "Git LFS" in by_name["lfs_pointer"][0].message
    assert "empty" in by_name["empty"][0].message


def test_many_findings_are_counted(tmp_path: Path) -> None:
    """A hundred are listed; the last says how many more, as severe as the worst of them."""
    found = findings(tmp_path / "a", HOSTILE["a_thousand_bad_names"][0]())
    assert len(found) == 101
    assert (found[-1].id, found[-1].severity) == ("KG-MORE", "malformed")
    assert "900 more" in found[-1].message


def test_name_of_a_shard(tmp_path: Path) -> None:
    """A name such as x-00001-of-00003.gguf and the split keys agree; other names say nothing."""
    assert findings(tmp_path / "x-00001-of-00003.gguf", shard(0, 3)) == []
    assert findings(tmp_path / "sha256-0123", shard(0, 3)) == []
    for name in ("x-00002-of-00003.gguf", "x-00001-of-00002.gguf"):
        assert [finding.id for finding in findings(tmp_path / name, shard(0, 3))] == ["KG-SPLIT-NAME"]
    assert findings(tmp_path / "x-00001-of-00001.gguf", model()) == []
    assert [finding.id for finding in findings(tmp_path / "x-00001-of-00002.gguf", model())] == ["KG-SPLIT-NAME"]


def test_cut_anywhere(tmp_path: Path) -> None:
    """Each prefix of a file is broken, and says so; nothing is raised."""
    content = model()
    for end in range(len(content)):
        assert any(finding.severity == "malformed" for finding in findings(tmp_path / "a", content[:end])), end


@given(
    name=st.sampled_from([*SOUND, *HOSTILE]),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8),
)
def test_bytes_changed_anywhere(
    name: str, changes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the bytes are, the header opens, and every value that it lists can be read."""
    content = bytearray((SOUND[name] if name in SOUND else HOSTILE[name][0])())
    for place, value in changes:
        if place < len(content):
            content[place] = value
    path = tmp_path_factory.getbasetemp() / "changed"
    path.write_bytes(content)
    header = Header.open(os.fsencode(path))
    assert all(finding.message.isprintable() for finding in header.findings)
    for key in set(header.keys()):
        read = header[key]
        assert header.count(key) == (len(read) if isinstance(read, list) else None)
