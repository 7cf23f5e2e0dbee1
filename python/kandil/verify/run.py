"""A verification under way: an asynchronous iterable of results, and the picture of its progress."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Self

import trio

from kandil.verify.judge import Reading
from kandil.verify.ledger import Ledger
from kandil.verify.plan import Plan, Request, Target, make_plan
from kandil.verify.progress import Progress
from kandil.verify.reader import Reader
from kandil.verify.result import FileResult, Summary
from kandil.verify.verdicts import Rows, Verdicts, add_git_id
from kandil.verify.weights import Weighing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from kandil.verify.loading import Loads

TAKE_SECONDS = 0.1
BATCH = 256
"""So many answers from the ledger are made between two looks at what the threads have finished."""
LOADS = 4 * (os.cpu_count() or 1)
"""So many results are given out together when files are loaded: nobody waits for the last of hundreds."""


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
        self._reader = Reader(request)
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
        """The next of what is ready is loaded, side by side; reading goes on meanwhile."""
        ready = [self._verdicts.ready.popleft() for _ in range(min(len(self._verdicts.ready), LOADS))]
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
        self._reader.cancel()
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self.close)

    def close(self) -> None:
        """Reading stops; what is finished is in the ledger. Does nothing the second time."""
        self._stopping = True
        self._weighing.stop()
        self._reader.cancel()
        # While files are still being looked for the step that does it has the lock, and afterwards shuts by itself.
        if self._lock.acquire(blocking=self._plan is not None):
            try:
                self._shut()
            finally:
                self._lock.release()

    def _shut(self) -> None:
        try:
            while self._plan is not None and not self._reader.finished:
                _, rows, pins = self._reader.take(TAKE_SECONDS, self._plan.started_ns)
                if self._ledger is not None:
                    self._ledger.write(rows, pins)
        finally:
            self._reader.drop()
            self._finished = True
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
        plan, weighing = self._plan, self._weighing
        done, total, lanes = self._reader.progress()
        done, total = done + weighing.bytes_done, total + weighing.bytes_total
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
            if self._plan is not None and self._reader.active:
                self._finish(*self._reader.take(0.0 if busy else TAKE_SECONDS, self._plan.started_ns))
                if self._reader.finished:
                    self._read(self._reader.close_run())
            done = not (busy or self._reader.active or self._weighing.waiting or self._verdicts.ready)
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
        self._read([target for target in plan.targets if target.mode is not None])

    def _read(self, targets: list[Target]) -> None:
        self._reader.start([] if self._stopping else targets)

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
            bytes_read=self._reader.bytes_read + self._weighing.bytes_done,
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
