"""A child's report is read as a stranger's; how a child ends is a finding."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil._core import rules
from kandil.sandbox.result import ReportInvalid, parse
from kandil.sandbox.runtimes import Runtime
from kandil.sandbox.supervisor import ChildEnd
from kandil.sandbox.trial import _not_started, _Trial, _why

PASSED = {"name": "header", "result": "passed", "reason": "fine", "milliseconds": 1.5, "findings": []}
FAILED = {**PASSED, "result": "failed", "reason": None, "findings": [["KG-LOAD-DIFFERS", "one"]]}
REPORT = {"versions": {"ggml": "0.1"}, "levels": [PASSED]}


def ended(how: str, **facts: Any) -> ChildEnd:
    return ChildEnd(how=how, **{"step": None, "layers": {}, "seconds": 1.0, **facts})  # type: ignore[arg-type]


def test_a_report_is_taken_as_it_is() -> None:
    levels, findings, versions = parse({**REPORT, "levels": [FAILED]}, ["header", "model"])
    assert [(level.name, level.result, level.reason, level.milliseconds) for level in levels] == [
        ("header", "failed", None, 1.5)
    ]
    assert [(finding.id, finding.severity, finding.message) for finding in findings] == [
        ("KG-LOAD-DIFFERS", "malformed", "one")
    ]
    assert versions == {"ggml": "0.1"}


def _set(path: tuple[Any, ...], value: object) -> Callable[[], object]:
    def changed() -> object:
        report = copy.deepcopy({**REPORT, "levels": [FAILED]})
        place: Any = report
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        return report

    return changed


@pytest.mark.parametrize(
    "made",
    [
        lambda: None,
        list,
        dict,
        lambda: {**REPORT, "more": 1},
        _set(("versions",), []),
        _set(("versions",), {"a": "1", "b": "2", "c": "3"}),
        _set(("versions", "ggml"), 1),
        _set(("versions", "ggml"), "x" * 5000),
        _set(("levels",), []),
        _set(("levels",), [PASSED, PASSED]),
        _set(("levels",), [PASSED] * 9),
        _set(("levels",), "header"),
        _set(("levels", 0, "name"), "other"),
        _set(("levels", 0, "name"), ["header"]),
        _set(("levels", 0, "result"), "failing"),
        _set(("levels", 0, "result"), "passed"),
        _set(("levels", 0, "result"), {}),
        _set(("levels", 0, "reason"), 7),
        _set(("levels", 0, "reason"), "x" * 5000),
        _set(("levels", 0, "milliseconds"), 1),
        _set(("levels", 0, "milliseconds"), -1.0),
        _set(("levels", 0, "milliseconds"), float("inf")),
        _set(("levels", 0, "more"), 1),
        _set(("levels", 0, "findings"), []),
        _set(("levels", 0, "findings"), [["KG-LOAD-CONSTANT", "a note is no failure"]]),
        _set(("levels", 0, "findings"), [["KG-LOAD-DIFFERS", "one"]] * 40),
        _set(("levels", 0, "findings"), [["KG-KEY-DUP", "a rule of others"]]),
        _set(("levels", 0, "findings"), [["KG-LOAD-DIFFERS"]]),
        _set(("levels", 0, "findings"), [["KG-LOAD-DIFFERS", "x" * 5000]]),
        _set(("levels", 0, "findings"), [["KG-LOAD-DIFFERS", None]]),
    ],
)
def test_whatever_is_not_exactly_a_report_is_none(made: Callable[[], object]) -> None:
    with pytest.raises(ReportInvalid):
        parse(made(), ["header"])


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(_ANYTHING, st.sampled_from(["versions", "levels", "level"]))
def test_nothing_else_comes_of_it(value: object, where: str) -> None:
    report = {**REPORT, "levels": [value]} if where == "level" else {**REPORT, where: value}
    try:
        levels, _, versions = parse(report, ["header"])
    except ReportInvalid:
        return
    assert len(levels) == 1
    assert len(versions) <= 2


@pytest.mark.parametrize(
    ("end", "rule", "said"),
    [
        (ended("crashed", signal="SIGSEGV", step="model: load"), "KG-LOAD-CRASH", "SIGSEGV at step 'model: load'"),
        (ended("crashed", signal="SIGSYS"), "KG-LOAD-CRASH", "a system call that reading a model does not need"),
        (ended("crashed", exit_code=3), "KG-LOAD-CRASH", "exit code 3"),
        (ended("failed", reason="ValueError: x"), "KG-LOAD-CRASH", "ValueError: x"),
        (ended("crashed", signal="SIGXCPU"), "KG-LOAD-TIMEOUT", "1.0 s"),
        (ended("timed-out"), "KG-LOAD-TIMEOUT", "before the first step"),
        (ended("crashed", signal="SIGKILL"), "KG-LOAD-MEMORY", "memory"),
        (ended("crashed", signal="SIGABRT", stderr=b"std::bad_alloc"), "KG-LOAD-MEMORY", "memory"),
        (ended("failed", reason="MemoryError: "), "KG-LOAD-MEMORY", "memory"),
        (ended("failed", reason="ValueError: a tensor named bad_alloc"), "KG-LOAD-CRASH", "ValueError"),
        (ended("crashed", signal="SIGSYS", stderr=b"std::bad_alloc"), "KG-LOAD-CRASH", "SIGSYS"),
        (ended("crashed", signal="SIGSEGV", stderr=b"failed to allocate"), "KG-LOAD-CRASH", "SIGSEGV"),
        (ended("crashed", exit_code=1, stderr=b"MemoryError"), "KG-LOAD-CRASH", "exit code 1"),
        (ended("over-long"), "KG-LOAD-GARBAGE", "more than a report has"),
        (ended("invalid", reason="not JSON"), "KG-LOAD-GARBAGE", "not JSON"),
    ],
)
def test_every_end_is_a_finding(end: ChildEnd, rule: str, said: str) -> None:
    finding = _why(end)
    assert finding.id == rule
    assert said in finding.message


MODEL, NOT_POSSIBLE = {**PASSED, "name": "model"}, {**PASSED, "name": "model", "result": "not-possible"}
BROKEN = {**PASSED, "result": "not-possible"}


@pytest.mark.parametrize("levels", [[PASSED, MODEL], [PASSED, NOT_POSSIBLE], [FAILED], [BROKEN]])
def test_levels_are_those_that_were_asked_for_until_one_does_not_pass(levels: list[object]) -> None:
    assert len(parse({**REPORT, "levels": levels}, ["header", "model"])[0]) == len(levels)


@pytest.mark.parametrize(
    "levels",
    [[PASSED], [MODEL], [MODEL, PASSED], [FAILED, MODEL], [BROKEN, MODEL], [PASSED, {**MODEL, "name": "reference"}]],
)
def test_a_report_of_other_levels_is_none(levels: list[object]) -> None:
    with pytest.raises(ReportInvalid, match="levels"):
        parse({**REPORT, "levels": levels}, ["header", "model"])


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (ended("crashed", signal="SIGILL"), "it cannot be started: ended by SIGILL"),
        (ended("invalid", reason="not JSON: ValueError"), "it cannot be started: not JSON: ValueError"),
        (ended("over-long"), "it cannot be started: ended for what it wrote"),
        (ended("crashed", exit_code=1, stderr=b"no\n"), "it cannot be started: ended with exit code 1: no"),
        (ended("timed-out"), "it was not ready after 1.0 s"),
        (ended("refused", reason="LibraryUnusable: no gguf"), "no gguf"),
        (ended("refused", reason="OSError: landlock"), None),
        (ended("crashed", signal="SIGILL", layers={"seccomp": "active"}), None),
    ],
)
def test_what_happens_before_the_layers_are_on_says_nothing_of_the_file(end: ChildEnd, reason: str | None) -> None:
    assert _not_started(end) == reason


def test_a_report_that_is_none_is_a_finding() -> None:
    trial = _Trial(refused={}, runtime=Runtime("x", "/x"))
    trial._take(ended("reported", report={"levels": "all of them"}, step="header: read"), ["header"])
    report = trial.report("m.gguf", 1.0)
    assert (report.status, report.blocks, [finding.id for finding in report.findings]) == (
        "failed",
        True,
        ["KG-LOAD-GARBAGE"],
    )


def test_a_sandbox_that_is_not_whole_tests_nothing() -> None:
    trial = _Trial(refused={}, runtime=Runtime("x", "/x"))
    trial._take(ended("refused", reason="OSError: landlock"), ["header"])
    report = trial.report("m.gguf", 1.0)
    assert (report.status, report.reason, report.findings) == ("not-tested", "OSError: landlock", ())


def test_the_rules_can_be_looked_up() -> None:
    known = {rule.id: rule.severity for rule in rules() if rule.id.startswith("KG-LOAD-")}
    assert known == {
        "KG-LOAD-CRASH": "malformed",
        "KG-LOAD-MEMORY": "suspicious",
        "KG-LOAD-TIMEOUT": "suspicious",
        "KG-LOAD-GARBAGE": "malformed",
        "KG-LOAD-DIFFERS": "malformed",
        "KG-LOAD-REFUSED": "suspicious",
        "KG-LOAD-NAN": "malformed",
        "KG-LOAD-CONSTANT": "note",
    }
