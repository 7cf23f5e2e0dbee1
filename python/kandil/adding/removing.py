"""A model's end: its record, and the files that are kandil's own and no other model's."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kandil import paths
from kandil.errors import FileUnwritable
from kandil.registry import store

if TYPE_CHECKING:
    from kandil.registry import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePlan:
    """What removing a model does."""

    record: Record
    removed: tuple[Path, ...] = ()
    """Files that go with it."""
    kept: tuple[tuple[Path, str], ...] = ()
    """Files that stay, and why."""
    freed_bytes: int = 0
    """Of the disk: a file that has another name somewhere frees nothing."""


def plan_removal(name: str, *, keep_files: bool = False) -> RemovePlan:
    """Nothing is changed. Raises: RecordUnknown, RecordBroken."""
    record = store.existing(name)
    others = {file: one.name for one in store.every().records if one.name != record.name for file in files_of(one)}
    own = Path(os.path.realpath(paths.models_dir()))
    removed, kept, freed = [], [], 0
    for file in files_of(record):
        path = Path(file)
        if keep_files:
            kept.append((path, "as asked"))
        elif file in others:
            kept.append((path, f"{others[file]} uses it"))
        elif not Path(os.path.realpath(path)).is_relative_to(own):
            kept.append((path, "it is not in kandil's folder"))
        elif os.path.lexists(path):
            removed.append(path)
            state = os.lstat(path)
            freed += state.st_blocks * 512 if state.st_nlink == 1 else 0
    return RemovePlan(record=record, removed=tuple(removed), kept=tuple(kept), freed_bytes=freed)


def files_of(record: Record) -> list[str]:
    """Those that it runs from, those that came with them, and those of earlier revisions."""
    known = [str(one["path"]) for one in (record.provenance or {}).get("files", ())]
    earlier = [str(path) for path in (record.provenance or {}).get("earlier_files", ())]
    return list(dict.fromkeys([*record.files, *known, *earlier]))


def remove(plan: RemovePlan) -> None:
    """The record goes first, so that nothing ever names a file that is gone.

    Raises: RecordUnknown, FileUnwritable: what is named there stays.
    """
    store.remove(plan.record.name)
    delete(plan.removed)


def delete(files: tuple[Path, ...]) -> None:
    """The files are gone, and the folders that are empty without them. Raises: FileUnwritable."""
    own = paths.models_dir()
    for path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise FileUnwritable(str(path), error.strerror or str(error)) from error
        folder = path.parent
        leftover = [one for one in _listed(folder) if one.name == "SHA256SUMS" or one.suffix in (".txt", ".json")]
        if len(leftover) == len(_listed(folder)):  # what came with the model says nothing without it
            for one in leftover:
                one.unlink(missing_ok=True)
        while folder != own and folder.is_relative_to(own):
            with suppress(OSError):
                folder.rmdir()
            if folder.exists():
                break
            folder = folder.parent


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
