"""However a child ends, its end is told, with the last step; and nothing of it is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from kandil.sandbox.layers import ACTIVE, REQUIRED
from kandil.sandbox.supervisor import ChildEnd, signal_name
from tests.sandbox.conftest import Child


async def test_a_report_comes_back_with_the_layers_that_held(
    child: Child, model: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    end = await child("read")
    assert (end.how, end.step, end.exit_code, end.signal, end.stderr) == ("reported", "read", 0, None, b"")
    assert {name: end.layers[name] for name in REQUIRED} == dict.fromkeys(REQUIRED, ACTIVE)
    assert end.report is not None
    assert end.report["bytes"] == "GGUF"
    descriptors = end.report["descriptors"]
    assert isinstance(descriptors, list)
    assert descriptors == [0, 1, 2, model]
    assert end.report["environment"] in ([], ["LC_CTYPE"])  # Python's own doing


@pytest.mark.parametrize(
    ("do", "signal_", "step"),
    [
        ("abort", "SIGABRT", "about to abort"),
        ("crash", "SIGSEGV", "about to crash"),
        ("call", "SIGSYS", "about to call what is not there"),
    ],
)
async def test_a_crash_is_told_with_its_signal_and_the_last_step(
    child: Child, do: str, signal_: str, step: str
) -> None:
    end = await child(do)
    assert (end.how, end.signal, end.step, end.report, end.exit_code) == ("crashed", signal_, step, None, None)


async def test_an_exit_without_a_report_is_a_crash(child: Child) -> None:
    end = await child("stop")
    assert (end.how, end.exit_code, end.signal, end.step) == ("crashed", 7, None, "about to leave")


async def test_an_error_of_the_work_is_told(child: Child) -> None:
    end = await child("fail")
    assert (end.how, end.reason, end.exit_code) == ("failed", "LookupError: nothing \x1b[2J here", 4)


async def test_what_it_says_on_standard_error_is_kept(child: Child) -> None:
    end = await child("complain")
    assert (end.how, end.stderr) == ("reported", b"something is odd\n")


async def test_nothing_is_tried_where_the_work_cannot_be_prepared(child: Child) -> None:
    end = await child("refuse")
    assert (end.how, end.reason, end.layers) == ("refused", "ValueError: not today", {})


async def test_nothing_is_tried_with_threads_that_the_layers_would_not_hold(child: Child) -> None:
    end = await child("have threads")
    assert end.how == "refused"
    assert end.reason == "OSError: 2 threads run already, and the sandbox would hold only one"


async def test_threads_may_be_started_where_they_were_asked_for(child: Child) -> None:
    assert (await child("start threads", threads=True)).report == {"done": [0, 1, 2, 3]}
    assert (await child("start threads")).signal == "SIGSYS"


async def test_a_report_that_is_too_long_is_not_taken(child: Child) -> None:
    end = await child("fill")
    assert (end.how, end.report) == ("over-long", None)


@pytest.fixture
def held() -> Iterator[tuple[int, int]]:
    """Two ends of a pipe. Whoever gets the second for its model says that it has it; all who had it have ended when the
    first ends."""
    ends = os.pipe()
    yield ends
    for fd in ends:
        with contextlib.suppress(OSError):
            os.close(fd)


async def said(fd: int) -> bytes:
    """What comes through the pipe next; nothing at its end."""
    with trio.fail_after(60):
        await trio.lowlevel.wait_readable(fd)
    return os.read(fd, 100)


async def test_a_system_that_gives_no_descriptors_of_processes_will_do(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_pid: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "pidfd_open", refused)
    assert (await child("read")).how == "reported"
    assert (await child("abort")).signal == "SIGABRT"


async def test_its_time_is_all_that_it_gets(child: Child, held: tuple[int, int], mock_clock: MockClock) -> None:
    ends: list[ChildEnd] = []

    async def one() -> None:
        ends.append(await child("hold", fd=held[1], timeout_seconds=30))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        assert await said(held[0]) == b"here"
        mock_clock.jump(30)
    [end] = ends
    assert (end.how, end.step, end.signal, end.report) == ("timed-out", "about to wait", None, None)
    os.close(held[1])
    assert await said(held[0]) == b""


async def test_nothing_is_left_of_it_when_it_is_cancelled(child: Child, held: tuple[int, int]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(child, "hold", fd=held[1]))
        assert await said(held[0]) == b"here"
        nursery.cancel_scope.cancel()
    os.close(held[1])
    assert await said(held[0]) == b""


_SUPERVISE = """
import sys, trio
from kandil.sandbox import supervisor
folders = (*supervisor.folders(), sys.argv[1])
supervisor.folders = lambda: folders
limits = supervisor.Limits(memory_bytes=1 << 28, cpu_seconds=20)
def run():
    work = "tests.support.sandbox_work"
    return supervisor.run_child(int(sys.argv[2]), work, {"do": "hold"}, limits, timeout_seconds=600)
trio.run(run)
"""


async def test_nothing_is_left_of_it_when_its_supervisor_is_killed(held: tuple[int, int]) -> None:
    root = os.fspath(Path(__file__).parents[2])
    supervisor = subprocess.Popen(  # noqa: ASYNC220 (it must be killed, which trio would wait for)
        [sys.executable, "-c", _SUPERVISE, root, str(held[1])], pass_fds=[held[1]]
    )
    os.close(held[1])
    try:
        assert await said(held[0]) == b"here"
    finally:
        supervisor.kill()
        supervisor.wait()
    assert await said(held[0]) == b""


async def test_many_run_at_once(child: Child) -> None:
    ends: list[ChildEnd] = []

    async def one(do: str) -> None:
        ends.append(await child(do))

    async with trio.open_nursery() as nursery:
        for do in ("read", "abort") * 4:
            nursery.start_soon(one, do)
    assert Counter(end.how for end in ends) == {"reported": 4, "crashed": 4}


def test_signals_without_a_name_have_a_number() -> None:
    assert signal_name(signal.SIGKILL) == "SIGKILL"
    assert signal_name(40) == "SIG40"
