"""A verification's results in words. Everything here is safe to print: what comes from files is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from kandil.cli.escape import printable
from kandil.cli.findings_text import finding_line, worst_first
from kandil.cli.sizes import human_size, human_time
from kandil.verify.result import Status

if TYPE_CHECKING:
    from kandil.verify.result import FileResult, Summary

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

_NARROWEST = 20
PLACES = 10
"""So many places are named where nothing was found."""


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


def wrapped(text: str, indent: int) -> list[str]:
    """`text` in lines that fit beside an indent; a word, as a digest, is never cut. One line without a terminal."""
    from shutil import get_terminal_size
    from textwrap import wrap

    columns = get_terminal_size((0, 0)).columns - indent
    if columns < _NARROWEST:
        return [text]
    more = "  " if text.startswith("→ ") else ""
    return wrap(text, columns, subsequent_indent=more, break_long_words=False, break_on_hyphens=False)


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
