"""A file that was hashed and scanned as it came: the ledger knows of it, and nobody has to read it again."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from kandil import _core
from kandil.verify.facts import of_outcome
from kandil.verify.ledger import RACY_NS, Ledger

if TYPE_CHECKING:
    from pathlib import Path


def arrived(path: Path, outcome: _core.Outcome, *, ledger: Path | None = None) -> None:
    """What was found of the file on its way, and its digest, hold for it under its name; it takes a moment.

    Where the file is not the one that came, or has been written to since, nothing is known of it.

    Raises: LedgerTooNew.
    """
    name = os.path.abspath(os.fsencode(path))
    time.sleep(2 * RACY_NS / 1e9)  # the ledger believes nothing that was read within a tick of the file's own clock
    entry = next(iter(_core.walk([name], None)), None)
    if entry is None or entry.stat is None or outcome.stat is None or _state(entry.stat) != _state(outcome.stat):
        return
    known = Ledger(ledger)
    try:
        known.write([(name, of_outcome(outcome, entry.stat, time.time_ns()))])
    finally:
        known.close()


def _state(stat: _core.Stat) -> tuple[int, ...]:
    """But for the time of its name's change."""
    return stat.device, stat.inode, stat.size_bytes, stat.mtime_ns
