"""How far a verification is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Lane:
    """One file that is being read now."""

    path: Path
    bytes_done: int
    size_bytes: int
    thread: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a verification is: files are names, bytes are what this run has to read; 0 until the files are found."""

    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    lanes: tuple[Lane, ...]
