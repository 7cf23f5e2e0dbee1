"""Opens a model file, once: what is checked, hashed and loaded is the same file, whatever happens to its name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from kandil.errors import FileUnreadable

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[int]:
    """A descriptor of the regular file that `path` leads to, through links as in the caches of hubs, closed at the end.

    Raises: FileUnreadable.
    """
    name = os.fspath(path)
    try:
        fd = os.open(os.path.realpath(name, strict=True), _FLAGS)
    except (OSError, ValueError) as error:
        raise FileUnreadable(name, getattr(error, "strerror", None) or str(error)) from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise FileUnreadable(name, "is not a regular file")
        yield fd
    finally:
        os.close(fd)
