"""A stand-in for the Rust extension, for tests written before it: the same shapes, hashlib inside, one thread.

Its "BLAKE3" is BLAKE2b: verification only ever compares two of them.
"""

from __future__ import annotations

import hashlib
import os
import stat as stat_module
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

__version__ = "0.1.0"
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def sha256(data: Any, /) -> bytes:
    return hashlib.sha256(data).digest()


Sha256 = hashlib.sha256


@dataclass
class Stat:
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int


def _stat(status: os.stat_result) -> Stat:
    return Stat(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


@dataclass
class Entry:
    path: bytes
    stat: Stat | None = None
    error: str | None = None


def walk(roots: Any, suffixes: Any) -> list[Entry]:
    found: dict[bytes, Entry] = {}
    endings = None if suffixes is None else tuple(os.fsencode(suffix) for suffix in suffixes)
    seen: set[tuple[int, int]] = set()

    def enter(path: bytes, *, root: bool) -> None:
        try:
            status = os.stat(path)
        except OSError as error:
            if root or endings is None or path.endswith(endings):
                found[path] = Entry(path, None, error.strerror)
            return
        if stat_module.S_ISDIR(status.st_mode):
            if (status.st_dev, status.st_ino) in seen:
                return
            seen.add((status.st_dev, status.st_ino))
            try:
                names = sorted(os.listdir(path))
            except OSError as error:
                found[path] = Entry(path, None, error.strerror)
                return
            for name in names:
                enter(os.path.join(path, name), root=False)
        elif root or endings is None or path.endswith(endings):
            regular = stat_module.S_ISREG(status.st_mode)
            found[path] = Entry(path, _stat(status)) if regular else Entry(path, None, "not a regular file")

    for one in roots:
        enter(one, root=True)
    return [found[path] for path in sorted(found)]


@dataclass
class Finding:
    id: str
    severity: str
    message: str
    offset: int | None = None


@dataclass
class Header:
    values: dict[str, Any] = field(default_factory=dict)
    tensors: list[str] = field(default_factory=list)

    def __contains__(self, key: object) -> bool:
        return key in self.values

    def __getitem__(self, key: str) -> Any:
        return self.values[key]


def _parse(data: bytes) -> tuple[Header | None, list[Finding]]:
    if data[:4] != b"GGUF":
        return None, [Finding("KG-MAGIC", "malformed", "not a GGUF file", 0)]
    header = Header()
    try:
        _, tensors, keys = struct.unpack_from("<IQQ", data, 4)
        at = 24
        for _ in range(keys):
            key, at = _string(data, at)
            (kind,) = struct.unpack_from("<I", data, at)
            value, at = _value(data, at + 4, kind)
            header.values[key] = value
        header.tensors = ["t"] * tensors
    except (struct.error, IndexError):
        return header, [Finding("KG-TRUNCATED", "malformed", "the header ends early", len(data))]
    if b"EVIL" in data:
        return header, [Finding("KG-EVIL", "malicious", "evil bytes", data.index(b"EVIL"))]
    return header, []


def _string(data: bytes, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from("<Q", data, at)
    if at + 8 + size > len(data):
        raise IndexError
    return data[at + 8 : at + 8 + size].decode(), at + 8 + size


def _value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind == 8:
        return _string(data, at)
    if kind == 9:
        inner, count = struct.unpack_from("<IQ", data, at)
        at, values = at + 12, []
        for _ in range(count):
            value, at = _value(data, at, inner)
            values.append(value)
        return values, at
    return struct.unpack_from("<" + _FORMATS[kind], data, at)[0], at + _SIZES[kind]


@dataclass
class Outcome:
    index: int
    error: str | None = None
    stat: Stat | None = None
    sha256: bytes | None = None
    blake3: bytes | None = None
    header: Header | None = None
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Progress:
    bytes_done: int
    bytes_total: int
    files_done: int
    lanes: list[tuple[int, int, int, int]]


class Run:
    def __init__(self, jobs: Any, *, threads: int = 0, max_memory_bytes: int = 1, max_rate_bytes: int | None = None,
                 blake3: str = "auto", drop_cache: bool = False) -> None:
        self.jobs, self.blake3 = list(jobs), blake3
        self._done: deque[Outcome] = deque()
        self._event, self._stop = threading.Event(), False
        self._bytes = self._files = 0
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        for index, (path, size, mode) in enumerate(self.jobs):
            if self._stop:
                break
            self._done.append(self._one(index, path, mode))
            self._bytes, self._files = self._bytes + size, self._files + 1
            self._event.set()

    def _one(self, index: int, path: bytes, mode: str) -> Outcome:
        try:
            with open(path, "rb") as file:
                data, status = file.read(), os.fstat(file.fileno())
        except OSError as error:
            return Outcome(index, error.strerror)
        header, findings = _parse(data)
        outcome = Outcome(index, None, _stat(status), header=header, findings=findings)
        if mode == "sha256":
            outcome.sha256 = hashlib.sha256(data).digest()
        if mode == "blake3" or (mode == "sha256" and self.blake3 != "never"):
            outcome.blake3 = hashlib.blake2b(data, digest_size=32).digest()
        return outcome

    def take(self, timeout_seconds: float) -> list[Outcome]:
        if not self._done and self._thread.is_alive():
            self._event.wait(timeout_seconds)
        self._event.clear()
        taken = []
        while self._done:
            taken.append(self._done.popleft())
        return taken

    @property
    def finished(self) -> bool:
        return not self._thread.is_alive() and not self._done

    def progress(self) -> Progress:
        return Progress(self._bytes, sum(size for _, size, _ in self.jobs), self._files, [])

    def cancel(self) -> None:
        self._stop = True
