"""The files that are being read: one run of the core's threads, and another for what has to be read once more."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kandil import _core
from kandil.verify.plan import Request, Target
from kandil.verify.progress import Lane
from kandil.verify.verdicts import UNREADABLE, Rows, alarms, reading_of

if TYPE_CHECKING:
    from kandil.verify.judge import Reading


class Reader:
    """Starts runs and says what they have read. `cancel` and `progress` may be called from any thread."""

    def __init__(self, request: Request) -> None:
        self.bytes_read = 0
        self._request = request
        self._run: _core.Run | None = None
        self._jobs: list[Target] = []
        self._again: list[Target] = []
        self._earlier_done = self._earlier_total = 0

    @property
    def active(self) -> bool:
        return self._run is not None

    @property
    def finished(self) -> bool:
        """Whether nothing more will come of the run that is under way, or there is none."""
        return self._run is None or self._run.finished

    def start(self, targets: list[Target]) -> None:
        self._jobs, self._run = targets, None
        if not targets:
            return
        request = self._request
        options: dict[str, Any] = {}
        if request.max_memory_bytes is not None:
            options["max_memory_bytes"] = request.max_memory_bytes
        self._run = _core.Run(
            [(target.items[0].path, target.size_bytes, target.mode or "sha256") for target in targets],
            threads=request.jobs,
            max_rate_bytes=request.max_rate_bytes,
            blake3="always" if request.pin or request.full else "auto",  # whoever asks once for --full asks again
            drop_cache=_drops_cache(request, targets),
            **options,
        )

    def close_run(self) -> list[Target]:
        """What must be read once more, after a run that is finished: files whose fast check did not hold."""
        assert self._run is not None
        now = self._run.progress()
        self._earlier_done += now.bytes_done
        self._earlier_total += now.bytes_total
        self._run = None
        again, self._again = self._again, []
        return again

    def drop(self) -> None:
        self._run = None

    def cancel(self) -> None:
        if (run := self._run) is not None:
            run.cancel()

    def progress(self) -> tuple[int, int, tuple[Lane, ...]]:
        """Bytes that are read, bytes that there are, and what each thread is at."""
        run, jobs = self._run, self._jobs
        if run is None:
            return self._earlier_done, self._earlier_total, ()
        now = run.progress()
        lanes = tuple(
            _lane(jobs[index], thread, done, size) for thread, index, done, size in now.lanes if index < len(jobs)
        )
        return self._earlier_done + now.bytes_done, self._earlier_total + now.bytes_total, lanes

    def take(self, seconds: float, started_ns: int) -> tuple[list[tuple[Target, Reading | None]], Rows, Rows]:
        """What was read (None: an error, which is now in the items), and files and pins that the ledger keeps."""
        assert self._run is not None
        readings: list[tuple[Target, Reading | None]] = []
        rows: Rows = []
        pins: Rows = []
        for outcome in self._run.take(seconds):
            target: Target | None = self._jobs[outcome.index]
            assert target is not None
            if outcome.error is not None or outcome.stat is None:
                for item in target.items:
                    item.error = outcome.error or UNREADABLE
                readings.append((target, None))
                continue
            self.bytes_read += outcome.stat.size_bytes if target.mode != "scan" else 0
            target = self._as_opened(target, outcome.stat)
            if target is None:
                continue
            reading = reading_of(target, outcome, outcome.stat, started_ns)
            if reading is None:
                self._again.append(replace(target, mode="sha256"))
                continue
            if reading.facts.sha256 is not None:  # else it would replace what is known by less
                rows.append((target.items[0].key, reading.facts))
            pins += alarms(target, reading)
            readings.append((target, reading))
        return readings, rows, pins

    def _as_opened(self, target: Target, stat: _core.Stat) -> Target | None:
        """The target as far as an outcome speaks of it; None where that is not at all.

        A name may lead to another file by the time it is opened. Then what was read is that name's alone, and the other
        names are read by themselves.
        """
        first, *others = target.items
        planned = first.stat
        if planned is None or (planned.device, planned.inode) == (stat.device, stat.inode):
            return target
        if others:
            self._again.append(replace(target, items=others))
        first.stat = stat
        opened = Target([first], None, "sha256" if target.facts is not None else target.mode)
        if target.mode == opened.mode:
            return opened
        self._again.append(opened)
        return None


def _drops_cache(request: Request, targets: list[Target]) -> bool:
    if request.drop_cache is not None:
        return request.drop_cache
    try:
        memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return False
    return sum(target.size_bytes for target in targets if target.mode != "scan") > memory_bytes


def _lane(target: Target, thread: int, done: int, size: int) -> Lane:
    return Lane(Path(os.fsdecode(target.items[0].path)), done, size, thread)
