"""Where findings stand: what a model quotes is looked for in the real text, and believed nowhere else."""

from __future__ import annotations

import pytest

from kandil.assist.review.finding import Finding, anchored, fingerprints
from kandil.assist.sources import Source

LINES = (
    "def first(values):",
    "    total = sum(values)",
    "    return total / len(values)",
    "",
    "def second(values):",
    "\ttotal = sum(values)",
    "    }",
    "    return total",
    *("filler = 1",) * 60,
    "    return total",
)
SOURCE = Source(name="a.py", lines=LINES)


def at(line: int, quote: str, *, source: Source = SOURCE, first: int = 1, last: int = len(LINES)) -> str | None:
    said = {
        "start_line": line, "end_line": line, "severity": "low", "category": "bug", "message": "m", "suggestion": "s",
        "quote": quote,
    }  # fmt: skip
    found = anchored(said, source, first, last)
    return None if found is None else f"{found.start_line}-{found.end_line}: {found.quote.strip()}"


@pytest.mark.parametrize(
    ("line", "quote", "found"),
    [
        (2, "total = sum(values)", "2-2: total = sum(values)"),
        (5, "total = sum(values)", "6-6: total = sum(values)"),
        (4, "total = sum(values)", "2-2: total = sum(values)"),
        (1, "    return total / len(values)\n", "3-3: return total / len(values)"),
        (1, "def first(values):\n  total = sum(values)", "1-2: def first(values):\n    total = sum(values)"),
        (1, "def first(values):\r\n    total = sum(values)\r\n", "1-2: def first(values):\n    total = sum(values)"),
        (2, "3|    return total / len(values)", "3-3: return total / len(values)"),
        (1, "1|def first(values):\n2|    total = sum(values)", "1-2: def first(values):\n    total = sum(values)"),
        (8, "return total", "8-8: return total"),
        (40, "return total", "69-69: return total"),
        (3, "total / len(values)", "3-3: return total / len(values)"),
        (2, "sum(values)\n    return total /", "2-3: total = sum(values)\n    return total / len(values)"),
        (7, "}", "7-7: }"),
    ],
)
def test_where_the_quote_stands(line: int, quote: str, found: str) -> None:
    assert at(line, quote) == found


@pytest.mark.parametrize(
    ("line", "quote"),
    [
        (2, "total = max(values)"),
        (38, "total = sum(values)"),
        (6, "}"),
        (2, ""),
        (2, " \n "),
        (3, "len("),
        (2, "total = sum(values)\nreturn nothing"),
        (2, "sum(values)\n\n    return total /"),
        (9_999, "filler = 1"),
        (len(LINES), "return total\n\n\n\n\n"),
    ][:-1],
)
def test_where_it_stands_nowhere(line: int, quote: str) -> None:
    assert at(line, quote) is None


def test_only_in_the_part_that_was_shown() -> None:
    assert at(2, "total = sum(values)", first=3) == "6-6: total = sum(values)"
    assert at(2, "total = sum(values)", first=3, last=5) is None
    assert at(1, "def first(values):\n    total = sum(values)", last=1) is None


def test_only_where_something_changed() -> None:
    source = Source(name="a.py", lines=LINES, changed=frozenset({3}))
    assert at(2, "total = sum(values)", source=source) is None
    assert at(2, "total = sum(values)\n    return total / len(values)", source=source) is not None


def test_fingerprints_stay_where_lines_move() -> None:
    def made(line: int, path: str = "a.py", **other: str) -> Finding:
        usual = {"severity": "low", "category": "bug", "message": "m", "suggestion": "", "quote": "  x = 1"}
        return Finding(path=path, start_line=line, end_line=line, **(usual | other))

    (first,) = fingerprints([made(1)])
    assert fingerprints([made(9, quote="x = 1", message="in other words", severity="high")]) == [first]
    others = [made(1), made(2), made(1, category="tests"), made(1, quote="x = 2"), made(1, path="\udcff.py")]
    assert len(set(fingerprints(others))) == len(others)
