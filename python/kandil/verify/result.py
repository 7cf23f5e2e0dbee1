"""What a verification says of one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from kandil.sandbox import LoadReport

Status = Literal["ok", "unverified", "mismatch", "malformed", "malicious", "suspicious", "changed", "error"]
Severity = Literal["note", "suspicious", "malformed", "malicious"]


def good_statuses(*, strict: bool = False) -> tuple[Status, ...]:
    """What a file may be and still be used; with `strict`, nothing suspicious."""
    return ("ok", "unverified") if strict else ("ok", "unverified", "suspicious")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found. `offset` is in bytes from the start of the file."""

    id: str
    severity: Severity
    message: str
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class FileResult:
    """One name of one file. Digests are lower-case hex."""

    path: Path
    status: Status
    size_bytes: int | None = None
    sha256: str | None = None
    expected: str | None = None
    expected_source: str | None = None
    """Who says so, as a person would put it: `ollama manifest llama3.1:8b`, `SHA256SUMS`, `pinned 2026-11-22`."""
    checked: str | None = None
    """How this run knows: `sha256`, `git sha1`, `blake3, pinned 2026-11-22 by sha256`, `ledger, read 2026-11-22`,
    `structure only`.
    """
    findings: tuple[Finding, ...] = ()
    message: str | None = None
    """For `error` and `changed`: what happened."""
    hint: str | None = None
    """What to do about it, where something is to be done."""
    name: str | None = None
    """The model's name in its store (`llama3.1:8b`, `Qwen/Qwen3-8B-GGUF`), where there is one."""
    signed_by: str | None = None
    """The trusted publisher whose verified signature gives this very digest."""
    load: LoadReport | None = None
    """What came of loading it in the sandbox, where that was asked for."""
    same_as: Path | None = None
    """An earlier result's path that is the same file (a symbolic or hard link); its bytes were read once."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole run. `bytes_total` counts each distinct file once; `bytes_read` is what was read now."""

    files: int
    distinct: int
    bytes_total: int
    bytes_read: int
    seconds: float
    by_status: dict[Status, int]
    warnings: tuple[str, ...] = ()
    """What the run had to do without: a ledger, a list of digests that could not be read."""
    pins_unread: bool = False
    """There is a ledger that may hold pins, and it could not be read: a changed file may have passed."""
    loads_untested: int = 0
    """Files that were to be loaded, and of which nothing could be said."""
    strict: bool = False
    """A suspicious file is as bad as a broken one."""

    @property
    def exit_code(self) -> int:
        """8: something is wrong with a file. 10: a file, a load, or all the pins could not be checked. 0 otherwise."""
        passed = {*good_statuses(strict=self.strict), "error"}
        if any(count for status, count in self.by_status.items() if status not in passed):
            return 8
        return 10 if self.by_status.get("error") or self.pins_unread or self.loads_untested else 0
