"""Whatever is found in a file, a rule says what it means."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from kandil._core import Header, rules
from tests.gguf.test_findings import HOSTILE

RULES = {rule.id: rule for rule in rules()}


def test_every_rule_is_told_apart_and_explained() -> None:
    assert len(RULES) == len(rules())
    for rule in RULES.values():
        assert re.fullmatch(r"KG(-[A-Z0-9]+)+", rule.id)
        for text in (rule.summary, rule.explanation, rule.reference, rule.false_positives):
            assert text == " ".join(text.split())
            assert text.isprintable()
            assert text
        assert not rule.summary.endswith(".")
        assert rule.explanation.endswith(".")
        assert rule.false_positives.endswith(".")


@pytest.mark.parametrize("name", HOSTILE)
def test_every_finding_has_its_rule(name: str, tmp_path: Path) -> None:
    """And the rule's severity, but for the sum of those that are not listed."""
    (tmp_path / "a").write_bytes(HOSTILE[name][0]())
    found = Header.open(os.fsencode(tmp_path / "a")).findings
    assert found
    for finding in found:
        assert finding.id in RULES
        assert finding.id == "KG-MORE" or finding.severity == RULES[finding.id].severity


def test_every_rule_of_the_structure_is_met_by_a_file_that_breaks_it() -> None:
    """So that none is an empty promise."""
    met = {expected for _, expected in HOSTILE.values()}
    other_tests = {"KG-HDR-SHRANK", "KG-HDR-MANY", "KG-HDR-BIG-ENDIAN", "KG-SPLIT-NAME"}
    first, last = list(RULES).index("KG-HDR-MAGIC"), list(RULES).index("KG-SLACK-TRAIL")
    structure = set(list(RULES)[first : last + 1])
    assert structure - met - other_tests == {"KG-SPLIT-MISSING", "KG-SPLIT-TENSORS"}, "whole folders break these"
