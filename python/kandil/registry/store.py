"""The folder that the records are in.

A record is written whole, and whatever changes one does so under the folder's one lock: two processes lose nothing of
each other's. A file that is no record is an error which names it, and stays as it is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from kandil import files, paths
from kandil._core import Names
from kandil.errors import (
    FileUnreadable,
    FileUnwritable,
    ProfileInvalid,
    RecordBroken,
    RecordExists,
    RecordUnknown,
)
from kandil.registry import records
from kandil.registry.names import SUFFIX, checked, file_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from kandil.profiles import Profile
    from kandil.registry.records import Record

_LARGEST_BYTES: Final = 1 << 20
"""No record has more."""
_NEAR: Final = 3
"""So many names are proposed for one that nothing has."""


@dataclass(frozen=True, slots=True)
class Records:
    """All records by name, and the files that are none."""

    records: tuple[Record, ...]
    broken: tuple[RecordBroken, ...]


def file_of(name: str) -> Path:
    """Where the record of this model is, or would be."""
    return paths.models_dir() / file_name(name)


def find(name: str) -> Record | None:
    """The record of the model of exactly this name. Raises: RecordBroken."""
    return _read(str(file_of(name)))


def existing(name: str) -> Record:
    """The record of the model of exactly this name. Raises: RecordUnknown, RecordBroken."""
    record = find(name)
    if record is None:
        names = [one.name for one in every().records]
        raise RecordUnknown(name, tuple(names[at] for at, _ in Names(names).rank(name, _NEAR)))
    return record


def every() -> Records:
    """All records. A broken one does not keep the others back.

    Raises:
        FileUnreadable: the folder cannot be read.
    """
    folder = str(paths.models_dir())
    try:
        names = [name for name in os.listdir(folder) if name.endswith(SUFFIX) and not name.startswith(".")]
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise FileUnreadable(folder, error.strerror or str(error)) from error
    found, broken = [], []
    for name in sorted(names):
        try:
            record = _read(f"{folder}/{name}")
        except RecordBroken as error:
            broken.append(error)
        else:
            found += [record] if record else []  # none: it has just been removed
    return Records(tuple(sorted(found, key=lambda one: one.name)), tuple(broken))


def profiles() -> dict[str, Profile]:
    """The models that their user describes, by name; what is broken is left out, and `every` names it."""
    described = ((one.name, one.described()) for one in every().records)
    return {name: profile for name, profile in described if profile is not None}


def check(record: Record) -> None:
    """Whether it can be added, but for others of its name.

    Raises:
        NameUnusable: its name can be no model's.
        ProfileInvalid: what it says of the model is wrong; each mistake is in the error.
    """
    checked(record.name)
    _check_profile(record, strict=True)


def add(record: Record, *, replacing: bool = False) -> None:
    """The record is there, and of one that it replaces nothing.

    Raises:
        NameUnusable, ProfileInvalid: it cannot be added.
        RecordExists: there is one of this name, and it is not to be replaced.
        RecordBroken: there is a file in its place that is no record.
        FileUnwritable: and nothing has changed.
        ValueError: a field has a value that no record has.
    """
    check(record)
    with _locked():
        before = find(record.name)
        if before is not None and not replacing:
            raise RecordExists(record.name, before.added_at)
        _write(record)


def update(name: str, change: Callable[[Record], Record]) -> Record:
    """The record after the change, made from what was there at that moment; its name stays.

    Raises:
        RecordUnknown, RecordBroken, ProfileInvalid, FileUnwritable: and nothing has changed.
        ValueError: a field has a value that no record has.
    """
    with _locked():
        changed = replace(change(existing(name)), name=name)
        _check_profile(changed)
        _write(changed)
    return changed


def used(name: str, *, latency_ms: float | None = None, limits: Mapping[str, int] | None = None) -> Record:
    """The model was used once more, just now; `limits` are those that its provider spoke of. Raises: as `update`."""

    def counted(record: Record) -> Record:
        record = replace(record, limits=dict(limits or record.limits))
        record = replace(record, usage_count=record.usage_count + 1, last_used=records.now())
        if latency_ms is None:
            return record
        count, mean = record.latency_count + 1, record.average_latency_ms or 0.0
        return replace(record, latency_count=count, average_latency_ms=mean + (latency_ms - mean) / count)

    return update(name, counted)


def remove(name: str) -> Record:
    """The record that was there; the model's files stay.

    Raises:
        RecordUnknown, RecordBroken, FileUnwritable: and nothing has changed.
    """
    path = file_of(name)
    with _locked():
        record = existing(name)
        try:
            path.unlink()
        except OSError as error:
            raise FileUnwritable(str(path), error.strerror or str(error)) from error
    return record


def _locked() -> AbstractContextManager[None]:
    return files.locked(paths.models_dir() / "records")


def _check_profile(record: Record, *, strict: bool = False) -> None:
    if mistakes := records.mistakes(record, strict=strict):
        raise ProfileInvalid(record.name, tuple(mistakes))


def _write(record: Record) -> None:
    """Raises: FileUnwritable; ValueError: what was written could not be read."""
    content = records.encoded(record)
    records.decoded(content)
    files.tidy(file_of(record.name))
    files.write(file_of(record.name), content)


def _read(path: str) -> Record | None:
    """None: there is no such file. Raises: RecordBroken."""
    try:
        record = records.decoded(files.read(path, _LARGEST_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordBroken(path, error.strerror or str(error)) from error
    except ValueError as error:
        raise RecordBroken(path, str(error)) from error
    if file_name(record.name) != os.path.basename(path):
        raise RecordBroken(path, f"it is of {record.name!r}, whose record has another file name")
    return record
