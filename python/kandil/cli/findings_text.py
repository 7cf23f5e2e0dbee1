"""Findings and their rules in words.

They need nothing of `kandil.verify`, which imports trio: `kandil rules` and `kandil inspect` start without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from kandil.cli.escape import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil import _core
    from kandil._core import Rule
    from kandil.verify.result import Finding, Severity

AnyFinding = TypeVar("AnyFinding", "Finding", "_core.Finding")

SEVERITY_STYLES: dict[Severity, str] = {
    "malicious": "red",
    "malformed": "red",
    "suspicious": "yellow",
    "note": "dim",
}
"""Every severity, worst first, with its colour."""
EFFECTS: dict[Severity, str] = {
    "malicious": "blocks the file",
    "malformed": "blocks the file",
    "suspicious": "blocks the file with --strict",
    "note": "never blocks a file",
}
_LONGEST_LINE = 100
"""Prose is hard to read in longer lines, however wide the terminal is."""


def worst_first(findings: Iterable[AnyFinding]) -> list[AnyFinding]:
    """By severity, then as they were found."""
    severities = list(SEVERITY_STYLES)
    return sorted(findings, key=lambda finding: severities.index(finding.severity))


def finding_line(finding: Finding | _core.Finding) -> str:
    """`offset-overlap: tensor blk.0.attn_q.weight begins inside another, at byte 1234`."""
    said = finding.offset is None or finding.message.endswith(f" byte {finding.offset}")
    place = "" if said else f", at byte {finding.offset}"
    return f"{finding.id}: {printable(finding.message)}{place}"


def explanation(rule: Rule) -> list[str]:
    """What a person should know of a rule, as lines no longer than the terminal's."""
    from shutil import get_terminal_size
    from textwrap import wrap

    parts = (("why", rule.explanation), ("reference", rule.reference), ("what passes", rule.false_positives))
    width = min(get_terminal_size((_LONGEST_LINE, 24)).columns - 4, _LONGEST_LINE)
    return [
        f"{label if not number else '':<11}  {line}"
        for label, text in parts
        for number, line in enumerate(wrap(text, max(width - 13, 30), break_on_hyphens=False))
    ]


def advice(findings: Iterable[AnyFinding]) -> str | None:
    """What to type to learn more of the worst finding; None where there is none."""
    worst = worst_first(findings)
    return (
        f"`kandil rules {worst[0].id}` explains the finding, and says which sound files come near it" if worst else None
    )
