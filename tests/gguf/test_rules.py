"""Whatever is found in a file, a rule says what it means."""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path

import pytest

import tests.support.gguf_hostile
from kandil._core import Header, rules
from tests.support.gguf_files import ARCHITECTURE, Entry, Kind, build
from tests.support.gguf_hostile import Builder

RULES = {rule.id: rule for rule in rules()}
MODULES = sorted(path.stem for path in Path(tests.support.gguf_hostile.__file__).parent.glob("gguf_hostile*.py"))
HOSTILE: dict[str, dict[str, tuple[Builder, str]]] = {
    module: import_module(f"tests.support.{module}").HOSTILE for module in MODULES
}


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


@pytest.mark.parametrize("module", MODULES)
def test_every_finding_has_its_rule(module: str, tmp_path: Path) -> None:
    """And the rule's severity, but for the sum of those that are not listed."""
    for name, (builder, _) in HOSTILE[module].items():
        (tmp_path / "a").write_bytes(builder())
        found = Header.open(os.fsencode(tmp_path / "a")).findings
        assert found, name
        for finding in found:
            assert finding.id in RULES, name
            assert finding.id == "KG-MORE" or finding.severity == RULES[finding.id].severity, name


def test_very_many_keys_are_suspicious(tmp_path: Path) -> None:
    for count, expected in ((10_000, set()), (10_001, {"KG-HDR-MANY"})):
        (tmp_path / "a").write_bytes(build([ARCHITECTURE, *(Entry(f"x.k{n}", Kind.U8, 1) for n in range(count - 1))]))
        found = {one.id for one in Header.open(tmp_path / "a").findings}
        assert found & {"KG-HDR-MANY"} == expected


def test_every_rule_of_the_structure_is_met_by_a_file_that_breaks_it() -> None:
    """So that none is an empty promise."""
    met = {expected for module in HOSTILE.values() for _, expected in module.values()}
    other_tests = {"KG-HDR-SHRANK", "KG-HDR-MANY", "KG-HDR-BIG-ENDIAN", "KG-SPLIT-NAME"}
    first, last = list(RULES).index("KG-HDR-MAGIC"), list(RULES).index("KG-SLACK-TRAIL")
    structure = set(list(RULES)[first : last + 1])
    assert structure - met - other_tests == {"KG-SPLIT-MISSING", "KG-SPLIT-TENSORS"}, "whole folders break these"
