"""The model files on this machine, and what earlier verifications kept of them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from kandil import paths
from kandil.registry.diagnosis.check import Probe, command, fail, ok, warn
from kandil.verify import ledger, stores
from kandil.verify.selection import select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kandil._core import Stat
    from kandil.registry.diagnosis.check import Found, Surroundings
    from kandil.verify.facts import Facts

_BLOCKED: Final = {"malicious", "malformed"}


def places(_: Surroundings) -> Iterator[Found]:
    machine = stores.Machine.here()
    found = stores.find(machine)
    yield ok(
        ", ".join(f"{stores.TITLES[one.kind]} at {one.root}" for one in found)
        if found
        else "no store of models is here"
    )
    for one in stores.closed(machine):
        title = stores.TITLES[one.kind]
        mend = command("sudo", "kandil", "verify", one.root)
        yield warn(f"{one.root}: this user may not look into it; {title}'s models there are not verified", mend)


def integrity(_: Surroundings) -> Found:
    """By SQLite's `quick_check`, without writing so much as a file beside it."""
    file = paths.ledger_file()
    if not file.exists():
        return ok("there is no ledger yet: nothing has been verified")
    again = "kandil verify, which sets it aside and begins a new one; pins must be set again"
    try:
        version, says = _quick_check(file)
    except sqlite3.DatabaseError as error:
        return fail(f"{file} cannot be used: {error}", again)
    if version > ledger.SCHEMA_VERSION:
        return fail(f"{file} has version {version}; this kandil knows {ledger.SCHEMA_VERSION}", "update kandil")
    if says != "ok":
        return fail(f"{file} is damaged", again)
    return ok(f"{file} is sound")


def _quick_check(file: Path) -> tuple[int, str]:
    """Raises: sqlite3.DatabaseError."""
    log = file.with_name(f"{file.name}-wal")
    # Without a log, nobody is writing, and SQLite needs no files of its own to read.
    still = not log.exists() or not log.stat().st_size
    uri = f"file:{quote(os.fsencode(file))}?mode=ro" + ("&immutable=1" if still else "")
    with closing(sqlite3.connect(uri, uri=True, timeout=1)) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        return int(version), str(database.execute("PRAGMA quick_check(1)").fetchone()[0])


def verified(_: Surroundings) -> Iterator[Found]:
    """What the ledger knows of the files that are here now; nothing of them is read."""
    selection = select(None, every_file=False, check=None, machine=stores.Machine.here())
    files = {item.key: item for item in selection.items if item.stat is not None}
    known = _known([(key, item.stat) for key, item in files.items() if item.stat is not None])
    fresh = len(files) - len(known)
    if fresh:
        yield warn(f"{fresh} of {len(files)} model files have not been verified as they are now", "kandil verify")
    bad = [key for key, facts in known.items() if {one.severity for one in facts.findings} & _BLOCKED]
    yield from (
        fail(f"{os.fsdecode(key)}: {_why(known[key])}", command("kandil", "verify", os.fsdecode(key))) for key in bad
    )
    if not fresh and not bad:
        yield ok(f"all of {len(files)} model files have been" if files else "there are no model files in the stores")


def _known(files: list[tuple[bytes, Stat]]) -> dict[bytes, Facts]:
    known = ledger.Ledger(read_only=True)
    try:
        return known.files(files)
    finally:
        known.close()


def _why(facts: Facts) -> str:
    found = (f"{one.severity} ({one.id})" for one in facts.findings if one.severity in _BLOCKED)
    return f"a verification found it {', '.join(found)}"


PROBES: Final = (
    Probe("KD-LIB-001", "stores", "Which stores of models are here, and that this user may look into them", places),
    Probe("KD-LIB-002", "ledger", "The ledger of verifications is sound", integrity),
    Probe("KD-LIB-003", "model files", "Every model file was verified as it is now, and found sound", verified),
)
