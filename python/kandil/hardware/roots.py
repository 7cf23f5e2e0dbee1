"""Where the system tells of itself, and how it is read: bounded, never waiting for a writer."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 64 << 10
"""A file of sysfs has a page; those of procfs that are longer say so where they are read."""
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders that Linux shows its state in; others for a recorded machine."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    cgroup: Path = Path("/sys/fs/cgroup")
    """Where control groups are mounted: what the table of mounts has below /sys/fs/cgroup is looked for here."""
    dev: Path = Path("/dev")
    share: Path = Path("/usr/share")
    """For hwdata's `pci.ids`, which has the names of PCI devices."""


def content(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The first `limit` bytes of a regular file; a pipe or a device is not opened for reading.

    Raises: OSError.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(0, "not a regular file", str(path))
        parts, left = [], limit
        while left and (part := os.read(fd, min(left, _CHUNK))):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def text(path: Path, limit: int = MAX_BYTES) -> str:
    """The same as text; what is not UTF-8 is replaced.

    Raises: OSError.
    """
    return content(path, limit).decode("utf-8", "replace")


def line(path: Path) -> str | None:
    """The file's one line without its end; None where there is none that can be read."""
    try:
        return text(path).strip() or None
    except OSError:
        return None


def number(path: Path) -> int | None:
    """The whole number, decimal or with 0x, that is all of the file; None where that is not so."""
    return whole(line(path))


def whole(word: str | None) -> int | None:
    """A whole number of at most 64 bits and not below zero, else None."""
    if word is None or len(word) > 20 or not word.isascii():  # noqa: PLR2004 (digits of 2**64)
        return None
    try:
        value = int(word, 0 if word.startswith(("0x", "0X")) else 10)
    except ValueError:
        return None
    return value if 0 <= value < 1 << 64 else None


def names(folder: Path) -> list[str]:
    """What the folder has, in order; nothing where it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def numbers(ranges: str | None) -> frozenset[int] | None:
    """The CPUs of a list as `0-3,8` (the kernel's `cpulist` format); None where it is none."""
    found: set[int] = set()
    for part in (ranges or "").strip().split(","):
        first, dash, last = part.partition("-")
        low, high = whole(first), whole(last if dash else first)
        if low is None or high is None or not low <= high < 1 << 16:
            return None
        found.update(range(low, high + 1))
    return frozenset(found)


def reason(error: BaseException) -> str:
    """An error as one short line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}"[:300]
