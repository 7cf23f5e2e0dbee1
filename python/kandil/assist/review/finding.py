"""Findings, and where in the real text they stand: a model counts lines badly and quotes well."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kandil.assist.sources import Source

SEVERITIES: Final = ("info", "low", "medium", "high", "critical")
"""The least first."""
CATEGORIES: Final = ("bug", "security", "concurrency", "performance", "error-handling", "tests", "clarity")
_NEAR_LINES: Final = 30
"""Farther from where a model says, the same words are something else."""
_TELLING: Final = 4
"""Letters and digits; with fewer, as of ``}``, a quote says nothing of a place."""
_PART_TELLING: Final = 8
"""As much as a part of a line must have."""
_NUMBERED: Final = re.compile(r"^[ \t]*\d+\|", re.MULTILINE)
"""What stands before a line where it is shown, and what some models quote with it."""
_TEXT: Final = {"type": "string", "maxLength": 4000}
_LINE: Final = {"type": "integer", "minimum": 1}
_FIELDS: Final[dict[str, Any]] = {
    "start_line": _LINE,
    "end_line": _LINE,
    "severity": {"enum": list(SEVERITIES)},
    "category": {"enum": list(CATEGORIES)},
    "message": {**_TEXT, "minLength": 1},
    "suggestion": _TEXT,
    "quote": _TEXT,
}
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": _FIELDS,
                "required": list(_FIELDS),
                "additionalProperties": False,
            },
        }
    },
    "required": ["findings"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a model says of lines that are there. `message` and `suggestion` are its words, unescaped."""

    path: str
    start_line: int
    end_line: int
    severity: str
    category: str
    message: str
    suggestion: str
    quote: str
    """As it stands in the file."""


def anchored(said: Mapping[str, Any], source: Source, first: int, last: int) -> Finding | None:
    """The finding where its quote stands, between these lines; None: nowhere near, or in no changed line.

    `said` is of `SCHEMA`.
    """
    quoted = [line.strip() for line in _NUMBERED.sub("", said["quote"].strip()).split("\n")]
    start = _place(quoted, source.lines, said["start_line"], range(first, last - len(quoted) + 2))
    if start is None:
        return None
    end = start + len(quoted) - 1
    if source.changed is not None and not source.changed.intersection(range(start, end + 1)):
        return None
    return Finding(
        path=source.name,
        start_line=start,
        end_line=end,
        severity=said["severity"],
        category=said["category"],
        message=said["message"],
        suggestion=said["suggestion"],
        quote="\n".join(source.lines[start - 1 : end]),
    )


def _place(quoted: Sequence[str], lines: Sequence[str], said: int, starts: range) -> int | None:
    """The nearest line to `said` at which the quote begins: of whole lines, else of parts of lines."""
    letters = sum(character.isalnum() for line in quoted for character in line)
    reach = _NEAR_LINES if letters >= _TELLING else 0
    near = sorted((at for at in range(said - reach, said + reach + 1) if at in starts), key=lambda at: abs(at - said))
    for matches in (_whole, _part) if letters >= _PART_TELLING else (_whole,):
        for at in near:
            if any(quoted) and matches(quoted, [line.strip() for line in lines[at - 1 : at - 1 + len(quoted)]]):
                return at
    return None


def _whole(quoted: Sequence[str], lines: Sequence[str]) -> bool:
    return quoted == lines


def _part(quoted: Sequence[str], lines: Sequence[str]) -> bool:
    """The quote begins within its first line, and ends within its last."""
    if len(quoted) == 1:
        return quoted[0] in lines[0]
    within = lines[0].endswith(quoted[0]) and lines[-1].startswith(quoted[-1])
    return within and quoted[1:-1] == lines[1:-1]


def fingerprints(findings: Iterable[Finding]) -> list[str]:
    """What stays the same of each when lines move, and when the model says it in other words.

    Findings on the same words are told apart by their order.
    """
    seen: Counter[str] = Counter()
    made = []
    for one in findings:
        words = "\n".join(line.strip() for line in one.quote.split("\n"))
        identity = f"{one.path}\0{one.category}\0{words}"
        made.append(sha256(f"{identity}\0{seen[identity]}".encode(errors="surrogateescape")).hexdigest())
        seen[identity] += 1
    return made
