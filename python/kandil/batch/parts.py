"""A file of rows in parts, for several machines, and their outputs as one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kandil import _core
from kandil.errors import BatchUnusable, FileUnreadable, OutputForeign, ResultsConflict, RowsInvalid, RowsRepeated

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """Rows of a merge, and lines."""

    answered: int
    failed: int
    repeated: int
    """Ends of rows that have another one."""
    damaged: int
    """Lines that were left out."""


def split(source: Path, count: int, folder: Path, *, text: bool = False) -> list[tuple[Path, int]]:
    """Each row goes to one of `count` new files, by its custom_id. Their paths, and how many rows each has.

    Raises: RowsRepeated, RowsInvalid, BatchUnusable, FileUnreadable.
    """
    try:
        return _core.batch_split(source, _core.BatchForm(text=text), count, folder)
    except OSError as error:
        raise FileUnreadable(str(error.filename or source), error.strerror or str(error)) from error
    except ValueError as error:
        match error.args:
            case ("duplicate", custom_id, first, second):
                raise RowsRepeated(source, custom_id, (first, second)) from None
            case ("row", line, reason):
                raise RowsInvalid(source, 1, [(line, reason)]) from None
            case ("count", most):
                raise BatchUnusable(source, f"it can be divided into 1 to {most:,} parts") from None
            case _:
                raise


def merge(inputs: Sequence[Path], output: Path, errors: Path) -> Merged:
    """All answers in `output`, the errors of rows without one in `errors`. Doing it again changes nothing.

    Raises: OutputForeign, ResultsConflict, FileUnreadable.
    """
    try:
        answered, failed, repeated, damaged = _core.batch_merge(list(inputs), output, errors)
    except OSError as error:
        raise FileUnreadable(str(error.filename), error.strerror or str(error)) from error
    except ValueError as error:
        match error.args:
            case ("foreign", path, line):
                raise OutputForeign(Path(path), line) from None
            case ("conflict", custom_id, first, second):
                raise ResultsConflict(custom_id, first, second) from None
            case _:
                raise
    return Merged(answered=answered, failed=failed, repeated=repeated, damaged=damaged)
