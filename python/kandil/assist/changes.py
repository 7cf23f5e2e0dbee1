"""Changes of files that can be taken back: all of them are made or none, and what was there before is kept.

A set of changes is an entry in the state folder, `undo/<nanoseconds>-<random>/`: `entry.json` says which files of
which folder, and `<n>.before` and `<n>.after` are what they had and have. The entry is on the disk before the first
file is touched, so that changes which a power cut or kill -9 has torn can be taken back as whole ones can.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kandil import files, paths
from kandil.errors import FilesDiffer, FileUnwritable, NothingToUndo

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCHEMA: Final = "kandil.undo/1"
_KEPT: Final = 100
"""Entries; older ones go."""
_LARGEST: Final = 16 << 20
_NEW_MODE: Final = 0o666
_GONE: Final = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A file's new content. `path` is relative to the folder, with ``/``; None: there is no such file."""

    path: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Changes that were made."""

    id: str
    folder: Path
    what: str
    """For people: the command that made them."""
    made: str
    """RFC 3339, in UTC."""
    changes: tuple[Change, ...]
    undone: bool = False

    @property
    def kept(self) -> Path:
        """Where what the files had, and have, lies."""
        return _root() / self.id


def apply(folder: Path, changes: Sequence[Change], what: str) -> Entry:
    """All files have what `changes` say, and an entry keeps what they had.

    Raises:
        FilesDiffer: a file is no longer what it was.
        FileUnwritable: and all files are what they were.
    """
    folder = folder.resolve()
    now = time.time_ns()
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now / 1e9))
    entry = Entry(id=f"{now}-{secrets.token_hex(4)}", folder=folder, what=what, made=made, changes=tuple(changes))
    with files.locked(_root() / "lock"):
        _unchanged(folder, [(change.path, change.before) for change in changes])
        _keep(entry)
        try:
            _write(entry, changes)
        except BaseException:
            shutil.rmtree(entry.kept, ignore_errors=True)
            raise
        _forget_oldest()
    return entry


def undo(entry: Entry, *, whatever_they_are: bool = False) -> tuple[str, ...]:
    """All its files have what they had before, and it counts no longer. What it had written stays in it.

    A file that has changed since is an error, or, with `whatever_they_are`, is kept in the entry as `<n>.found`; these
    are returned.

    Raises: FilesDiffer, FileUnwritable: and nothing is undone.
    """
    found = []
    with files.locked(_root() / "lock"):
        differ = [
            (number, change.path, now)
            for number, change in enumerate(entry.changes)
            if (now := _content(entry.folder, change.path)) not in (change.before, change.after)
        ]
        if differ and not whatever_they_are:
            raise FilesDiffer(tuple(path for _, path, _ in differ), str(entry.kept))
        for number, path, now in differ:
            if now is not None:
                files.write(entry.kept / f"{number}.found", now)
                found.append(path)
        for change in entry.changes:
            for name in _names(_place(entry.folder, change.path), entry):
                name.unlink(missing_ok=True)
        back = [
            Change(path=one.path, before=_content(entry.folder, one.path), after=one.before) for one in entry.changes
        ]
        _write(entry, [change for change in back if change.before != change.after])
        files.write(entry.kept / _GONE, b"")
    return tuple(found)


def entries(near: Path | None = None) -> list[Entry]:
    """What can be read, the newest first; with `near`, of this folder, those around it, and those in it."""
    found = []
    for folder in sorted(_root().glob("*/entry.json"), reverse=True):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found.append(_entry(folder.parent))
    if near is None:
        return found
    here = near.resolve()
    return [one for one in found if here.is_relative_to(one.folder) or one.folder.is_relative_to(here)]


def last(near: Path) -> Entry:
    """The newest that is not undone. Raises: NothingToUndo."""
    for entry in entries(near):
        if not entry.undone:
            return entry
    raise NothingToUndo(str(near.resolve()))


def _root() -> Path:
    return paths.state_dir() / "undo"


def _unchanged(folder: Path, expected: Sequence[tuple[str, bytes | None]]) -> None:
    if differ := tuple(path for path, content in expected if _content(folder, path) != content):
        raise FilesDiffer(differ, None)


def _content(folder: Path, path: str) -> bytes | None:
    """Raises: FileUnwritable where it is nothing that is written."""
    place = _place(folder, path)
    try:
        if not stat.S_ISREG(os.lstat(place).st_mode):
            raise FileUnwritable(str(place), "it is no regular file")
        return files.read(place, _LARGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileUnwritable(str(place), error.strerror or str(error)) from error


def _place(folder: Path, path: str) -> Path:
    """Raises: FileUnwritable where links or dots lead out of the folder."""
    place = folder / path
    if not place.parent.resolve().is_relative_to(folder) or place.name in ("", ".", ".."):
        raise FileUnwritable(str(place), f"it is not below {folder}")
    return place


def _keep(entry: Entry) -> None:
    """The entry is on the disk, whole. Raises: FileUnwritable."""
    kept = entry.kept
    for number, change in enumerate(entry.changes):
        for name, content in (("before", change.before), ("after", change.after)):
            if content is not None:
                files.write(kept / f"{number}.{name}", content)
    listed = [
        {"path": one.path, "existed": one.before is not None, "exists": one.after is not None} for one in entry.changes
    ]
    said = {"schema": _SCHEMA, "folder": str(entry.folder), "what": entry.what, "made": entry.made, "files": listed}
    files.write(kept / "entry.json", json.dumps(said).encode())


def _entry(kept: Path) -> Entry:
    said = json.loads(files.read(kept / "entry.json", _LARGEST))
    if said["schema"] != _SCHEMA:
        raise ValueError(said["schema"])

    def content(number: int, name: str, *, there: bool) -> bytes | None:
        return files.read(kept / f"{number}.{name}", _LARGEST) if there else None

    return Entry(
        id=kept.name,
        folder=Path(said["folder"]),
        what=said["what"],
        made=said["made"],
        changes=tuple(
            Change(
                path=one["path"],
                before=content(number, "before", there=one["existed"]),
                after=content(number, "after", there=one["exists"]),
            )
            for number, one in enumerate(said["files"])
        ),
        undone=(kept / _GONE).exists(),
    )


def _forget_oldest() -> None:
    for old in sorted((folder for folder in _root().iterdir() if folder.is_dir()), reverse=True)[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def _write(entry: Entry, changes: Sequence[Change]) -> None:
    """All files have what `changes` say. New contents, and copies of the old, are made beside them all before.

    Raises: FileUnwritable: and all files are what they were.
    """
    with ExitStack() as beside, ExitStack() as undoing:
        try:
            made = [_prepared(entry, change, beside) for change in changes]
            for place, old, new in made:
                undoing.callback(_put, place, old)
                _put(place, new)
        except OSError as error:
            raise FileUnwritable(str(error.filename or entry.folder), error.strerror or str(error)) from error
        undoing.pop_all()
        for folder in {place.parent for place, _, _ in made}:
            with suppress(OSError):
                files.keep_names(folder)


def _prepared(entry: Entry, change: Change, beside: ExitStack) -> tuple[Path, Path | None, Path | None]:
    """The file's place, and beside it what it has and what it is to have."""
    place = _place(entry.folder, change.path)
    if change.after is not None:
        _make_folders(place.parent, beside)
    made: list[Path | None] = []
    for name, content in zip(_names(place, entry), (change.before, change.after), strict=True):
        if content is None:
            made.append(None)
            continue
        beside.callback(name.unlink, missing_ok=True)
        with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _NEW_MODE), "wb") as file:
            _take_rights(file.fileno(), place)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        made.append(name)
    return place, made[0], made[1]


def _names(place: Path, entry: Entry) -> tuple[Path, Path]:
    """What stands beside a file while it is changed; an end by kill -9 leaves them, and undoing removes them."""
    return place.with_name(f".{place.name}.{entry.id}.old"), place.with_name(f".{place.name}.{entry.id}.new")


def _take_rights(descriptor: int, place: Path) -> None:
    with suppress(FileNotFoundError):
        status = os.lstat(place)
        with suppress(OSError):
            os.fchown(descriptor, status.st_uid, status.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def _put(place: Path, content: Path | None) -> None:
    if content is None:
        place.unlink(missing_ok=True)
    else:
        os.replace(content, place)


def _make_folders(wanted: Path, beside: ExitStack) -> None:
    if not wanted.is_dir():
        _make_folders(wanted.parent, beside)
        wanted.mkdir()
        beside.callback(_remove_empty, wanted)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
