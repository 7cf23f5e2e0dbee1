"""Room for models."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that models are kept on, in bytes."""

    folder: str
    """The nearest folder that exists, at or above the one that models are kept in."""
    free_bytes: int
    """What this user may still write: without root's reserve, and within a quota where the file system says so."""
    total_bytes: int


def read(models: Path) -> Disk:
    """From statvfs(3). Raises: OSError."""
    folder = models.absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    room = os.statvfs(folder)
    return Disk(str(folder), room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize)
