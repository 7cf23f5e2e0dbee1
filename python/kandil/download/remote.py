"""A file that somebody offers, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from kandil._core import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A file that can be fetched, as its source describes it. None is not known."""

    url: str
    """Where asking for it begins; its server may point elsewhere."""
    name: str
    """Where it is kept, below its model's folder: relative, with ``/``."""
    size_bytes: int | None = None
    sha256: str | None = None
    """As published; lower-case hex."""
    digest_source: str | None = None
    """Who published `sha256`, for people: ``huggingface.co``."""
    revision: str | None = None
    """The commit of its repository, or the digest of its manifest."""
    key_name: str | None = None
    """Whose key in the keyring may go to the origin of `url`, and to no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that is on the disk, whole, under its name. `sha256` is of its bytes, and is what was published."""

    path: Path
    sha256: str
    size_bytes: int
    etag: str | None
    """As its server called this version of it; None, where it said nothing or was not asked."""
    revision: str | None
    reused_bytes: int
    """Those that were there before."""
    outcome: Outcome | None = field(default=None, compare=False)
    """What was found in it while it was hashed; None where it was there already, or its size was not known."""
