"""Small files that must not be lost: read with a limit, written whole or not at all, by one process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kandil.errors import FileUnwritable
from kandil.paths import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator


def read(path: str | Path, largest_bytes: int) -> bytes:
    """All of a file. Of a device, nothing; a pipe's writer is not waited for.

    Raises:
        OSError: it cannot be read, is a pipe, or is larger than that.
    """
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        status = os.fstat(file.fileno())
        if stat.S_ISFIFO(status.st_mode):
            raise OSError(errno.EINVAL, "it is a pipe", str(path))
        if status.st_size > largest_bytes:
            raise OSError(errno.EFBIG, f"it has more than {largest_bytes:,} bytes", str(path))
        return file.read(status.st_size)


def write(path: Path, content: bytes) -> None:
    """The file has this content, on the disk, readable by its owner alone; a link leads where it led.

    Raises:
        FileUnwritable: and the file is what it was.
    """
    import tempfile  # noqa: PLC0415 - slow to import, and most commands only read

    target = _target(path)
    try:
        make_private(target.parent)
        descriptor, made = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise FileUnwritable(str(path), error.strerror or str(error)) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, target)
        keep_names(target.parent)
    except OSError as error:
        raise FileUnwritable(str(path), error.strerror or str(error)) from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(made)


def tidy(path: Path) -> None:
    """What killed processes have left of their writing of this file is gone: for whoever alone writes it now."""
    target = _target(path)
    left_over = re.compile(rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}")  # as `tempfile` names them
    with suppress(OSError):
        for name in os.listdir(target.parent):
            if left_over.fullmatch(name):
                _remove(target.parent / name)


def keep_names(folder: Path) -> None:
    """The folder's names survive a power cut. Raises: OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """No other process is between its reading and its writing of `path` while this one is; waits for those before it.

    The lock is on ``.<name>.lock`` beside the file, because the file itself is replaced; nothing is left of it.

    Raises:
        FileUnwritable: there can be no lock here, so nothing could be written either.
    """
    target = _target(path)
    place = target.with_name(f".{target.name}.lock")
    with ExitStack() as opened:
        try:
            make_private(target.parent)
            while not _is_at(place, _locked_file(place, opened)):
                opened.pop_all().close()  # whoever had it before has taken it away
        except OSError as error:
            raise FileUnwritable(str(path), error.strerror or str(error)) from error
        opened.callback(_remove, place)
        yield


def _locked_file(place: Path, opened: ExitStack) -> int:
    """The descriptor of the file, which this process alone has locked until it is closed."""
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    opened.callback(os.close, descriptor)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _is_at(place: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(place), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _remove(place: Path) -> None:
    with suppress(OSError):
        os.unlink(place)


def _target(path: Path) -> Path:
    """Where the path's links lead. Raises: FileUnwritable."""
    target = Path(os.path.realpath(path))
    if target.is_symlink():  # what is left of links in a circle
        raise FileUnwritable(str(path), os.strerror(errno.ELOOP))
    return target
