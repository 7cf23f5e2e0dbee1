"""A verification while it runs, and one that is given up."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest
import trio

from kandil import _core
from kandil.verify import verify
from kandil.verify.plan import make_plan
from tests.support.stores import gguf, put
from tests.verify.runs import run


@pytest.fixture
def many(models: Path) -> Path:
    for number in range(40):
        put(models / f"{number}.gguf", gguf(str(number)))
    return models


async def test_progress_before_and_after(many: Path) -> None:
    verification = verify([many])
    before = verification.progress()
    assert (before.files_total, before.bytes_total, before.lanes) == (0, 0, ())
    count = 0
    async for _ in verification:
        count += 1
        now = verification.progress()
        assert count <= now.files_done <= now.files_total == 40
        assert now.bytes_done <= now.bytes_total
    after = verification.progress()
    assert (after.files_done, after.files_total) == (40, 40)
    assert after.bytes_done == after.bytes_total == verification.summary.bytes_total


async def test_there_is_no_summary_before_the_end(many: Path) -> None:
    with verify([many]) as verification:
        with pytest.raises(RuntimeError, match="summary"):
            _ = verification.summary
        await anext(aiter(verification))
        with pytest.raises(RuntimeError, match="summary"):
            _ = verification.summary


async def test_it_can_be_iterated_once(many: Path) -> None:
    verification = verify([many])
    assert len([result async for result in verification]) == 40
    assert [result async for result in verification] == []


async def test_leaving_early_stops_the_reading_and_keeps_what_is_done(many: Path) -> None:
    with verify([many]) as verification:
        async for _ in verification:
            break
    verification.close()
    assert await run(many)


class Slow:
    """A run that never finishes anything until it is cancelled."""

    instances: ClassVar[list[Slow]] = []

    def __init__(self, jobs: object, **options: object) -> None:
        self.cancelled, self.event = False, threading.Event()
        Slow.instances.append(self)

    def take(self, timeout_seconds: float) -> list[_core.Outcome]:
        self.event.wait(timeout_seconds)
        return []

    @property
    def finished(self) -> bool:
        return self.cancelled

    def progress(self) -> object:
        class Progress:
            bytes_done, bytes_total, files_done = 0, 10, 0
            lanes = ((1, 0, 3, 10), (2, 999, 0, 1))

        return Progress()

    def cancel(self) -> None:
        self.cancelled = True
        self.event.set()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> type[Slow]:
    Slow.instances = []

    class Core:
        Run = Slow

        def __getattr__(self, name: str) -> object:
            return getattr(_core, name)

    monkeypatch.setattr("kandil.verify.reader._core", Core())
    return Slow


async def test_cancelling_the_iteration_cancels_the_run(many: Path, slow: type[Slow]) -> None:
    verification = verify([many])
    async with trio.open_nursery() as nursery:

        async def follow() -> None:
            async for _ in verification:
                pass

        nursery.start_soon(follow)
        while not slow.instances:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert slow.instances[0].cancelled
    with pytest.raises(RuntimeError, match="summary"):
        _ = verification.summary
    assert verification._ledger is not None
    assert verification._ledger._database is None
    with pytest.raises(StopAsyncIteration):
        await anext(verification)


async def test_giving_up_does_not_wait_for_the_search(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searching, go_on = threading.Event(), threading.Event()

    def search(*given: object) -> object:
        searching.set()
        go_on.wait(10)
        return make_plan(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("kandil.verify.run.make_plan", search)
    started = time.monotonic()
    async with trio.open_nursery() as nursery:
        with verify([many]) as verification:

            async def follow() -> None:
                await anext(verification)

            nursery.start_soon(follow)
            await trio.to_thread.run_sync(searching.wait, 10)
            nursery.cancel_scope.cancel()
    assert time.monotonic() - started < 5
    assert verification._ledger is not None
    assert verification._ledger._database is not None
    go_on.set()
    await trio.to_thread.run_sync(verification._step)  # waits for the step that searched
    assert verification._finished
    assert verification._ledger._database is None


async def test_a_search_that_fails_closes_the_ledger(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("kandil.verify.run.make_plan", fail)
    verification = verify([many])
    with pytest.raises(ZeroDivisionError):
        await anext(verification)
    assert verification._ledger is not None
    assert verification._ledger._database is None


async def test_lanes_are_shown_with_their_files(many: Path, slow: type[Slow]) -> None:
    with verify([many]) as verification:
        await trio.to_thread.run_sync(verification._step)
        (lane,) = verification.progress().lanes
        assert (lane.thread, lane.bytes_done, lane.size_bytes) == (1, 3, 10)
        assert lane.path.parent == many


async def test_what_was_finished_before_a_cancellation_is_kept(many: Path) -> None:
    with trio.CancelScope() as scope:
        async for _ in verify([many]):
            scope.cancel()
    outcome = await run(many)
    assert outcome.summary.bytes_read < outcome.summary.bytes_total


async def test_an_error_in_the_middle_closes_everything(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("kandil.verify.verdicts.judge", fail)
    verification = verify([many])
    with pytest.raises(ZeroDivisionError):
        await anext(verification)
    assert verification._finished


async def test_options_reach_the_run(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, object]] = []

    class Core:
        def __getattr__(self, name: str) -> object:
            return getattr(_core, name)

        @staticmethod
        def Run(jobs: list[tuple[bytes, int, str]], **options: object) -> object:  # noqa: N802
            seen.append(options)
            return _core.Run(jobs, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("kandil.verify.reader._core", Core())
    await run(many, jobs=1, max_memory_bytes=1 << 22, max_rate_bytes=1 << 40, pin=True)
    await run(many, sha256=True)
    monkeypatch.setattr("os.sysconf", lambda _: 1)
    await run(many, sha256=True, drop_cache=None)
    await run(many, sha256=True, drop_cache=False)
    assert seen[0] == {
        "threads": 1,
        "max_memory_bytes": 1 << 22,
        "max_rate_bytes": 1 << 40,
        "blake3": "always",
        "drop_cache": False,
    }
    assert seen[1] == {"threads": 0, "max_rate_bytes": None, "blake3": "auto", "drop_cache": False}
    assert [options["drop_cache"] for options in seen[2:]] == [True, False]
