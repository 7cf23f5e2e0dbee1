"""A manifest that `sha256sum -c` reads."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kandil.cli.escape import printable
from kandil.errors import FileUnwritable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil.verify.result import FileResult

_GOOD = ("ok", "unverified", "suspicious")


def manifest_line(digest: str, path: Path) -> bytes:
    r"""`DIGEST  PATH`; as coreutils writes it: with a `\` before the digest where the name has one, or a line break."""
    name = os.fsencode(path)
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    mark = b"\\" if escaped != name else b""
    return mark + digest.encode() + b"  " + escaped + b"\n"


def check_target(target: str) -> None:
    """Raises FileUnwritable where a manifest could not be written there: to be known before hours of reading."""
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


def write_manifest(target: str, results: Iterable[FileResult]) -> None:
    """Writes the digests of the files that nothing is wrong with, by path; `-` is standard output.

    A file that is there is replaced whole or not at all, and never by an empty list. Raises: FileUnwritable.
    """
    results = list(results)
    good = [(result.path, result.sha256) for result in results if result.status in _GOOD and result.sha256]
    content = b"".join(manifest_line(digest, path) for path, digest in sorted(good))
    if not results and target != "-":
        raise FileUnwritable(target, "no file was verified, and an empty list checks nothing")
    if target == "-" and sys.stdout.isatty():
        print(printable(os.fsdecode(content), lines=True), end="")
    elif target == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    elif good:
        _write(Path(target), content)
    if len(results) > len(good):
        left = f"{len(results) - len(good)} left out, as they are not sound"
        files = f"{len(good)} file{'' if len(good) == 1 else 's'}" if good or target == "-" else "not written"
        print(f"manifest: {files}; {left}", file=sys.stderr)


def _write(path: Path, content: bytes) -> None:
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
