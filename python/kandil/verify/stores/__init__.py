"""The stores of the tools that download models: where they are, and what they say about their own files."""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from kandil.verify.item import Item, claims_gguf
from kandil.verify.stores import huggingface, ollama
from kandil.verify.stores.etag import cached_etag
from kandil.verify.stores.places import TITLES, Kind, Machine, Store, candidates, closed, find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kandil._core import Entry, Stat

__all__ = ["TITLES", "Kind", "Known", "Machine", "Store", "candidates", "closed", "find", "holding", "items"]

ANCESTORS = 8
"""So far above a path its store's root may be; stores are not that deep."""
LINK_STEPS = 8
DEPTH = 2
LOOKED_AT = 2000
"""So deep, and in so many folders at most, an Ollama store is looked for below a folder."""


def holding(path: bytes) -> list[tuple[Kind, bytes]]:
    """The stores with a layout of their own that a folder is, lies in, or has close below itself."""
    found: list[tuple[Kind, bytes]] = [("ollama", inner) for inner in _folders(path) if ollama.is_store(inner)]
    if huggingface.is_store(path):
        found.append(("huggingface", path))
    for _ in range(ANCESTORS):
        path, below = os.path.dirname(path), path
        if path == below:
            break
        if ollama.is_store(path):
            found.append(("ollama", path))
        elif os.path.basename(path).startswith(b"models--") and huggingface.is_store(path):
            found.append(("huggingface", path))
    return found


def _folders(path: bytes) -> Iterator[bytes]:
    """A folder and the nearest below it: Ollama's blobs have no ending to find them by."""
    level, seen = [path], 0
    for _ in range(DEPTH + 1):
        below: list[bytes] = []
        for folder in level:
            yield folder
            seen += 1
            if seen >= LOOKED_AT:
                return
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                below += sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
        level = below


def items(kind: Kind, root: bytes, walk: Callable[[list[bytes], None], list[Entry]]) -> list[Item]:
    """Everything in a store that has a layout of its own."""
    return ollama.items(root, walk) if kind == "ollama" else huggingface.items(root, walk)


class Known:
    """What stores say about single paths; manifests and folders are read once."""

    def __init__(self) -> None:
        self._blobs: dict[bytes, ollama.Needs] = {}
        self._folders = huggingface.LocalFolders()
        self._trees = huggingface.Trees()
        self._real: dict[bytes, bytes] = {}

    def item(self, path: bytes, stat: Stat | None) -> Item:
        """The item of a path, with what its store, or the store that it links into, expects of it."""
        key = os.path.abspath(path)
        found = None
        for step in self._steps(key):
            found = huggingface.item_of(step, stat, self._trees) or self._ollama(step)
            if found is not None:
                break
        if found is None:
            found = Item(path, key, stat)
            if stat is not None:
                found.expected = self._folders.expected(key, stat) or cached_etag(key)
        found.path, found.key, found.stat = path, key, stat
        found.claims_gguf = found.claims_gguf or claims_gguf(path)
        return found

    def _ollama(self, path: bytes) -> Item | None:
        if ollama.digest_of(path) is None:
            return None
        root = os.path.dirname(os.path.dirname(path))
        if root not in self._blobs:
            self._blobs[root] = ollama.needs(root)[0] if ollama.is_store(root) else {}
        return ollama.item_of(path, self._blobs[root])

    def _steps(self, path: bytes) -> Iterator[bytes]:
        """A path, and where it leads when it is a symbolic link; folders on the way are real ones."""
        for _ in range(LINK_STEPS):
            yield path
            try:
                target = os.readlink(path)
            except (OSError, ValueError):  # ValueError: a NUL in the name
                return
            folder = os.path.dirname(path)
            if folder not in self._real:
                self._real[folder] = os.path.realpath(folder)
            path = os.path.normpath(os.path.join(self._real[folder], target))
