"""One name of one file on its way through a verification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from kandil._core import Stat
    from kandil.verify.result import Finding


@dataclass(frozen=True, slots=True)
class Expected:
    """The digest that a file should have, and who says so."""

    digest: str
    """Lower-case hex: a SHA-256, or a git blob id where `algorithm` says so."""
    source: str
    binding: bool = True
    """False: a match confirms the file, a difference proves nothing."""
    algorithm: Literal["sha256", "git"] = "sha256"
    pin: bool = False
    """The caller's own, of an earlier run: a difference is a change."""
    given: bool = False
    """The caller's word for this very run: stands above a pin."""
    local: bool = False
    """From a list that anyone may have written beside the file."""
    others: tuple[str, ...] = ()
    """The same source also says these: nobody can tell which it means."""
    signer: str | None = None
    """The trusted publisher whose signature says so."""


@dataclass(slots=True)
class Item:
    """What is known of one name before its bytes are. `path` is shown; `key` is the absolute path, for the ledger."""

    path: bytes
    key: bytes
    stat: Stat | None = None
    error: str | None = None
    real: bytes = b""
    """`key` with symbolic links resolved, once the plan is made."""
    expected: Expected | None = None
    pin: Expected | None = None
    signed: Expected | None = None
    notes: tuple[Finding, ...] = ()
    """What is wrong beside the file: with its signature."""
    name: str | None = None
    fetch: str | None = None
    """The command that fetches this file again."""
    claims_gguf: bool = False
    explicit: bool = False
    """The caller named this very file."""


GGUF_SUFFIX = b".gguf"


def claims_gguf(path: bytes) -> bool:
    """Its name says that it is a GGUF file."""
    return path[-5:].lower() == GGUF_SUFFIX
