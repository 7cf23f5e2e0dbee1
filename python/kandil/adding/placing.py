"""Files in kandil's folder of models: linked or copied there, with the list of their digests beside them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import trio

from kandil import files
from kandil.errors import FileUnwritable

if TYPE_CHECKING:
    from pathlib import Path

    from kandil.discovery import Offer

_CHUNK: Final = 8 << 20
"""Bytes that are copied between two looks at whether anybody still wants it."""


def linked(path: Path, to: Path) -> Path:
    """The same file under this name too, or where it is, where the file system cannot do that."""
    if to.exists():
        return to
    try:
        os.link(os.path.realpath(path), to)
    except OSError:
        return path
    return to


def copied(path: Path, to: Path) -> Path:
    """Whole, or not at all. Raises: FileUnwritable."""
    if to.exists() and to.stat().st_size == path.stat().st_size:
        return to
    part = to.with_name(f"{to.name}.part")
    try:
        with path.open("rb") as source, part.open("wb") as target:
            while some := source.read(_CHUNK):
                target.write(some)
                trio.from_thread.check_cancelled()
            target.flush()
            os.fsync(target.fileno())
        part.replace(to)
    except OSError as error:
        raise FileUnwritable(str(to), error.strerror or str(error)) from error
    finally:
        part.unlink(missing_ok=True)
    return to


def write_sums(folder: Path, offer: Offer) -> None:
    """What was published of these files lies beside them, so that `kandil verify` and `sha256sum -c` know it, too.

    Other models of the same repository have theirs in the same list.
    """
    sums = {one.name: one.sha256 for one in offer.files if one.sha256 and (folder / one.name).exists()}
    if not sums:
        return
    path = folder / "SHA256SUMS"
    with files.locked(path):
        before = path.read_text("utf-8", "surrogateescape").splitlines() if path.exists() else []
        others = [line for line in before if line[66:] not in sums]
        lines = sorted([*others, *(f"{sha256}  {name}" for name, sha256 in sums.items())], key=lambda line: line[66:])
        files.tidy(path)
        files.write(path, "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
