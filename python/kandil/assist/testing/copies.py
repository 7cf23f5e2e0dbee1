"""Copies of a project to run tests in: what git keeps of it, so that nothing can happen to the files themselves."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kandil.assist.sources import listing

if TYPE_CHECKING:
    from collections.abc import Sequence

_LARGEST_BYTES: Final = 64 << 20


def names(root: Path) -> list[str]:
    """The files of a folder that git keeps, or would. Raises: GitFailed."""
    with listing(root) as git:
        listed = git.names("ls-files", "-co", "--exclude-standard", "-z")
    return [name for name in listed if not name.endswith("/")]


def copy(root: Path, kept: Sequence[str], target: Path) -> None:
    """`target` is a new folder with these files. What is no file, and what is very large, is left out.

    Raises: OSError: there is no room.
    """
    target.mkdir()
    for name in kept:
        source, place = root / name, target / name
        with suppress(FileNotFoundError):  # git still knows what was removed
            mode = os.lstat(source).st_mode
            place.parent.mkdir(parents=True, exist_ok=True)
            if stat.S_ISLNK(mode):
                _link(root, source, place)
            elif stat.S_ISREG(mode) and os.lstat(source).st_size <= _LARGEST_BYTES:
                shutil.copy(source, place, follow_symlinks=False)


def _link(root: Path, source: Path, place: Path) -> None:
    """The same link, where it leads to what is copied too."""
    wanted = os.readlink(source)
    if not os.path.isabs(wanted) and source.resolve().is_relative_to(root):
        place.symlink_to(wanted)
