"""What came of loading a file: typed, and read from the child's report as from a stranger's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from kandil._core import rules
from kandil.sandbox.runtimes import Runtime

SCHEMA: Final = "kandil.sandbox/1"

Severity = Literal["note", "suspicious", "malformed", "malicious"]
LevelName = Literal["header", "reference", "model"]
LevelResult = Literal["passed", "failed", "not-possible"]
Status = Literal["passed", "failed", "not-tested"]

_MOST_FINDINGS, _MOST_TEXT = 32, 4096


class ReportInvalid(ValueError):
    """The child's report is none."""


@dataclass(frozen=True, slots=True)
class Level:
    """One way to load: `header` (another parser's view), `reference` (the gguf package's), `model` (all of it)."""

    name: LevelName
    result: LevelResult
    reason: str | None
    milliseconds: float | None


@dataclass(frozen=True, slots=True)
class LoadFinding:
    """One thing that loading found; `id` is a rule's."""

    id: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What came of loading a file in the sandbox.

    `passed`: at least one level was possible, and none failed. `not-tested`: none was, and `reason` says why.
    """

    path: str
    status: Status
    reason: str | None
    hint: str | None
    levels: tuple[Level, ...]
    findings: tuple[LoadFinding, ...]
    runtime: Runtime | None
    """The loader that was used; None where none was."""
    versions: Mapping[str, str]
    layers: Mapping[str, str]
    """Each layer of the sandbox: `active`, or why not."""
    last_step: str | None
    milliseconds: float
    refused_runtimes: Mapping[str, str]
    """Loaders that were found and could not be used, by path, with the reason."""

    @property
    def blocks(self) -> bool:
        """Whether a finding says that nothing should load this file."""
        return any(finding.severity in ("malformed", "malicious") for finding in self.findings)


def finding(rule: str, message: str) -> LoadFinding:
    """A finding as severe as its rule is."""
    return LoadFinding(rule, _severities()[rule], message)


def _severities() -> dict[str, Severity]:
    return {rule.id: rule.severity for rule in rules() if rule.id.startswith("KG-LOAD-")}


def parse(
    said: object, asked: Sequence[LevelName]
) -> tuple[tuple[Level, ...], tuple[LoadFinding, ...], dict[str, str]]:
    """Levels, findings and versions in a work module's report; it may end with the first level that has not passed.

    Raises: ReportInvalid, for whatever is not exactly as the work modules write it.
    """
    report = _fields(said, "versions", "levels")
    versions = report["versions"]
    if not isinstance(versions, dict) or len(versions) > len(("ggml", "llama")):
        raise ReportInvalid("versions")
    levels, findings = [], []
    for one in _list(report["levels"], len(get_args(LevelName))):
        level, found = _level(one)
        levels.append(level)
        findings += found
    names = tuple(level.name for level in levels)
    whole = names == tuple(asked) or (bool(levels) and levels[-1].result != "passed")
    if names != tuple(asked[: len(names)]) or not whole or any(level.result != "passed" for level in levels[:-1]):
        raise ReportInvalid("levels")
    return tuple(levels), tuple(findings), {_text(name): _text(version) for name, version in versions.items()}


def _level(said: object) -> tuple[Level, list[LoadFinding]]:
    level = _fields(said, "name", "result", "reason", "milliseconds", "findings")
    name, result, milliseconds = level["name"], level["result"], level["milliseconds"]
    if name not in get_args(LevelName) or result not in get_args(LevelResult):
        raise ReportInvalid("a level's name or result")
    if not isinstance(milliseconds, float) or not math.isfinite(milliseconds) or milliseconds < 0:
        raise ReportInvalid("milliseconds")
    reason = None if level["reason"] is None else _text(level["reason"])
    findings = [_finding(one) for one in _list(level["findings"], _MOST_FINDINGS)]
    grave = any(found.severity != "note" for found in findings)
    if grave != (result == "failed"):
        raise ReportInvalid("a level fails if there is a finding, and only then")
    return Level(name, result, reason, milliseconds), findings  # type: ignore[arg-type]  # checked above


def _finding(said: object) -> LoadFinding:
    pair = _list(said, 2)
    rule, message = (_text(part) for part in pair) if len(pair) == 2 else ("", "")  # noqa: PLR2004 (a pair)
    if rule not in _severities():
        raise ReportInvalid("a finding")
    return finding(rule, message)


def _fields(said: object, *names: str) -> dict[str, object]:
    if not isinstance(said, dict) or set(said) != set(names):
        raise ReportInvalid("fields")
    return said


def _list(said: object, most: int) -> list[object]:
    if not isinstance(said, list) or len(said) > most:
        raise ReportInvalid("a list")
    return said


def _text(said: object) -> str:
    if not isinstance(said, str) or len(said) > _MOST_TEXT:
        raise ReportInvalid("a text")
    return said
