"""A verification under way: an asynchronous iterable of results, and the picture of its progress."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import trio

from kandil import _core
from kandil.verify.judge import Reading
from kandil.verify.ledger import Ledger
from kandil.verify.plan import Plan, Request, Target, make_plan
from kandil.verify.progress import Lane, Progress
from kandil.verify.result import FileResult, Summary
from kandil.verify.verdicts import UNREADABLE, Rows, Verdicts, add_git_id, alarms, reading_of
from kandil.verify.weights import Weighing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from kandil.verify.loading import Loads

TAKE_SECONDS = 0.1
BATCH = 256
"""So many answers from the ledger are made between two looks at what the threads have finished."""


class Verification:
    """Results as files finish, in no order: iterate over it once, with ``async for``, on trio.

    Cancelling the iteration cancels the reading at once; what was finished by then is in the ledger. Leaving the loop
    early needs `close`, or the object as a context manager.

    Raises, when iterated:
        KandilError: what is asked for makes no sense, or the ledger is a newer version's.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._verdicts = Verdicts()
        self._weighing = Weighing(request)
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._plan: Plan | None = None
        self._ledger: Ledger | None = None
        self._known: Iterator[Target] = iter(())
        self._run: _core.Run | None = None
        self._jobs: list[Target] = []
        self._again: list[Target] = []
        self._read_bytes = self._earlier_done = self._earlier_total = 0
        self._stopping = self._finished = False
        self._summary: Summary | None = None
        self._loads = _loads(request)
        self._out: deque[FileResult] = deque()

    # -- iteration ----------------------------------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FileResult:
        while not self._out:
            if self._finished and not self._verdicts.ready:
                raise StopAsyncIteration
            try:
                await self._more()
            except BaseException:
                await self._abandon()
                raise
        return self._out.popleft()

    async def _more(self) -> None:
        if not self._verdicts.ready:
            await trio.to_thread.run_sync(self._step, abandon_on_cancel=True)
        elif self._loads is not None:
            await self._load(self._loads)
        else:
            self._out.extend(self._verdicts.ready)
            self._verdicts.ready.clear()

    async def _load(self, loads: Loads) -> None:
        """What is ready is loaded, side by side; reading goes on meanwhile."""
        ready = list(self._verdicts.ready)
        self._verdicts.ready.clear()
        counts = self._verdicts.by_status
        for before, after in zip(ready, await loads.load(ready), strict=True):
            counts[before.status] -= 1
            counts[after.status] += 1
            self._out.append(after)

    async def _abandon(self) -> None:
        """The threads stop now; what they have finished is kept."""
        self._stopping = True
        self._weighing.stop()
        if self._plan is None:
            return  # folders are still being walked; the step that does it stops by itself
        if self._run is not None:
            self._run.cancel()
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self.close)

    def close(self) -> None:
        """Reading stops; what is finished is in the ledger. Does nothing the second time."""
        self._stopping = True
        self._weighing.stop()
        if self._run is not None:
            self._run.cancel()
        # While files are still being looked for the step that does it has the lock, and afterwards shuts by itself.
        if self._lock.acquire(blocking=self._plan is not None):
            try:
                self._shut()
            finally:
                self._lock.release()

    def _shut(self) -> None:
        try:
            while self._run is not None and not self._run.finished:
                _, rows, pins = self._read(self._run.take(TAKE_SECONDS))
                if self._ledger is not None:
                    self._ledger.write(rows, pins)
        finally:
            self._run, self._finished = None, True
            if self._ledger is not None:
                self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what a caller may look at ------------------------------------------------------------------------------------

    def progress(self) -> Progress:
        """A moment's picture; cheap enough for every frame."""
        plan, run, jobs = self._plan, self._run, self._jobs
        weighing = self._weighing
        done, total = self._earlier_done + weighing.bytes_done, self._earlier_total + weighing.bytes_total
        lanes: tuple[Lane, ...] = ()
        if run is not None:
            now = run.progress()
            done, total = done + now.bytes_done, total + now.bytes_total
            lanes = tuple(
                _lane(jobs[index], thread, lane_done, size)
                for thread, index, lane_done, size in now.lanes
                if index < len(jobs)
            )
        return Progress(self._verdicts.by_status.total(), plan.names if plan is not None else 0, done, total, lanes)

    @property
    def summary(self) -> Summary:
        """Raises RuntimeError before the end of the loop."""
        if self._summary is None or self._verdicts.ready or self._out:
            raise RuntimeError("there is no summary before the last result")
        return self._summary

    # -- the rest runs on a worker thread -----------------------------------------------------------------------------

    def _step(self) -> None:
        with self._lock:
            if self._finished:
                return
            if self._plan is None:
                self._begin()
            if self._stopping:
                self._shut()
                return
            busy = self._weigh() or self._answer()
            if self._run is not None:
                self._absorb(self._run.take(0.0 if busy else TAKE_SECONDS))
                if self._run.finished:
                    self._next_run()
            done = not (busy or self._run is not None or self._weighing.waiting or self._verdicts.ready)
            if done and not self._stopping:
                self._end()  # after the last result was given out: loading may still change it

    def _begin(self) -> None:
        self._started = time.monotonic()
        self._ledger = Ledger(self._request.ledger)
        try:
            plan = make_plan(self._request, self._ledger)
        except BaseException:
            self._ledger.close()
            raise
        self._verdicts = Verdicts(plan, pin=self._request.pin, strict=self._request.strict)
        for item in plan.failed:
            self._verdicts.settle(item, None, None)
        self._plan = plan
        self._known = iter([target for target in plan.targets if target.mode is None])
        self._start([target for target in plan.targets if target.mode is not None])

    def _start(self, targets: list[Target]) -> None:
        self._jobs, self._run = targets, None
        if not targets or self._stopping:
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

    def _next_run(self) -> None:
        """Files whose fast check did not hold are read once more."""
        assert self._run is not None
        now = self._run.progress()
        self._earlier_done += now.bytes_done
        self._earlier_total += now.bytes_total
        again, self._again = self._again, []
        self._start(again)

    def _answer(self) -> bool:
        """Gives some answers from the ledger; False when there are none left."""
        some = list(islice(self._known, BATCH))
        readings = []
        for target in some:
            assert target.facts is not None
            readings.append((target, Reading(target.facts, target.checked)))
        self._finish(readings, [], [])
        return bool(some)

    def _weigh(self) -> bool:
        """Looks at the weights of one file; False when none waits."""
        weighed = self._weighing.next()
        if weighed is not None:
            pins: Rows = []
            self._settle(*weighed, pins)
            if self._ledger is not None:
                self._ledger.write([], pins)
        return weighed is not None

    def _absorb(self, outcomes: list[_core.Outcome]) -> None:
        readings, rows, pins = self._read(outcomes)
        self._finish(readings, rows, pins)

    def _read(self, outcomes: list[_core.Outcome]) -> tuple[list[tuple[Target, Reading | None]], Rows, Rows]:
        """What outcomes say (None: an error, which is now in the items), and files and pins that the ledger keeps."""
        assert self._plan is not None
        readings: list[tuple[Target, Reading | None]] = []
        rows: Rows = []
        pins: Rows = []
        for outcome in outcomes:
            target: Target | None = self._jobs[outcome.index]
            assert target is not None
            if outcome.error is not None or outcome.stat is None:
                for item in target.items:
                    item.error = outcome.error or UNREADABLE
                readings.append((target, None))
                continue
            self._read_bytes += outcome.stat.size_bytes if target.mode != "scan" else 0
            target = self._as_opened(target, outcome.stat)
            if target is None:
                continue
            reading = reading_of(target, outcome, outcome.stat, self._plan.started_ns)
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

    def _finish(self, readings: Sequence[tuple[Target, Reading | None]], rows: Rows, pins: Rows) -> None:
        for target, reading in readings:
            if reading is not None and add_git_id(target, reading.facts):
                rows.append((target.items[0].key, reading.facts))
            if not self._weighing.takes(target, reading):
                self._settle(target, reading, pins)
        if self._ledger is not None:
            self._ledger.write(rows, pins)

    def _settle(self, target: Target, reading: Reading | None, pins: Rows) -> None:
        for item in target.items:
            pins += self._verdicts.settle(item, reading, None if item is target.items[0] else target.items[0])

    def _end(self) -> None:
        assert self._plan is not None
        assert self._ledger is not None
        targets = self._plan.targets
        self._summary = Summary(
            files=self._verdicts.by_status.total(),
            distinct=len(targets),
            bytes_total=sum(target.size_bytes for target in targets),
            bytes_read=self._read_bytes + self._weighing.bytes_done,
            seconds=time.monotonic() - self._started,
            by_status=dict(+self._verdicts.by_status),
            warnings=(*self._plan.warnings, *self._ledger.warnings, *(self._loads.reasons if self._loads else ())),
            loads_untested=self._loads.untested if self._loads else 0,
            pins_unread=self._ledger.pins_unread and not self._request.scan_only,
            strict=self._request.strict,
        )
        self._ledger.close()
        self._finished = True


def _loads(request: Request) -> Loads | None:
    if request.load is None:
        return None
    from kandil.verify.loading import Loads  # noqa: PLC0415 - the sandbox is not imported for nothing

    return Loads(request.load)


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
