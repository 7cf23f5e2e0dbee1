"""A verification's results in words. Everything here is safe to print: what comes from files is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, get_args

from kandil.cli.escape import printable
from kandil.cli.sizes import human_size, human_time
from kandil.verify.result import Severity, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil import _core
    from kandil._core import Rule
    from kandil.verify.result import FileResult, Finding, Summary

STYLES: dict[Status, str] = {
    "malicious": "red",
    "mismatch": "red",
    "changed": "red",
    "malformed": "red",
    "error": "red",
    "suspicious": "yellow",
    "unverified": "cyan",
    "ok": "green",
}
"""Every status, worst first, with its colour."""

MEANINGS: dict[Status, str] = {
    "malicious": "made to do harm: do not load",
    "mismatch": "the bytes are not those that were published: delete, download again",
    "changed": "not the bytes that were pinned, or that an earlier run read",
    "malformed": "broken or incomplete: download again, or what is missing",
    "error": "could not be checked",
    "suspicious": "can be loaded, but something in it is odd: look at it first",
    "unverified": "sound; no digest to compare with: give one with --expect, or --pin this one",
    "ok": "the expected bytes, and sound",
}
assert set(get_args(Status)) == set(STYLES) == set(MEANINGS)

AnyFinding = TypeVar("AnyFinding", "Finding", "_core.Finding")

PLACES = 10
"""So many places are named where nothing was found."""
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
assert set(get_args(Severity)) == set(SEVERITY_STYLES) == set(EFFECTS)
_LONGEST_LINE = 100
"""Prose is hard to read in longer lines, however wide the terminal is."""


def sound(result: FileResult) -> bool:
    """Nothing is wrong with the file, as far as anyone can know."""
    return result.status in ("ok", "unverified")


def styles(*, strict: bool) -> dict[Status, str]:
    """`STYLES`, where what `strict` blocks has the colour of what is blocked."""
    return STYLES | {"suspicious": "red"} if strict else STYLES


def meaning(status: Status, count: int, *, pin: bool = False, strict: bool = False) -> str:
    """The table's words for so many files of a status; with `pin`, those that could be pinned have been."""
    if status == "suspicious" and strict:
        return "odd, and --strict lets nothing odd pass: look at it first"
    if status == "unverified" and pin:
        return "sound; no digest was known to compare with"
    if status == "unverified" and count > 1:
        return "sound; no digests to compare with: give a list with --check, or --pin them"
    return MEANINGS[status]


def pinned(result: FileResult) -> bool:
    """This run has pinned it."""
    return result.message is not None and ("pinned now" in result.message or "pinned anew" in result.message)


def detail(result: FileResult) -> str:
    """One line: how the file was checked, or what is wrong with it."""
    parts = []
    if result.same_as is not None:
        parts.append(f"same file as {printable(result.same_as)}")
    if result.message:
        parts.append(printable(result.message))
    if result.status == "mismatch":
        parts.append(expectation(result))
    elif sound(result):
        parts.append(_checked(result))
    worst = worst_first(result.findings)
    if worst:
        more = f" (and {len(worst) - 1} more)" if len(worst) > 1 else ""
        parts.append(finding_line(worst[0]) + more)
    if result.hint and not sound(result):  # for what is sound the table at the end, or --help, says it once
        parts.append(printable(result.hint))
    return "; ".join(parts)


def expectation(result: FileResult) -> str:
    """Which digest was expected and which was found; nothing where that is not what is wrong."""
    if result.status != "mismatch":
        return ""
    return f"expected {result.expected} ({_source(result)}), found {result.sha256}"


def _checked(result: FileResult) -> str:
    how = result.checked or "not read"
    if result.expected_source:
        return f"{how} ({_source(result)}){_vouched(result)}"
    return (f"{how} {result.sha256}" if result.sha256 else how) + _vouched(result)


def _vouched(result: FileResult) -> str:
    """`, signed by acme, loads (header, model)`."""
    told = f", signed by {printable(result.signed_by)}" if result.signed_by else ""
    if result.load is not None and result.load.status == "passed":
        told += f", loads ({', '.join(level.name for level in result.load.levels if level.result == 'passed')})"
    return told


def _source(result: FileResult) -> str:
    return printable(result.expected_source or "given")


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


def brief(result: FileResult) -> str:
    """A few words on what is wrong."""
    worst = worst_first(result.findings)
    if result.status == "mismatch":
        return f"not what {_source(result)} says"
    return finding_line(worst[0]) if worst else printable(result.message or MEANINGS[result.status])


def block(result: FileResult) -> list[str]:
    """What is known of the file, and what is wrong with it, as indented lines below its name."""
    lines = [_confirmed(result)] if sound(result) else []
    if result.message:
        lines.append(printable(result.message))
    if result.same_as is not None:
        lines.append(f"the same file as {printable(result.same_as)}")
    if result.status == "mismatch":
        lines += [f"expected {result.expected}  {_source(result)}", f"found    {result.sha256}"]
    lines += [finding_line(finding) for finding in worst_first(result.findings)]
    if result.hint and not sound(result):
        lines.append(f"→ {printable(result.hint)}")
    return lines


def _confirmed(result: FileResult) -> str:
    """`abab…  SHA256SUMS (sha256)`: the digest, who expects it, how this run knows."""
    how = result.checked or "not read"
    if result.expected_source:
        how = f"{_source(result)} ({how})"
    how += _vouched(result)
    return f"{result.sha256}  {how}" if result.sha256 else how


def counts(summary: Summary) -> str:
    """`1 mismatch, 3 ok`: worst first."""
    return ", ".join(f"{summary.by_status[status]} {status}" for status in STYLES if summary.by_status.get(status))


def advice(findings: Iterable[AnyFinding]) -> str | None:
    """What to type to learn more of the worst finding; None where there is none."""
    worst = worst_first(findings)
    return (
        f"`kandil rules {worst[0].id}` explains the finding, and says which sound files come near it" if worst else None
    )


def nothing_found(paths: tuple[str, ...]) -> str:
    """Where it was looked: in `paths`, or without any in the stores of this machine."""
    if paths:
        places = [printable(path) for path in paths]
    else:
        from kandil.verify import stores

        places = [f"{stores.TITLES[store.kind]} ({printable(store.root)})" for store in stores.find()]
        if not places:
            return f"no model files found: none of these has a store here: {', '.join(stores.TITLES.values())}"
    more = f" and {len(places) - PLACES} more" if len(places) > PLACES else ""
    return f"no model files found in {', '.join(places[:PLACES])}{more}"


def work(summary: Summary) -> str:
    """`8 files, 3.2 GB; read 3.2 GB in 1.2 s (2.7 GB/s)`."""
    files = f"{summary.files} file{'' if summary.files == 1 else 's'}"
    if summary.distinct != summary.files:
        files += f" ({summary.distinct} distinct)"
    text = f"{files}, {human_size(summary.bytes_total)}; read {human_size(summary.bytes_read)}"
    text += f" in {human_time(summary.seconds)}"
    if summary.bytes_read >= 10**8 and summary.seconds > 0:  # below, starting up is what would be measured
        text += f" ({human_size(summary.bytes_read / summary.seconds)}/s)"
    return text
