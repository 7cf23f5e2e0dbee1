"""The file that rows are read from, however they are given."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PART_BYTES = 1 << 20


@contextmanager
def readable(name: str, folder: Path) -> Iterator[Path]:
    """A file of lines that can be read twice: what comes through a pipe, and a table's rows, are kept in the folder
    for as long as it takes.

    Raises: FileUnreadable, BatchUnusable, ExtraMissing, OutputUnwritable.
    """
    from kandil.batch import tables
    from kandil.errors import OutputUnwritable

    path = Path(name)
    if name != "-" and not _is_pipe(path) and not tables.is_table(path):
        yield path
        return
    with ExitStack() as stack:
        try:
            own = stack.enter_context(tempfile.TemporaryDirectory(dir=folder, prefix=".rows."))
            kept = Path(own, f"{path.stem}.jsonl")
            with kept.open("xb") as file:
                file.writelines(tables.lines(path) if tables.is_table(path) else _piped(name))
        except OSError as error:
            raise OutputUnwritable(f"{folder}: {error.strerror or error}") from error
        yield kept


def _piped(name: str) -> Iterator[bytes]:
    from kandil.errors import FileUnreadable

    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as pipe:
            while part := pipe.read(_PART_BYTES):
                yield part
    except OSError as error:
        raise FileUnreadable(name, error.strerror or str(error)) from error


def _is_pipe(path: Path) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)
