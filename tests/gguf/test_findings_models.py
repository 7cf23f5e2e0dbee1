"""Keys and tensors that make no model are reported; models as converters write them are left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kandil._core import Finding, Header, rules
from tests.support.gguf_architectures import MODELS
from tests.support.gguf_hostile_models import HOSTILE
from tests.support.gguf_models import llama, projector

SEVERITIES = {rule.id: rule.severity for rule in rules()}


def findings(path: Path, content: bytes) -> list[Finding]:
    path.write_bytes(content)
    return Header.open(os.fsencode(path)).findings


@pytest.mark.parametrize("name", MODELS)
def test_sound_models(name: str, tmp_path: Path) -> None:
    assert [(found.id, found.message) for found in findings(tmp_path / "a", MODELS[name]())] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_models(name: str, tmp_path: Path) -> None:
    """The finding is there, with its rule's severity and a message that is safe to print."""
    builder, expected = HOSTILE[name]
    found = findings(tmp_path / "a", builder())
    assert expected in [finding.id for finding in found]
    assert all(finding.severity == SEVERITIES[finding.id] for finding in found)
    assert all(finding.message.isprintable() for finding in found)


def test_suspicious_alone_does_not_block(tmp_path: Path) -> None:
    """What loaders load, however oddly, causes nothing worse than suspicion."""
    for name, (builder, expected) in HOSTILE.items():
        if SEVERITIES[expected] == "suspicious":
            severities = {found.severity for found in findings(tmp_path / "a", builder())}
            assert severities <= {"suspicious", "note"}, name


def test_messages_name_key_value_and_expectation(tmp_path: Path) -> None:
    def message(name: str) -> str:
        builder, expected = HOSTILE[name]
        return next(found.message for found in findings(tmp_path / "a", builder()) if found.id == expected)

    assert message("blocks_513") == 'key "llama.block_count" is 513, at most 512 was expected'
    assert message("no_heads") == 'key "llama.attention.head_count" is 0, at least 1 was expected'
    assert "is 3 in layer 1, a number that divides its 4 heads was expected" in message(
        "shared_heads_that_do_not_divide_in_one_layer"
    )
    assert "has 3 elements, one for each of the 2 blocks" in message("heads_for_three_layers")
    assert '"blk.0.ffn_gate.weight" has the shape [32, 64], [32, 128] was expected' in message(
        "feed_forward_wider_than_its_matrix"
    )
    assert '"llama" was expected' in message("architecture_of_mixed_case")
    assert 'the sizes are given for "llama"' in message("architecture_of_another_model")
    assert "\\u{1b}[2Jllama" in message("architecture_an_escape")


def test_bounds_are_inclusive(tmp_path: Path) -> None:
    """The largest that loaders take passes; one more does not."""
    for builder, key, most in ((projector, "vision.image_size", 8192), (projector, "vision.patch_size", 336)):
        assert findings(tmp_path / "a", builder({key: most})) == []
        assert [found.id for found in findings(tmp_path / "a", builder({key: most + 1}))] == ["KG-MM-LIMIT"]
    assert findings(tmp_path / "a", llama({"context_length": 2**31 - 1})) == []
    assert [found.id for found in findings(tmp_path / "a", llama({"context_length": 2**31}))] == ["KG-HP-CTX"]
