r"""The Hugging Face cache, and folders that `hf download --local-dir` filled.

``models--<owner>--<name>/blobs/<etag>`` holds the bytes; the etag is the SHA-256 of an LFS file and the git blob id
(SHA-1 over ``blob <size>\0`` and the bytes) of a small one. ``snapshots/<revision>/<file>`` are symbolic links to
blobs, or the files themselves where links do not work. A blob may itself be a link into a folder shared by all
repositories. ``*.incomplete`` is a download in progress. ``trees/<revision>.json`` lists a revision's files with their
etags. In a ``--local-dir``, ``.cache/huggingface/download/<file>.metadata`` holds three lines: revision, etag, time of
the download; as in the library itself it says nothing of a file that was modified later.

Sources: huggingface/huggingface_hub ``docs/source/en/guides/manage-cache.md``,
``src/huggingface_hub/_local_folder.py``, ``src/huggingface_hub/_tree_cache.py``; ggml-org/llama.cpp
``common/hf-cache.cpp`` writes the same layout.
"""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from typing import TYPE_CHECKING, Any

from kandil.verify.item import Expected, Item, claims_gguf

if TYPE_CHECKING:
    from collections.abc import Callable

    from kandil._core import Entry, Stat
    from kandil.verify.facts import Facts

ETAG = re.compile(rb"^(?:[0-9a-f]{64}|[0-9a-f]{40})$")
PLACE = re.compile(rb"(?:^|/)models--([^/]+)/(?:(blobs)/([^/]+)|snapshots/([^/]+)/(.+))$")
SHA256_HEX = 64
GIT_BYTES = 32 << 20
"""Git blob ids are checked up to this size; the Hub keeps larger files in LFS."""
LINK_STEPS = 8
METADATA_BYTES = 4096
TREE_BYTES = 64 << 20
CLOCK_SLACK_NS = 1_000_000_000


def repositories(root: bytes) -> list[bytes]:
    """The folders of the models in a cache, sorted."""
    try:
        names = sorted(name for name in os.listdir(root) if name.startswith(b"models--"))
    except (OSError, ValueError):
        return []
    return [os.path.join(root, name) for name in names]


def is_store(root: bytes) -> bool:
    """A cache, or one repository in it."""
    if os.path.basename(root).startswith(b"models--"):
        return os.path.isdir(root + b"/snapshots") or os.path.isdir(root + b"/blobs")
    return any(os.path.isdir(folder + b"/snapshots") for folder in repositories(root))


def items(root: bytes, walk: Callable[[list[bytes], None], list[Entry]]) -> list[Item]:
    """Every file of every snapshot, and the blobs that no snapshot names."""
    folders = [root] if os.path.basename(root).startswith(b"models--") else repositories(root)
    inside = [os.path.join(folder, part) for folder in folders for part in (b"snapshots", b"blobs")]
    entries = walk([folder for folder in inside if os.path.isdir(folder)], None)
    named: list[Item] = []
    blobs: list[Item] = []
    trees = Trees()
    for entry in entries:
        item = item_of(entry.path, entry.stat, trees)
        if item is None:
            if entry.error is not None and not entry.path.endswith(b".incomplete"):
                named.append(Item(entry.path, os.path.abspath(entry.path), error=entry.error))
            continue
        item.error = entry.error
        (blobs if _is_blob(entry.path) else named).append(item)
    linked = {(one.stat.device, one.stat.inode) for one in named if one.stat is not None}
    return named + [one for one in blobs if one.stat is None or (one.stat.device, one.stat.inode) not in linked]


def _is_blob(path: bytes) -> bool:
    place = PLACE.search(path.replace(b"\\", b"/"))
    return place is not None and place[2] is not None


def item_of(path: bytes, stat: Stat | None, trees: Trees) -> Item | None:
    """The item of a path that lies in a cache; None for another path or what is no finished download."""
    place = PLACE.search(path.replace(b"\\", b"/"))
    if place is None:
        return None
    repo = os.fsdecode(place[1].replace(b"--", b"/"))
    item = Item(path, os.path.abspath(path), stat, name=repo, claims_gguf=claims_gguf(path))
    if place[2]:
        if not ETAG.match(place[3]):
            return None
        item.expected = _expected(place[3].decode(), stat)
        item.fetch = f"hf download {shlex.quote(repo)} --force-download"
    else:
        if etag := linked_etag(path):
            item.expected = _expected(etag, stat)
        elif etag := trees.etag(path, place):
            item.expected = _expected(etag, stat, "Hugging Face's list of the revision")
        revision, file = os.fsdecode(place[4]), shlex.quote(os.fsdecode(place[5]))
        item.fetch = f"hf download {shlex.quote(repo)} {file} --revision {shlex.quote(revision)} --force-download"
    return item


def linked_etag(path: bytes) -> str | None:
    """The name of the blob that a chain of symbolic links reaches first."""
    for _ in range(LINK_STEPS):
        try:
            target = os.readlink(path)
        except (OSError, ValueError):
            return None
        path = os.path.join(os.path.dirname(path), target)
        folder, _, base = path.replace(b"\\", b"/").rpartition(b"/")
        if folder.rpartition(b"/")[2] == b"blobs" and ETAG.match(base):
            return base.decode()
    return None


def _expected(etag: str, stat: Stat | None, source: str = "Hugging Face blob name") -> Expected | None:
    if len(etag) == SHA256_HEX:
        return Expected(etag, source)
    if stat is not None and stat.size_bytes <= GIT_BYTES:
        return Expected(etag, source, algorithm="git")
    return None


class Trees:
    """The lists of files that `hf download` keeps of each revision; each is read once."""

    def __init__(self) -> None:
        self._read: dict[bytes, dict[str, Any]] = {}

    def etag(self, path: bytes, place: re.Match[bytes]) -> str | None:
        """What the Hub calls a file of a snapshot: its SHA-256, or its git blob id."""
        repo = path[: place.start(4) - len(b"/snapshots/")]
        tree = os.path.join(repo, b"trees", place[4] + b".json")
        if tree not in self._read:
            self._read[tree] = _files(tree)
        facts = self._read[tree].get(os.fsdecode(place[5]))
        if not isinstance(facts, dict):
            return None
        etag = str(facts.get("lfs_sha256") or facts.get("blob_id"))
        return etag if ETAG.match(etag.encode("ascii", "replace")) else None


def _files(tree: bytes) -> dict[str, Any]:
    try:
        if not os.path.isfile(tree) or os.path.getsize(tree) > TREE_BYTES:
            return {}
        with open(tree, "rb") as file:
            value = json.loads(file.read(TREE_BYTES))
        files = value["files"] if value["format_version"] == 1 else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return files if isinstance(files, dict) else {}


def git_blob_id(path: bytes, state: Facts) -> str | None:
    """The git blob id of a file; None above `GIT_BYTES`, and when it is no longer in this state. Raises OSError."""
    if state.size_bytes > GIT_BYTES:
        return None
    with open(path, "rb", opener=_open_at_once) as file:
        before = os.fstat(file.fileno())
        data = file.read(GIT_BYTES + 1)
        after = os.fstat(file.fileno())
    if not _is(state, before) or not _is(state, after) or len(data) != state.size_bytes:
        return None
    digest = hashlib.sha1(b"blob %d\0" % len(data), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest()


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe put in the file's place is not waited for


def _is(state: Facts, status: os.stat_result) -> bool:
    """A status is that of the recorded state."""
    return (state.size_bytes, state.mtime_ns, state.ctime_ns, state.inode, state.device) == (
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_dev,
    )


class LocalFolders:
    """What `hf download --local-dir` wrote about files; each folder is looked at once."""

    def __init__(self) -> None:
        self._root_of: dict[bytes, bytes | None] = {}

    def expected(self, path: bytes, stat: Stat) -> Expected | None:
        """The digest that the Hub gave for this file, unless the file was modified since."""
        root = self._root(os.path.dirname(path))
        if root is None:
            return None
        metadata = os.path.join(
            root, b".cache", b"huggingface", b"download", os.path.relpath(path, root) + b".metadata"
        )
        try:
            if not os.path.isfile(metadata):
                return None
            with open(metadata, "rb", opener=_open_at_once) as file:
                lines = file.read(METADATA_BYTES).split(b"\n")
            etag, saved_ns = lines[1].strip(), int(float(lines[2]) * 1e9)
        except (OSError, ValueError, IndexError, OverflowError):
            return None
        if not ETAG.match(etag) or len(etag) != SHA256_HEX or stat.mtime_ns - CLOCK_SLACK_NS > saved_ns:
            return None
        return Expected(etag.decode(), "hf download's metadata")

    def _root(self, folder: bytes) -> bytes | None:
        if folder in self._root_of:
            return self._root_of[folder]
        parent = os.path.dirname(folder)
        root: bytes | None
        if os.path.isdir(os.path.join(folder, b".cache", b"huggingface", b"download")):
            root = folder
        else:
            root = self._root(parent) if parent != folder else None
        self._root_of[folder] = root
        return root
