"""What a child may say. None of it is believed: size, depth, types and order are checked, and nothing is repaired."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from kandil.sandbox import child

MAX_BYTES = 1 << 20
MAX_DEPTH = 16
MAX_TEXT = 4096
_FIRST, _LAST = (child.LAYERS, child.REFUSED), (child.REPORT, child.ERROR, child.REFUSED)


class ReportInvalid(Exception):
    """The child said what it may not say."""


@dataclass(slots=True)
class Report:
    """What was said until the end, or until the first line that is none."""

    layers: Mapping[str, str] = field(default_factory=dict)
    step: str | None = None
    report: dict[str, object] | None = None
    refused: str | None = None
    error: str | None = None
    invalid: str | None = None


def parse(said: bytes, *, cut: bool = False) -> Report:
    """Reads the lines that came. With `cut`, the last may be half a line: the child was ended while it wrote."""
    report = Report()
    *lines, rest = said.split(b"\n")
    try:
        _take_all(report, lines)
    except ReportInvalid as error:
        report.invalid = str(error)
    if rest and not cut:
        report.invalid = report.invalid or "the last line has no end"
    return report


def _take_all(report: Report, lines: list[bytes]) -> None:
    before = ""
    for line in lines:
        kind, value = _line(line)
        if (kind in _FIRST) != (not before) or before in _LAST:
            raise ReportInvalid(f"{kind[:40]!r} at the wrong place")
        _take(report, kind, value)
        before = kind


def _line(line: bytes) -> tuple[str, object]:
    try:
        value = json.loads(line.decode("ascii"), object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise ReportInvalid(f"not JSON: {type(error).__name__}") from None
    if not isinstance(value, dict) or len(value) != 1:
        raise ReportInvalid("not one thing said")
    _check_depth(value)
    return next(iter(value.items()))


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ReportInvalid("a key twice")
    return value


def _constant(name: str) -> NoReturn:
    raise ReportInvalid(f"{name} is no number of JSON")


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        ]
        if not level:
            return
    raise ReportInvalid(f"deeper than {MAX_DEPTH}")


def _take(report: Report, kind: str, value: object) -> None:
    match kind, value:
        case child.LAYERS, dict() if value and all(map(_is_text, (*value, *value.values()))):
            report.layers = value
        case child.STEP, str() if _is_text(value):
            report.step = value
        case child.REFUSED, str() if _is_text(value):
            report.refused = value
        case child.ERROR, str() if _is_text(value):
            report.error = value
        case child.REPORT, dict():
            report.report = value
        case _:
            raise ReportInvalid(f"{kind[:40]!r} is not what it should be")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT
