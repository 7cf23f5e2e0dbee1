"""A file that the caller asked to have written; `-` is standard output."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from kandil.errors import FileUnwritable


def check_target(target: str) -> None:
    """Raises FileUnwritable where nothing could be written there: to be known before hours of reading."""
    if target == "-":
        return
    path = Path(os.path.realpath(target))
    folder = path.parent
    if path.is_dir():
        raise FileUnwritable(target, os.strerror(errno.EISDIR))
    if not folder.is_dir():
        raise FileUnwritable(target, os.strerror(errno.ENOTDIR if folder.exists() else errno.ENOENT))
    if not os.access(path if path.exists() and not path.is_file() else folder, os.W_OK):
        raise FileUnwritable(target, os.strerror(errno.EACCES))


def replace_file(target: str, content: bytes) -> None:
    """The file has this content; one that is there is replaced whole or not at all. Raises: FileUnwritable."""
    path = Path(target)
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():
            path.write_bytes(content)  # a device or a pipe cannot be replaced
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FileUnwritable(str(path), error.strerror or str(error)) from error
