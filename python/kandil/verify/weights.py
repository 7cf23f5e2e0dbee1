"""Looks at the weights of files, one after the other, each on all threads."""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from kandil import _core
from kandil.verify.result import Finding

if TYPE_CHECKING:
    from kandil.verify.judge import Reading
    from kandil.verify.plan import Request, Target

CHANGED = "it changed while its weights were looked at"


class Weighing:
    """Files whose bytes have been read and that wait for a look at their weights."""

    def __init__(self, request: Request) -> None:
        self._weights = request.weights
        self._threads = request.jobs
        self._waiting: deque[tuple[Target, Reading]] = deque()
        self._stopping = False
        self.bytes_done = self.bytes_total = 0

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def takes(self, target: Target, reading: Reading | None) -> bool:
        """True when the file now waits here, and is not to be judged yet."""
        if self._weights is None or reading is None or not reading.facts.is_gguf:
            return False
        self._waiting.append((target, reading))
        self.bytes_total += target.size_bytes if self._weights == "full" else 0
        return True

    def stop(self) -> None:
        """The look that is under way ends at its next piece; nothing more is looked at."""
        self._stopping = True

    def next(self) -> tuple[Target, Reading | None] | None:
        """One file that has been looked at, as a reading that can be judged; None where none waits.

        What was found is in the items' `notes`; where it could not be looked at, there is no reading and the items
        say why.
        """
        if self._stopping or not self._waiting:
            return None
        target, reading = self._waiting.popleft()
        error: str | None = None
        found: tuple[Finding, ...] = ()
        try:
            found = self._look(target.items[0].path)
            if not any(reading.facts.same_state(stat) for stat in _stats(target.items[0].path)):
                error = CHANGED
        except InterruptedError:
            return None
        except (OSError, ValueError) as failed:
            error = getattr(failed, "strerror", None) or str(failed)
        for item in target.items:
            item.error, item.notes = error, item.notes + found
        return target, None if error else _without(reading, {finding.id for finding in found})

    def _look(self, path: bytes) -> tuple[Finding, ...]:
        header = _core.Header.open(path)
        found = header.check_weights(full=self._weights == "full", threads=self._threads, go_on=self._go_on)
        return tuple(Finding(one.id, one.severity, one.message, one.offset) for one in found)

    def _go_on(self, size_bytes: int) -> bool:
        self.bytes_done += size_bytes
        return not self._stopping


def _without(reading: Reading, ids: set[str]) -> Reading:
    """What the first look at the weights has found, this one has found again."""
    findings = tuple(finding for finding in reading.facts.findings if finding.id not in ids)
    return replace(reading, facts=replace(reading.facts, findings=findings))


def _stats(path: bytes) -> list[_core.Stat]:
    return [entry.stat for entry in _core.walk([path], None) if entry.stat is not None]
