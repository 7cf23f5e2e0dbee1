"""A model's end: its record, and the files that are kandil's own and no other model's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kandil import paths
from kandil.errors import FileUnwritable
from kandil.registry import store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil.registry import Record

BESIDE: Final = ("SHA256SUMS", "template.txt", "license.txt", "params.json", "system.txt")
"""Files that come with weights, and say nothing without them."""


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
    others = users(except_for=name)
    removed, kept, freed = [], [], 0
    for path in map(Path, files_of(record)):
        if keep_files:
            kept.append((path, "as asked"))
        elif (user := others.get(os.path.realpath(path))) is not None:
            kept.append((path, f"{user} uses it"))
        elif not is_own(path):
            kept.append((path, "it is not in kandil's folder"))
        elif os.path.lexists(path):
            removed.append(path)
            freed += freed_bytes(path)
    return RemovePlan(record=record, removed=tuple(removed), kept=tuple(kept), freed_bytes=freed)


def files_of(record: Record) -> list[str]:
    """Those that it runs from, those that came with them, and those of earlier revisions."""
    known = [str(one["path"]) for one in (record.provenance or {}).get("files", ())]
    earlier = [str(path) for path in (record.provenance or {}).get("earlier_files", ())]
    return list(dict.fromkeys([*record.files, *known, *earlier]))


def users(*, except_for: str) -> dict[str, str]:
    """The names of the other models, by the real path of each of their files."""
    others = (one for one in store.every().records if one.name != except_for)
    return {os.path.realpath(file): one.name for one in others for file in files_of(one)}


def is_own(path: Path) -> bool:
    """It is below kandil's folder of models: of a link it matters where it is, not where it leads."""
    own = os.path.realpath(paths.models_dir())
    return Path(os.path.realpath(path.parent)).is_relative_to(own)


def freed_bytes(path: Path) -> int:
    """Of the disk, once it is gone."""
    state = os.lstat(path)
    return state.st_blocks * 512 if state.st_nlink == 1 else 0


def remove(plan: RemovePlan) -> None:
    """The record goes first, so that nothing ever names a file that is gone.

    Raises: RecordUnknown, FileUnwritable: what is named there stays.
    """
    store.remove(plan.record.name)
    delete(plan.removed)


def delete(files: Iterable[Path]) -> None:
    """The files are gone, and the folders below kandil's own that are empty without them. Raises: FileUnwritable."""
    own = Path(os.path.realpath(paths.models_dir()))
    for path in files:
        folder = Path(os.path.realpath(path.parent))
        try:
            path.unlink(missing_ok=True)
            while folder != own and folder.is_relative_to(own) and _is_empty(folder):
                folder.rmdir()
                folder = folder.parent
        except OSError as error:
            raise FileUnwritable(str(path), error.strerror or str(error)) from error


def _is_empty(folder: Path) -> bool:
    """Nothing is there any more but what says something of a model: that goes, too."""
    listed = list(folder.iterdir())
    if not all(one.name in BESIDE for one in listed):
        return False
    for one in listed:
        one.unlink()
    return True
