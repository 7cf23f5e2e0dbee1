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
    """What the lists beside the files say, by absolute path; a list named after one file wins over a folder's list."""

    by_path: dict[bytes, Expected] = field(default_factory=dict)
    unreadable: list[tuple[bytes, str]] = field(default_factory=list)
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
        source = os.fsdecode(base)
        if suffix.lower() in FILE_SUFFIXES and len(lines) == 1 and stem:
            path = os.path.join(folder, stem)
            self.by_path[path] = Expected(lines[0][1], source)
            return [path]
        named = []
        for name, digest in lines:
            if name is None:
                continue
            path = os.path.normpath(os.path.join(folder, name))
            self.by_path.setdefault(path, Expected(digest, source))
            if path.startswith(os.path.join(folder, b"")):
                named.append(path)
        return named

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
        self._by_base: dict[bytes, list[tuple[bytes, str]]] = {}
        for name, digest in self.entries:
            clean = os.path.normpath(name)
            self._by_base.setdefault(os.path.basename(clean), []).append((clean, digest))

    def paths(self) -> list[bytes]:
        """What it lists: below the working folder as `sha256sum -c` looks it up, or below the list's own folder."""
        beside = os.path.dirname(self.path)
        return [name if os.path.lexists(name) else os.path.join(beside, name) for name, _ in self.entries]

    def expected(self, key: bytes) -> Expected | None:
        """The digest of its path, else of the longest listed name that its path ends with, if that is one."""
        candidates = self._by_base.get(os.path.basename(key), ())
        best: dict[str, int] = {}
        for name, digest in candidates:
            tail = b"/" + _UPWARDS.sub(b"", name.replace(b"\\", b"/"))
            if key == name or key.replace(b"\\", b"/").endswith(tail):
                best[digest] = max(best.get(digest, 0), len(name))
        longest = [digest for digest, length in best.items() if length == max(best.values())]
        return Expected(longest[0], self.source) if len(longest) == 1 else None
