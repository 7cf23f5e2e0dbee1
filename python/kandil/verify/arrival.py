"""A file that was hashed and scanned as it came: the ledger knows of it, and nobody has to read it again."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from kandil import _core
from kandil.verify.facts import of_outcome
from kandil.verify.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path


def arrived(path: Path, outcome: _core.Outcome, *, ledger: Path | None = None) -> None:
    """What was found of the file on its way, with its digest, holds for it as it is there now.

    Raises: LedgerTooNew.
    """
    name = os.path.abspath(os.fsencode(path))
    entry = next(iter(_core.walk([name], None)), None)
    if entry is None or entry.stat is None:
        return
    known = Ledger(ledger)
    try:
        known.write([(name, of_outcome(outcome, entry.stat, time.time_ns()))])
    finally:
        known.close()
