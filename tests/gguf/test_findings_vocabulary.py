"""Vocabularies that loaders refuse or stumble over are reported; those that tokenizers write are left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kandil._core import Finding, Header, rules
from tests.support.gguf_hostile_vocabulary import HOSTILE, SOUND

SEVERITIES = {rule.id: rule.severity for rule in rules()}


def findings(path: Path, content: bytes) -> list[Finding]:
    """What is found of the vocabulary: these are no whole models."""
    path.write_bytes(content)
    return [found for found in Header.open(os.fsencode(path)).findings if found.id.startswith("KG-VOC")]


@pytest.mark.parametrize("name", SOUND)
def test_sound_vocabularies(name: str, tmp_path: Path) -> None:
    assert [(found.id, found.message) for found in findings(tmp_path / "a", SOUND[name]())] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_vocabularies(name: str, tmp_path: Path) -> None:
    """The finding is there, with its rule's severity, its place and a message that is safe to print."""
    builder, expected = HOSTILE[name]
    content = builder()
    found = findings(tmp_path / "a", content)
    assert expected in [finding.id for finding in found]
    for finding in found:
        assert finding.severity == SEVERITIES[finding.id]
        assert finding.offset is not None
        assert finding.offset < len(content)
        assert finding.message.isprintable()


def test_suspicious_alone_does_not_block(tmp_path: Path) -> None:
    """What loaders load, however oddly, causes nothing worse than suspicion."""
    for name, (builder, expected) in HOSTILE.items():
        if SEVERITIES[expected] == "suspicious":
            assert {found.severity for found in findings(tmp_path / "a", builder())} == {"suspicious"}, name


def test_every_rule_of_the_vocabulary_is_met() -> None:
    """So that none is an empty promise."""
    assert {rule for rule in SEVERITIES if rule.startswith("KG-VOC")} == {expected for _, expected in HOSTILE.values()}


def test_messages_name_key_value_and_expectation(tmp_path: Path) -> None:
    def message(name: str) -> str:
        builder, expected = HOSTILE[name]
        return next(found.message for found in findings(tmp_path / "a", builder()) if found.id == expected)

    assert message("flag_is_a_number") == 'key "tokenizer.ggml.add_bos_token" is of type uint32, bool was expected'
    assert "is of type array[uint8], array[float32 or int32] was expected" in message("scores_of_one_byte")
    assert "has 262 elements, 263 were expected" in message("one_score_too_few")
    assert '"token_embd.weight" has 223 rows, 263 were expected' in message("more_tokens_than_rows")
    assert "names token 263, but there are 263 tokens" in message("end_beyond_the_tokens")
    assert "names token -5" in message("negative_begin")
    assert "loaders take token 11" in message("default_end_beyond_the_tokens")
    assert 'has "<0x-1>" as element 13, of the type byte' in message("negative_byte")
    assert "element 262" in message("a_token_twice")
    assert "such as 77 for element 0" in message("type_77")
    assert 'the first is element 1, "q z"' in message("merges_of_no_tokens")
