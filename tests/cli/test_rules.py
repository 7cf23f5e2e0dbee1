"""`kandil rules`: every rule is listed, and each can be explained by any spelling of its id."""

from __future__ import annotations

import json

import pytest

import kandil
from tests.cli.conftest import type_of_run


def test_every_rule_is_listed_in_groups(run: type_of_run) -> None:
    done = run("rules")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    titles = [line for line in lines if not line.startswith(" ")]
    assert titles[:3] == ["header", "keys", "values"]
    assert len(titles) == len(set(titles))
    listed = [line.split(maxsplit=2) for line in lines if line.startswith(" ")]
    assert sorted(listed) == sorted([rule.id, rule.severity, rule.summary] for rule in kandil.rules())


@pytest.mark.parametrize("given", ["KG-TEN-PATH", "kg-ten-path", "ten-path", "Ten-Path"])
def test_a_rule_is_explained(run: type_of_run, given: str) -> None:
    done = run("rules", given, COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "KG-TEN-PATH  malicious, which blocks the file"
    assert max(map(len, lines)) <= 80
    labels = ("why", "reference", "what passes")
    assert [line.strip().startswith(labels) for line in lines].count(True) == 3
    rule = next(rule for rule in kandil.rules() if rule.id == "KG-TEN-PATH")
    words = " ".join(done.stdout.split())
    for text in (rule.summary, rule.explanation, rule.reference, rule.false_positives):
        assert text in words


def test_several_rules_are_explained_in_the_order_asked_for(run: type_of_run) -> None:
    heads = [line for line in run("rules", "str-len", "hdr-v1").stdout.splitlines() if line.startswith("KG-")]
    assert [head.split()[0] for head in heads] == ["KG-STR-LEN", "KG-HDR-V1"]


def test_json_has_all_that_is_known_of_a_rule(run: type_of_run) -> None:
    everything = json.loads(run("rules", "--json").stdout)
    assert (everything["schema"], everything["kandil_version"]) == ("kandil.rules/1", kandil.__version__)
    assert [rule["id"] for rule in everything["rules"]] == [rule.id for rule in kandil.rules()]
    (one,) = json.loads(run("rules", "--json", "hdr-v1").stdout)["rules"]
    assert set(one) == {"id", "severity", "summary", "explanation", "reference", "false_positives"}
    assert (one["id"], one["severity"]) == ("KG-HDR-V1", "malformed")
    assert all(one.values())


@pytest.mark.parametrize(
    ("given", "near"),
    [("KG-TEN-PTH", "KG-TEN-PATH"), ("tenpath", "KG-TEN-PATH"), ("slack", "KG-SLACK-PAD, KG-SLACK-TRAIL")],
)
def test_an_unknown_id_names_its_neighbours(run: type_of_run, given: str, near: str) -> None:
    done = run("rules", "KG-HDR-V1", given)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"error: no rule {given}\nhint: did you mean {near}")


def test_an_id_that_is_like_no_other_is_an_error_too(run: type_of_run) -> None:
    done = run("rules", "\x1b[2J")
    assert done.returncode == 3
    assert done.stderr == "error: no rule \\x1b[2J\nhint: `kandil rules` lists them\n"


def test_what_only_looks_like_a_rule_by_its_first_letters_is_not_offered(run: type_of_run) -> None:
    assert json.loads(run("rules", "nonsense", "--json").stdout)["error"]["near"] == []


def test_every_rule_of_an_area_is_offered(run: type_of_run) -> None:
    near = json.loads(run("rules", "voc", "--json").stdout)["error"]["near"]
    assert near == [rule.id for rule in kandil.rules() if rule.id.startswith("KG-VOC-")]
