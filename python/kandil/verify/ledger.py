"""What earlier runs read: facts about files that have not changed since, and the digests that a person pinned.

One SQLite file. A row says what the bytes were in one state of the file (size, mtime, ctime, inode, device), never
whether that is good. Each batch of results is one transaction, so a crash loses at most the files in flight.

A row is only used when the file's ctime lies before the run that read it by more than `RACY_NS`: a write within the
clock's tick, after the bytes were read, would leave the same ctime. (Git's index has the same rule:
``Documentation/technical/racy-git.adoc``.) Some file systems keep times in whole seconds (ext3 and ext4 with inodes of
128 bytes, ext2, HFS+) or even ones (FAT): a ctime of a whole second may be one of theirs, and `COARSE_NS` must have
gone by. On others one ctime in a thousand million is read twice for nothing.
"""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kandil import paths
from kandil.errors import LedgerTooNew
from kandil.verify.facts import Facts, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kandil._core import Stat

SCHEMA_VERSION = 1
RACY_NS = 20_000_000
COARSE_NS = 2_100_000_000
SECOND_NS = 1_000_000_000
BUSY_SECONDS = 2.0
DIGEST_BYTES = 32
CHUNK = 500
"""Paths in one query; SQLite's smallest limit on parameters is 999."""

_SCHEMA = """
CREATE TABLE files (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL, device INTEGER NOT NULL, sha256 BLOB, blake3 BLOB, sha256_ns INTEGER NOT NULL, git_id TEXT,
    is_gguf INTEGER NOT NULL, split_no INTEGER, split_count INTEGER, split_tensors INTEGER, tensors INTEGER,
    architecture TEXT, findings TEXT, rules TEXT NOT NULL, read_ns INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX files_by_inode ON files (inode);
CREATE TABLE pins (path BLOB PRIMARY KEY, sha256 BLOB NOT NULL, blake3 BLOB, pinned_ns INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
_COLUMNS = (
    "size, mtime_ns, ctime_ns, inode, device, sha256, blake3, sha256_ns, git_id, is_gguf, split_no, split_count,"
    " split_tensors, tensors, architecture, findings, rules, read_ns"
)
_PLACES = ", ".join("?" * (_COLUMNS.count(",") + 2))
_FINDINGS = 15
"""The place of `findings` in `_COLUMNS`."""

_BAD_ROW = (
    OverflowError,
    ValueError,
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)
"""What SQLite and its binding say of one row's values; anything else is the database's."""


class Ledger:
    """An open ledger; used by one thread at a time. `warnings` says what could not be done."""

    def __init__(self, path: Path | None = None, *, read_only: bool = False) -> None:
        """Opens or makes it. What is damaged is set aside and begun anew; what cannot be opened is done without.

        Raises:
            LedgerTooNew: a later version of kandil wrote it.
        """
        self.path = path or paths.ledger_file()
        self.warnings: list[str] = []
        self.pins_unread = False
        """Pins may be there, and could not be read."""
        self._pins_known = not _has_content(self.path)
        self._read_only = read_only
        self._database: sqlite3.Connection | None = None
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self._failed(error)

    def _open(self) -> None:
        try:
            if not self._read_only:
                paths.make_private(self.path.parent)
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            elif not os.path.exists(self.path):
                return
        except OSError as error:
            self.warnings.append(f"no ledger: {self.path}: {error.strerror}; nothing of this run is kept")
            self._read_only = True
            if not os.path.exists(self.path):  # nor where this user may not look
                return
        try:
            self._connect(self._mode())
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
            self._open_immutable(error)

    def _mode(self) -> str:
        """Who only reads leaves no file of SQLite's beside the ledger: without a log there, nobody is writing."""
        if not self._read_only:
            return ""
        return "?mode=ro" if os.path.exists(f"{self.path}-wal") else "?mode=ro&immutable=1"

    def _connect(self, options: str) -> None:
        uri = f"file:{_quoted(self.path)}{options}"
        self._database = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        self._prepare(self._database)

    def _open_immutable(self, error: sqlite3.OperationalError) -> None:
        """For a folder that cannot be written: SQLite wants files of its own beside a ledger, even to read it."""
        self.close()
        if not self._read_only:
            self.warnings.append(f"the ledger {self.path} cannot be written: {error}; nothing of this run is kept")
        self._read_only = True
        self._connect("?mode=ro&immutable=1")
        if _has_content(self.path.with_name(f"{self.path.name}-wal")):  # which is not looked at in this mode
            self.pins_unread = True
            self.warnings.append(f"the newest part of the ledger {self.path} cannot be read: pins may be missing")

    def _prepare(self, database: sqlite3.Connection) -> None:
        if not self._read_only:
            _use_wal(database)
            database.execute("PRAGMA synchronous = NORMAL")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            database.close()
            self._database = None
            raise LedgerTooNew(str(self.path), version, SCHEMA_VERSION)
        if version == 0 and not self._read_only:
            database.execute("BEGIN EXCLUSIVE")
            if database.execute("PRAGMA user_version").fetchone()[0] == 0:  # no other kandil was quicker
                for statement in _SCHEMA.split(";"):
                    database.execute(statement)
            database.execute("COMMIT")

    def _failed(self, error: sqlite3.DatabaseError) -> None:
        """Goes on without the ledger, or with a new one where the old one is damaged."""
        self.close()
        self.pins_unread = self.pins_unread or not self._pins_known
        damaged = type(error) is sqlite3.DatabaseError  # "file is not a database", "database disk image is malformed"
        if not damaged or self._read_only:
            pins = "; no pins were compared" if self.pins_unread else ""
            self.warnings.append(
                f"the ledger {self.path} cannot be used: {error}{pins}; nothing more of this run is kept"
            )
            return
        aside = self.path.with_name(f"{self.path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.replace(f"{self.path}{suffix}", f"{aside}{suffix}")
        self.warnings.append(
            f"the ledger was damaged ({error}): kept as {aside.name}, and a new one begun; pins must be set again"
        )
        try:
            self._open()
        except sqlite3.DatabaseError:
            self.close()

    def close(self) -> None:
        """Nothing is lost: every batch is already written."""
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def files(self, wanted: Sequence[tuple[bytes, Stat]]) -> dict[bytes, Facts]:
        """The facts that still hold, by path; also under another name of the same file."""
        found: dict[bytes, Facts] = {}
        if self._database is None:
            return found
        try:
            others = []
            rows = dict(self._select("path", [path for path, _ in wanted]))
            for path, stat in wanted:
                facts = rows.get(path)
                if facts is not None and _holds(facts, stat):
                    found[path] = facts
                else:
                    others.append((path, stat))
            by_inode: dict[bytes | int, list[Facts]] = {}
            for inode, facts in self._select("inode", [_signed(stat.inode) for _, stat in others if stat.inode]):
                by_inode.setdefault(inode, []).append(facts)
            for path, stat in others:
                for facts in by_inode.get(_signed(stat.inode), ()):
                    if _holds(facts, stat):
                        found[path] = facts
        except sqlite3.DatabaseError as error:
            self._failed(error)
        return found

    def recorded(self, paths: Sequence[bytes]) -> set[bytes]:
        """Those of the paths of which something was read once, whatever has become of the files since."""
        if self._database is None:
            return set()
        try:
            return {path for path, _ in self._select("path", paths) if isinstance(path, bytes)}
        except sqlite3.DatabaseError as error:
            self._failed(error)
            return set()

    def _select(self, column: str, values: Sequence[bytes] | Sequence[int]) -> Iterator[tuple[bytes | int, Facts]]:
        assert self._database is not None
        for start in range(0, len(values), CHUNK):
            some = values[start : start + CHUNK]
            places = ",".join("?" * len(some))
            query = f"SELECT {column}, {_COLUMNS} FROM files WHERE {column} IN ({places})"  # noqa: S608 - two fixed columns
            for key, *row in self._database.execute(query, some):
                try:
                    row[_FINDINGS] = unpack(row[_FINDINGS])
                    row[3], row[4] = row[3] & _MASK, row[4] & _MASK
                except (TypeError, ValueError):
                    continue  # kandil did not write this: the file is read again, and its row replaced
                if all(digest is None or len(digest) == DIGEST_BYTES for digest in row[5:7]):
                    yield key, Facts(*row)

    def pins(self, wanted: Sequence[bytes]) -> dict[bytes, tuple[bytes, int]]:
        """Pinned SHA-256 and the time of pinning, by path."""
        found: dict[bytes, tuple[bytes, int]] = {}
        if self._database is None:
            return found
        try:
            for start in range(0, len(wanted), CHUNK):
                some = wanted[start : start + CHUNK]
                places = ",".join("?" * len(some))
                query = f"SELECT path, sha256, pinned_ns FROM pins WHERE path IN ({places})"  # noqa: S608
                found.update(
                    (path, (digest, pinned_ns)) for path, digest, pinned_ns in self._database.execute(query, some)
                )
            self._pins_known = True
        except sqlite3.DatabaseError as error:
            self._failed(error)
        return found

    def write(self, files: Iterable[tuple[bytes, Facts]], pins: Iterable[tuple[bytes, Facts]] = ()) -> None:
        """All of it is kept but rows that cannot be; where the disk refuses, none. `warnings` says so."""
        if self._database is None or self._read_only:
            return
        rows = [(path, *_row(facts)) for path, facts in files]
        pinned_ns = time.time_ns()
        pinned = [(path, facts.sha256, facts.blake3, pinned_ns) for path, facts in pins]
        if not rows and not pinned:
            return
        try:
            try:
                self._insert(rows, pinned)
            except _BAD_ROW:
                self._insert_singly(rows, pinned)
        except sqlite3.DatabaseError as error:
            self._failed(error)

    def _insert(self, rows: Sequence[tuple[object, ...]], pinned: Sequence[tuple[object, ...]]) -> None:
        database = self._database
        assert database is not None
        try:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(f"INSERT OR REPLACE INTO files (path, {_COLUMNS}) VALUES ({_PLACES})", rows)  # noqa: S608
            database.executemany("INSERT OR REPLACE INTO pins VALUES (?, ?, ?, ?)", pinned)
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise

    def _insert_singly(self, rows: Sequence[tuple[object, ...]], pinned: Sequence[tuple[object, ...]]) -> None:
        """One row that cannot be kept does not lose the others."""
        for some, pins in [*(([row], []) for row in rows), *(([], [row]) for row in pinned)]:
            try:
                self._insert(some, pins)
            except _BAD_ROW as error:
                path = os.fsdecode((some or pins)[0][0])  # type: ignore[arg-type]
                self.warnings.append(f"{path}: the ledger cannot keep what was read of it: {error}")


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except (OSError, ValueError):
        return False


def _use_wal(database: sqlite3.Connection) -> None:
    """The write-ahead log is on. Here SQLite does not wait for its busy timeout when another begins the same ledger."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _holds(facts: Facts, stat: Stat) -> bool:
    margin_ns = COARSE_NS if facts.ctime_ns % SECOND_NS == 0 else RACY_NS
    return facts.same_state(stat) and facts.ctime_ns + margin_ns < facts.read_ns


_MASK = (1 << 64) - 1


def _signed(number: int) -> int:
    """SQLite's integers are signed; inodes and devices are not."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _row(facts: Facts) -> tuple[object, ...]:
    return (
        facts.size_bytes,
        facts.mtime_ns,
        facts.ctime_ns,
        _signed(facts.inode),
        _signed(facts.device),
        facts.sha256,
        facts.blake3,
        facts.sha256_ns,
        facts.git_id,
        facts.is_gguf,
        facts.split_no,
        facts.split_count,
        facts.split_tensors,
        facts.tensors,
        facts.architecture,
        pack(facts.findings),
        facts.rules,
        facts.read_ns,
    )


def _quoted(path: Path) -> str:
    from urllib.parse import quote  # noqa: PLC0415

    return quote(os.fsencode(path))
