"""From facts and expectations to a result.

What outranks what: malicious, mismatch, changed, malformed, error, suspicious, then ok or unverified. A result with a
mismatch and findings has both: the status is the worse one and the message names the other.
"""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kandil.profiles.published import published_files
from kandil.verify.facts import day
from kandil.verify.hints import LOADED_BADLY, LOADED_ODDLY, hint
from kandil.verify.item import Expected
from kandil.verify.result import FileResult, Finding, Severity, Status

if TYPE_CHECKING:
    from kandil.verify.facts import Facts
    from kandil.verify.item import Item

_RANK: dict[Severity, int] = {"note": 0, "suspicious": 1, "malformed": 2, "malicious": 3}
SILENT = (
    "the bytes changed although size, times and inode did not: silent corruption of the disk or memory,"
    " or a write past the file system"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One file as this run knows it."""

    facts: Facts
    checked: str
    previous: Facts | None = None
    """What the ledger had for this same state of the file."""

    @property
    def silent(self) -> bool:
        """The same state of the file had other bytes before."""
        before = self.previous
        return before is not None and before.sha256 is not None and self.facts.sha256 not in (None, before.sha256)


def failed(item: Item, message: str) -> FileResult:
    """A result for a file that could not be checked."""
    expected = item.expected or item.pin
    return FileResult(
        _path(item.path),
        "error",
        expected=expected.digest if expected is not None else None,
        expected_source=expected.source if expected is not None else None,
        message=message,
        hint=hint("error", item),
        name=item.name,
    )


def judge(item: Item, reading: Reading, more: tuple[Finding, ...] = (), first: Item | None = None) -> FileResult:
    """The result of one name; `first` is the name under which its bytes were read, if that is another."""
    facts = reading.facts
    findings = (facts.findings if facts.is_gguf or item.claims_gguf else ()) + item.notes + more
    status, expected, message = _with_signature(item, reading)
    worst = max(findings, key=lambda one: _RANK[one.severity], default=None)
    if worst is not None and worst.severity != "note":
        status, message = _worse(status, worst, message)
    checked = "git sha1" if expected is not None and expected.algorithm == "git" and status == "ok" else reading.checked
    return FileResult(
        path=_path(item.path),
        status=status,
        size_bytes=facts.size_bytes,
        sha256=facts.sha256.hex() if facts.sha256 is not None else None,
        expected=expected.digest if expected is not None else None,
        expected_source=expected.source if expected is not None else None,
        checked=checked,
        findings=findings,
        message=message,
        hint=hint(status, item, worst, silent=reading.silent)
        if status != "error" or expected is None
        else f"correct {expected.source}: one file has one digest",
        name=item.name,
        signed_by=_signer(item, facts),
        same_as=_path(first.path) if first is not None else None,
    )


def with_findings(result: FileResult, more: tuple[Finding, ...]) -> FileResult:
    """The result of a sound file of which something was found afterwards."""
    worst = max(more, key=lambda one: _RANK[one.severity], default=None)
    if worst is None:
        return result
    findings = result.findings + more
    if worst.severity == "note" or (worst.severity == "suspicious" and result.status == "suspicious"):
        return replace(result, findings=findings)
    told = LOADED_ODDLY if worst.severity == "suspicious" else LOADED_BADLY
    return replace(result, status=worst.severity, findings=findings, hint=told)


def _worse(status: Status, worst: Finding, message: str | None) -> tuple[Status, str | None]:
    severity = worst.severity
    if status == "error" and severity == "suspicious":
        return status, message
    if severity == "malicious" and status in ("mismatch", "changed"):
        return "malicious", f"its digest is not the expected one either{f'; {message}' if message else ''}"
    if status in ("mismatch", "changed"):
        return status, f"{f'{message}; ' if message else ''}its structure is {severity} too: {worst.message}"
    return (
        "malicious" if severity == "malicious" else "malformed" if severity == "malformed" else "suspicious"
    ), message


def _with_signature(item: Item, reading: Reading) -> tuple[Status, Expected | None, str | None]:
    """A signature is a condition beside what the others say, as a pin is, and stands above them."""
    signed, sha256 = item.signed, reading.facts.sha256
    if signed is None or sha256 is None:
        return _compare(item, reading)
    if sha256.hex() != signed.digest:
        return "mismatch", signed, SILENT if reading.silent else f"{signed.signer} signed other bytes"
    status, expected, message = _compare(item, reading)
    return ("ok", signed, message) if status == "unverified" else (status, expected, message)


def _compare(item: Item, reading: Reading) -> tuple[Status, Expected | None, str | None]:  # noqa: PLR0911
    expected, facts = item.expected, reading.facts
    if facts.sha256 is None:
        return "unverified", expected or item.pin, None
    sha256 = facts.sha256.hex()
    digest = facts.git_id if expected is not None and expected.algorithm == "git" else sha256
    pin = None if expected is not None and expected.given else item.pin
    if expected is not None and expected.others and digest in (expected.digest, *expected.others):
        return "error", expected, _twice(expected)
    if expected is not None and expected.binding and digest not in (None, expected.digest):
        said = _twice(expected) if expected.others else None
        return "mismatch", expected, SILENT if reading.silent else said
    if pin is not None and sha256 != pin.digest:
        said = f"its digest is not the one {pin.source}"
        if expected is not None and digest == expected.digest:
            said += f", though {expected.source} says the same of it"
        return "changed", pin, SILENT if reading.silent else said
    if expected is not None and digest == expected.digest:
        return "ok", expected, _unlike_published(item, sha256, facts.size_bytes) if expected.local else None
    if pin is not None:
        return "ok", pin, None
    if reading.silent:
        before = reading.previous
        assert before is not None
        assert before.sha256 is not None
        return "changed", Expected(before.sha256.hex(), f"ledger, read {day(before.sha256_ns)}"), SILENT
    return _published(item, sha256, facts.size_bytes)


def _signer(item: Item, facts: Facts) -> str | None:
    signed = item.signed is not None and facts.sha256 is not None and facts.sha256.hex() == item.signed.digest
    return item.signed.signer if item.signed is not None and signed else None


def _twice(expected: Expected) -> str:
    return f"{expected.source} gives several digests for it: {', '.join((expected.digest, *expected.others))}"


def _published(item: Item, digest: str, size_bytes: int) -> tuple[Status, Expected | None, str | None]:
    """What the curated list says of a file that nothing else is expected of."""
    listed = published_files()
    if one := listed.by_sha256.get(digest):
        return "ok", Expected(digest, f"published: {one.title}"), None
    if one := listed.by_other_sha256.get(digest):
        return "unverified", None, f"an earlier upload of {one.title}, or one that only some sources list"
    return "unverified", None, _unlike_published(item, digest, size_bytes)


def _unlike_published(item: Item, digest: str, size_bytes: int) -> str | None:
    """What to know of a file that goes by a published one's name, and that nobody who publishes vouches for."""
    listed = published_files()
    if digest in listed.by_sha256 or digest in listed.by_other_sha256:
        return None
    one = listed.alike(os.fsdecode(os.path.basename(item.path)), size_bytes)
    if one is None:
        return None
    return f"named and as large as the published {one.title}, but other bytes: a later upload, or altered"


def with_message(result: FileResult, message: str) -> FileResult:
    return replace(result, message=f"{result.message}; {message}" if result.message else message)


def _path(path: bytes) -> Path:
    return Path(os.fsdecode(path))
