"""`kandil batch run` that ends in every way: nothing that was recorded is sent again, nothing is missing."""

from __future__ import annotations

import random
import signal
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.support import batches
from tests.support.batches import Asked, Folder

KILLS = 30
ROWS = 4_000


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def recorded(here: Folder) -> set[str]:
    """The prompts of the rows with a whole line in the output, in whatever way it ends."""
    path = here.path / "results.jsonl"
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith(b"\n")]
    (here.path / "whole").write_bytes(b"".join(whole))
    return {said.removeprefix("re: ") for said in here.texts("whole").values()}


async def test_kill_9_at_any_moment_loses_nothing_and_sends_nothing_recorded_again(here: Folder) -> None:
    rows, moments = batches.prompts(ROWS), random.Random(6)
    here.write(rows)
    async with batches.serving() as server:
        here.add("mine", server.url)
        for _ in range(KILLS):
            before, start, moment = recorded(here), len(server.asked), moments.randrange(1, 200)
            done = await here.batch("-c", "16", began=lambda process, moment=moment: server.at(moment, process.kill))
            assert done.code == -signal.SIGKILL, done.err
            assert before.isdisjoint(server.asked[start:])
            assert before <= recorded(here)
        before, start = recorded(here), len(server.asked)
        done = await here.batch()
        assert done.code == 0, done.err
        assert len(before) < ROWS, "some were left"
        assert sorted(server.asked[start:]) == sorted({row["prompt"] for row in rows} - before)
        assert here.texts() == batches.answers(rows)
        assert not here.errors()
        start = len(server.asked)
        done = await here.batch()
        assert (done.code, len(server.asked)) == (0, start)
        assert "nothing to send" in done.err
    assert here.names() == {"rows.jsonl", "whole", "results.jsonl", "results.jsonl.state.json"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_waits_for_what_is_paid_for(number: signal.Signals, here: Folder) -> None:
    rows, stopping = batches.prompts(60), trio.Event()
    here.write(rows)

    async def late(asked: Asked) -> batches.Reply:
        await stopping.wait()
        return batches.answer(asked)

    def heard(line: str) -> None:
        if line.startswith("stopping"):
            stopping.set()

    async with batches.serving(late) as server:
        here.add("mine", server.url)
        done = await here.batch(
            "-c", "20", began=lambda process: server.at(20, partial(process.send_signal, number)), hears=heard
        )
        assert done.code == 128 + number, done.err
        assert "Traceback" not in done.err
        kept = here.texts()
        assert kept.items() <= batches.answers(rows).items()
        assert len(kept) == len(server.asked) == 20, "what was sent is paid for, and kept; nothing more was sent"
        status = await here.kandil("batch", "status", "results.jsonl", "--json")
        assert (status.report["end"], status.report["progress"]["done"]) == ("stopped", 20)
        done = await here.batch()
        assert done.code == 0, done.err
        assert set(server.times.values()) == {1}
    assert here.texts() == batches.answers(rows)


async def test_a_second_ctrl_c_waits_for_nothing(here: Folder) -> None:
    rows = batches.prompts(8)
    here.write(rows)

    async def half(asked: Asked) -> batches.Reply:
        if len(server.asked) > 4:
            await trio.sleep_forever()
        return batches.answer(asked)

    async with batches.serving(half) as server:
        here.add("mine", server.url)
        started: list[trio.Process] = []

        def began(process: trio.Process) -> None:
            started.append(process)
            server.at(8, partial(process.send_signal, signal.SIGINT))

        def heard(line: str) -> None:
            if line.startswith("stopping"):
                started[0].send_signal(signal.SIGINT)

        done = await here.batch("-c", "4", began=began, hears=heard)
        assert done.code == 130, done.err
        assert here.texts().items() <= batches.answers(rows).items()
        status = await here.kandil("batch", "status", "results.jsonl", "--json")
        assert status.report["end"] == "killed"
    async with batches.serving() as server:
        here.add("mine", server.url)
        assert (await here.batch()).code == 0
    assert here.texts() == batches.answers(rows)


async def test_cancel_from_another_terminal(here: Folder) -> None:
    """It stops as by Ctrl-C."""
    rows, told = batches.prompts(30), trio.Event()
    here.write(rows)

    async def late(asked: Asked) -> batches.Reply:
        await told.wait()
        return batches.answer(asked)

    async with batches.serving(late) as server, trio.open_nursery() as nursery:
        here.add("mine", server.url)

        async def cancel() -> None:
            done = await here.kandil("batch", "status", "results.jsonl", "--json")
            assert done.report["end"] == "running", done
            again = await here.batch()
            assert (again.code, "error: results.jsonl: another run" in again.err) == (1, True), again
            done = await here.kandil("batch", "cancel", "results.jsonl", "--json")
            assert done.report["told"], done
            told.set()

        server.at(10, partial(nursery.start_soon, cancel))
        done = await here.batch("-c", "10")
        assert done.code == 143, done.err
        assert len(here.texts()) == len(server.asked)
        done = await here.kandil("batch", "cancel", "results.jsonl")
        assert (done.code, done.out) == (0, "no batch writes to results.jsonl now\n")
        assert (await here.batch()).code == 0
    assert here.texts() == batches.answers(rows)
