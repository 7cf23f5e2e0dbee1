"""Tables as rows: each row of a CSV or Parquet file becomes an object, with the columns as its fields."""

from __future__ import annotations

import csv
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from kandil.errors import BatchUnusable, ExtraMissing, FileUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SUFFIXES: Final = (".csv", ".tsv", ".parquet")
_LARGEST_FIELD_CHARACTERS: Final = 16 << 20
_ROWS_AT_ONCE: Final = 4096


def is_table(path: Path) -> bool:
    """Whether its name says that it is one."""
    return path.suffix.lower() in SUFFIXES


def lines(table: Path) -> Iterator[bytes]:
    """A line of JSON for each row; of a CSV file on the line where the row begins, so that the numbers are its own.

    The values of a CSV file are text, whatever they look like; those of a Parquet file are what they are there.

    Raises:
        FileUnreadable: it cannot be read.
        BatchUnusable: it is no such table, and where.
        ExtraMissing: Parquet needs pyarrow.
    """
    try:
        yield from _parquet(table) if table.suffix.lower() == ".parquet" else _csv(table)
    except OSError as error:
        raise FileUnreadable(str(table), error.strerror or str(error)) from error


def _csv(path: Path) -> Iterator[bytes]:
    before = csv.field_size_limit(_LARGEST_FIELD_CHARACTERS)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _csv_rows(path, file)
    except UnicodeDecodeError:
        raise BatchUnusable(path, "it is not UTF-8", hint="save it as CSV in UTF-8") from None
    finally:
        csv.field_size_limit(before)


def _csv_rows(path: Path, file: IO[str]) -> Iterator[bytes]:
    """Empty lines stand for the head, and for line breaks within fields."""
    head = file.readline()
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ";" if ";" in head and "," not in head else ","
    reader = csv.reader(chain([head], file), delimiter=delimiter, strict=True)
    try:
        names = next(reader, [])
        _check_names(path, names)
        written = 0
        begins = reader.line_num + 1
        for row in reader:
            if row and len(row) != len(names):
                raise BatchUnusable(path, f"line {begins} has {len(row)} fields, and the head has {len(names)}")
            if row:
                yield b"\n" * (begins - 1 - written) + _line(zip(names, row, strict=True)) + b"\n"
                written = begins
            begins = reader.line_num + 1
    except csv.Error as error:
        raise BatchUnusable(path, f"line {reader.line_num}: {error}") from None


def _parquet(path: Path) -> Iterator[bytes]:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise ExtraMissing("reading Parquet", "data") from None
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _check_names(path, names)
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    yield _line(row.items()) + b"\n"
    except (ArrowException, TypeError, ValueError) as error:
        raise BatchUnusable(path, f"it cannot be read as Parquet: {error}") from None


def _check_names(path: Path, names: list[str]) -> None:
    if not any(names):
        raise BatchUnusable(path, "it has no head that names its columns")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BatchUnusable(path, f"two columns are named {twice!r}")


def _line(fields: Iterable[tuple[str, Any]]) -> bytes:
    """Columns without a value are left out. A number may be a row's name."""
    row = {name: value for name, value in fields if value is not None}
    if "custom_id" in row:
        row["custom_id"] = str(row["custom_id"])
    return msgspec.json.encode(row)
