"""Lists of digests as `sha256sum` and its relatives write them.

Formats: GNU coreutils ``sha256sum`` (text ``  ``, binary `` *``, names with a backslash, line feed or carriage return
escaped and the line begun with a backslash), ``--tag``/BSD ``SHA256 (name) = hex``, and a digest alone, as many
download pages have it. Source: https://www.gnu.org/software/coreutils/manual/html_node/cksum-output-modes.html
"""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from kandil.verify.item import Expected

FILE_SUFFIXES = (b".sha256", b".sha256sum")
"""Endings of lists for the one file that they are named after."""
SUFFIXES = (".sha256", "sha256sum", "sha256sums", "sha256sum.txt", "sha256sums.txt", "checksums.txt")
"""What names of lists end with, in any case; see `is_sidecar` for the rest of the name."""
LIST_BYTES = 64 << 20

_LIST = re.compile(rb"^(?:.*[-_.])?(?:sha256sums?|checksums\.txt|sha256sums?\.txt)$", re.IGNORECASE | re.DOTALL)
_GNU = re.compile(rb"^(\\?)([0-9a-fA-F]{64}) [ *](.+)$", re.DOTALL)
_LOOSE = re.compile(rb"^(\\?)([0-9a-fA-F]{64})[ \t]+\*?(.+)$", re.DOTALL)
_BSD = re.compile(rb"^(\\?)SHA(?:2-)?256 ?\((.+)\) ?= ?([0-9a-fA-F]{64})$", re.DOTALL)
_ALONE = re.compile(rb"^(?:sha256[:=])?([0-9a-fA-F]{64})(?:[ \t]+-)?$")
_UPWARDS = re.compile(rb"^(?:\.\./)+")
_ESCAPE = re.compile(rb"\\([\\nr])")
_ESCAPED = {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}


def parse(text: bytes) -> list[tuple[bytes | None, str]]:
    """Names (None: a digest alone) and lower-case digests, line by line; what is no SHA-256 line is passed over."""
    found: list[tuple[bytes | None, str]] = []
    for raw in text.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        line = raw.rstrip(b"\r \t")
        if not line or line.startswith((b"#", b";")) or b"\0" in line:  # no file's name has a NUL
            continue
        if match := _ALONE.match(line):
            found.append((None, match[1].decode().lower()))
        elif match := _GNU.match(line) or _LOOSE.match(line):
            found.append((_name(match[1], match[3]), match[2].decode().lower()))
        elif match := _BSD.match(line):
            found.append((_name(match[1], match[2]), match[3].decode().lower()))
    return found


def _name(mark: bytes, name: bytes) -> bytes:
    return _ESCAPE.sub(lambda match: _ESCAPED[match[1]], name) if mark else name


def read(path: bytes) -> list[tuple[bytes | None, str]]:
    """The lines of a list on disk. Raises OSError; a list that is no plain file or huge is an OSError too."""
    if not os.path.isfile(path) or os.path.getsize(path) > LIST_BYTES:
        os.stat(path)
        raise OSError(f"{os.fsdecode(path)}: not a list of digests")
    with open(path, "rb") as file:
        return parse(file.read(LIST_BYTES))


def is_sidecar(path: bytes) -> bool:
    """Its name says that it is a list of digests."""
    base = os.path.basename(path)
    return base.lower().endswith(FILE_SUFFIXES) or _LIST.match(base) is not None


@dataclass(slots=True)
class Sidecars:
    """What the lists beside the files say, by absolute path.

    A list speaks for files below its own folder; the nearest folder's wins, and there the one named after the file.
    """

    by_path: dict[bytes, Expected] = field(default_factory=dict)
    unreadable: list[tuple[bytes, str]] = field(default_factory=list)
    _ranks: dict[bytes, tuple[int, bool]] = field(default_factory=dict)
    _read: set[bytes] = field(default_factory=set)
    _folders: set[bytes] = field(default_factory=set)

    def add(self, sidecar: bytes) -> list[bytes]:
        """Reads one list; the paths that it names below its own folder."""
        sidecar = os.path.abspath(sidecar)
        if sidecar in self._read:
            return []
        self._read.add(sidecar)
        folder, base = os.path.split(sidecar)
        try:
            lines = read(sidecar)
        except OSError as error:
            self.unreadable.append((sidecar, error.strerror or str(error)))
            return []
        stem, suffix = os.path.splitext(base)
        if suffix.lower() not in FILE_SUFFIXES:
            stem = b""
        alone = len(lines) == 1 and bool(stem)
        found: dict[bytes, list[str]] = {}
        for name, digest in lines:
            if alone and (name is None or os.path.basename(name) == stem):
                name = stem  # noqa: PLW2901 - the folder that it was made in is not this one
            if name is not None and not os.path.isabs(name) and b".." not in name.split(b"/"):
                said = found.setdefault(os.path.normpath(os.path.join(folder, name)), [])
                if digest not in said:
                    said.append(digest)
        for path, (digest, *others) in found.items():
            source = os.fsdecode(base if os.path.dirname(path) == folder else sidecar)
            rank = (len(folder), os.path.basename(path) == stem)
            if rank > self._ranks.get(path, (-1, False)):
                self._ranks[path] = rank
                self.by_path[path] = Expected(digest, source, local=True, others=tuple(others))
        return list(found)

    def around(self, path: bytes) -> None:
        """Reads the lists that stand beside one file."""
        folder = os.path.dirname(path)
        if folder in self._folders:
            return
        self._folders.add(folder)
        try:
            names = sorted(filter(is_sidecar, os.listdir(folder)))
        except (OSError, ValueError):
            return
        for name in names:
            self.add(os.path.join(folder, name))


class CheckList:
    """The list that the caller named (``--check``)."""

    def __init__(self, path: bytes) -> None:
        """Raises OSError."""
        self.path = os.path.abspath(path)
        self.source = os.fsdecode(os.path.basename(path))
        lines = read(path)
        self.entries = [(name, digest) for name, digest in lines if name is not None]
        self.alone = [digest for name, digest in lines if name is None]
        beside = os.path.dirname(self.path)
        self._here: dict[bytes, list[str]] = {}
        self._beside: dict[bytes, list[str]] = {}
        self._tails: dict[bytes, list[str]] = {}
        for name, digest in self.entries:
            clean = os.path.normpath(name)
            places = [(self._here, os.path.abspath(name)), (self._beside, os.path.normpath(os.path.join(beside, name)))]
            if not os.path.isabs(name):
                places.append((self._tails, _UPWARDS.sub(b"", clean.replace(b"\\", b"/"))))
            for known, place in places:
                said = known.setdefault(place, [])
                if digest not in said:
                    said.append(digest)

    def paths(self) -> list[bytes]:
        """What it lists: below the working folder as `sha256sum -c` looks it up, or below the list's own folder."""
        beside = os.path.dirname(self.path)
        return [name if os.path.lexists(name) else os.path.join(beside, name) for name, _ in self.entries]

    def expected(self, key: bytes) -> Expected | None:
        """What it says of a path, else of the longest listed name that the path ends with."""
        said = self._here.get(key) or self._beside.get(key) or self._by_tail(key)
        return Expected(said[0], self.source, given=True, local=True, others=tuple(said[1:])) if said else None

    def _by_tail(self, key: bytes) -> list[str] | None:
        tail = key.replace(b"\\", b"/")
        while tail:
            _, _, tail = tail.partition(b"/")
            if said := self._tails.get(tail):
                return said
        return None
