"""Which files a verification is about: what the caller named, or every store on this machine."""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

import fnmatch
import glob
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kandil import _core
from kandil.errors import CheckListUnreadable
from kandil.verify import sidecar, stores
from kandil.verify.item import Item

if TYPE_CHECKING:
    from collections.abc import Iterable

MODEL_SUFFIXES = (".gguf", ".safetensors")
"""Endings of model files, in any case."""
_MODEL_ENDINGS = tuple(suffix.encode() for suffix in MODEL_SUFFIXES)
UNFINISHED_GPT4ALL = b"incomplete-"
"""GPT4All's name for a download in progress (``gpt4all-chat/src/modellist.cpp``, ``incompleteDownloadPath``)."""


@dataclass(slots=True)
class Selection:
    """Every name once, each with what its store expects of it."""

    items: list[Item] = field(default_factory=list)
    sidecars: sidecar.Sidecars = field(default_factory=sidecar.Sidecars)
    check: sidecar.CheckList | None = None
    warnings: list[str] = field(default_factory=list)
    _keys: set[bytes] = field(default_factory=set)
    _known: stores.Known = field(default_factory=stores.Known)

    def add(self, item: Item) -> None:
        if item.key not in self._keys:
            self._keys.add(item.key)
            self.items.append(item)

    def add_entries(self, entries: list[_core.Entry], *, explicit: bool = False) -> None:
        for entry in entries:
            item = self._known.item(entry.path, entry.stat)
            item.error, item.explicit = entry.error, explicit
            self.add(item)

    def add_files(self, files: list[bytes]) -> None:
        """Files that the caller named, whatever they are; a folder in a list of files is not walked."""
        for path in files:
            if os.path.isdir(path):
                item = self._known.item(path, None)
                item.error = "is a folder"
                self.add(item)
        self.add_entries(_core.walk([path for path in files if not os.path.isdir(path)], None), explicit=True)
        for path in files:
            self.sidecars.around(os.path.abspath(path))

    def add_listed(self, folders: list[bytes]) -> None:
        """What the caller's list names below these folders, whatever it is."""
        assert self.check is not None
        inside = tuple(os.path.join(os.path.abspath(folder), b"") for folder in folders)
        listed = (path for path in self.check.paths() if os.path.abspath(path).startswith(inside))
        self.add_files([path for path in listed if os.path.abspath(path) not in self._keys])

    def add_folder(self, folder: bytes, *, every_file: bool, known: list[stores.Store]) -> None:
        """The models below a folder, those of stores below it, and whatever the lists of digests below it name."""
        for kind, root in stores.holding(os.path.abspath(folder)):
            self._add_store(kind, root, within=folder)
        listed: list[bytes] = []
        entries = _core.walk([folder], None if every_file else (*MODEL_SUFFIXES, *sidecar.SUFFIXES))
        models = []
        for entry in entries:
            if entry.error is None and sidecar.is_sidecar(entry.path):
                listed += self.sidecars.add(entry.path)
            if every_file or entry.error is not None or entry.path.lower().endswith(_MODEL_ENDINGS):
                models.append(entry)
        self.add_entries(models)
        more = [path for path in listed if path not in self._keys and os.path.lexists(path) and not os.path.isdir(path)]
        if more:
            self.add_entries(_core.walk(more, None))
        inside = os.fsencode(os.path.realpath(folder))
        for store in known:
            root = os.fsencode(os.path.realpath(store.root))
            if store.kind in ("ollama", "huggingface") and root.startswith(os.path.join(inside, b"")):
                self._add_store(store.kind, root, within=None)

    def _add_store(self, kind: stores.Kind, root: bytes, within: bytes | None) -> None:
        inside = (
            None
            if within is None or root.startswith(os.path.abspath(within))
            else os.path.join(os.path.abspath(within), b"")
        )
        for item in stores.items(kind, root, _core.walk):
            if inside is None or item.key.startswith(inside):
                self.add(item)

    def add_known(self, store: stores.Store) -> None:
        """One of this machine's stores."""
        root = os.fsencode(store.root)
        if store.kind in ("ollama", "huggingface"):
            self._add_store(store.kind, root, within=None)
            return
        before = len(self.items)
        self.add_folder(root, every_file=False, known=[])
        if store.kind == "gpt4all":
            fresh = [
                one for one in self.items[before:] if not os.path.basename(one.path).startswith(UNFINISHED_GPT4ALL)
            ]
            self.items[before:] = fresh
        if store.kind == "lmstudio":
            for item in self.items[before:]:
                item.name = item.name or _publisher(item.key, root)


def _publisher(path: bytes, root: bytes) -> str | None:
    """LM Studio keeps ``models/<publisher>/<model>/<file>`` (lmstudio.ai/docs/app/basics/import-model)."""
    parts = os.path.relpath(path, root).split(os.sep.encode())
    return os.fsdecode(b"/".join(parts[:2])) if len(parts) > 2 and parts[0] != b".." else None  # noqa: PLR2004


def select(
    given: list[bytes] | None, *, every_file: bool, check: Path | None, machine: stores.Machine | None
) -> Selection:
    """The files of a verification. Nothing is read but folders, lists and manifests.

    Raises:
        CheckListUnreadable: `check` cannot be read or lists nothing.
    """
    selection = Selection()
    if check is not None:
        selection.check = _check_list(check)
    if given is None and selection.check is not None:
        selection.add_files(selection.check.paths())
        return selection
    known = stores.find(machine)
    if given is None:
        for store in known:
            selection.add_known(store)
        selection.warnings += [
            f"{store.root}: this user may not look into it; {stores.TITLES[store.kind]}'s models there are not verified"
            for store in stores.closed(machine)
        ]
        return selection
    expanded = _expanded(given)
    folders = [path for path in expanded if os.path.isdir(path)]
    for folder in folders:
        selection.add_folder(folder, every_file=every_file, known=known)
    selection.add_files([path for path in expanded if path not in folders])
    if selection.check is not None:
        selection.add_listed(folders)
    return selection


def _expanded(given: list[bytes]) -> list[bytes]:
    """Patterns that no shell expanded are, unless a file has that very name."""
    paths = []
    for path in given:
        if not os.path.lexists(path) and glob.has_magic(path):
            paths += sorted(_matches(path)) or [path]
        else:
            paths.append(path)
    return paths


def _matches(pattern: bytes) -> Iterable[bytes]:
    """What a pattern stands for. Unlike `glob`, ``**`` enters each folder once: links may lead in circles."""
    before, any_depth, after = pattern.partition(b"**")
    if not any_depth or b"**" in after:
        return glob.glob(pattern, recursive=b"**" not in pattern)
    found = []
    for base in glob.glob(before) if before else [b"."]:
        for entry in _core.walk([base], None):
            below = os.path.relpath(entry.path, base)
            # At any depth: the pattern's rest is held against every tail of the path.
            parts = below.split(os.sep.encode())
            tails = (b"/".join(parts[start:]) for start in range(len(parts)))
            if entry.error is None and any(_fits(tail, after.lstrip(b"/")) for tail in tails):
                found.append(entry.path if before else below)
    return found


def _fits(tail: bytes, pattern: bytes) -> bool:
    """Part by part: an asterisk does not reach over a slash."""
    parts, patterns = tail.split(b"/"), pattern.split(b"/")
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))


def _check_list(path: Path) -> sidecar.CheckList:
    try:
        check = sidecar.CheckList(os.fsencode(path))
    except OSError as error:
        raise CheckListUnreadable(str(path), error.strerror or str(error)) from error
    if not check.entries:
        raise CheckListUnreadable(str(path), "it lists no SHA-256 digests with names")
    return check
