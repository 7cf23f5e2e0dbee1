"""Names and sizes of files that a server gives, which become paths and room here."""

from __future__ import annotations

import unicodedata
from typing import Final

_LONGEST_PART_BYTES: Final = 200
"""Of 255 that file systems take: a download adds to them."""
_MOST_PARTS: Final = 8
_RESERVED: Final = frozenset('<>:"|?*\\')
"""What some file system takes for something else."""
_LARGEST_BYTES: Final = 1 << 48
"""Of one file; the largest models have a hundredth of it."""


def is_safe(name: str) -> bool:
    """Whether it stays below its folder, any file system takes it, and a terminal shows it as it is."""
    parts = name.split("/")
    return len(parts) <= _MOST_PARTS and all(map(_is_safe_part, parts))


def is_size(size_bytes: int) -> bool:
    """Whether a file may have it."""
    return 0 <= size_bytes <= _LARGEST_BYTES


def _is_safe_part(part: str) -> bool:
    return (
        part not in ("", ".", "..")
        and part[0] not in ".-~ "
        and part[-1] not in ". "
        and not _RESERVED.intersection(part)
        and len(part.encode("utf-8", "surrogatepass")) <= _LONGEST_PART_BYTES
        and all(unicodedata.category(sign)[0] != "C" for sign in part)
    )
