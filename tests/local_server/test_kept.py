# ruff: noqa: ASYNC240
"""Servers that stay: found again, ended by themselves, and never confused with another process."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from kandil import local_server, paths
from kandil.errors import LocalModelBroken
from kandil.local_server import Served
from tests.local_server.conftest import answer, ending
from tests.support import answering

pytestmark = pytest.mark.usefixtures("_none_is_left")
HOUR = 3600.0


def registrations() -> list[Path]:
    return sorted((paths.state_dir() / "servers").glob("*"))


async def kept(model: Path, context_tokens: int = 256, seconds: float | None = HOUR) -> Served:
    async with local_server.serve([model], context_tokens=context_tokens, keep_alive_seconds=seconds) as served:
        assert await answer(served) == answering.ANSWER
    return served


async def test_stays_and_is_found_again(model: Path) -> None:
    first = await kept(model)
    again = await kept(model)
    assert (first.reused, again.reused) == (False, True)
    assert (again.pid, again.base_url, again.secret.reveal()) == (first.pid, first.base_url, first.secret.reveal())
    without = await kept(model, seconds=None)
    assert (without.pid, without.reused) == (first.pid, True)


async def test_is_looked_for_without_starting_one(model: Path) -> None:
    async with local_server.found([model], context_tokens=256) as none:
        assert none is None
    assert registrations() == []
    served = await kept(model)
    async with local_server.found([model], context_tokens=256) as again:
        assert again is not None
        assert (again.pid, again.reused) == (served.pid, True)


async def test_is_told_of_by_a_file_for_its_owner_alone(model: Path) -> None:
    served = await kept(model)
    (place,) = registrations()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    (server,) = local_server.running()
    assert (server.model, server.pid, server.keep_alive_seconds) == (str(model), served.pid, HOUR)
    assert served.secret.reveal() not in repr(server)


async def test_more_context_is_another_server_and_less_is_not(model: Path) -> None:
    first = await kept(model, 512)
    assert (await kept(model, 256)).pid == first.pid
    assert (await kept(model, 1024)).pid != first.pid
    assert len(local_server.running()) == 2


async def test_a_file_that_has_changed_is_another_model(model: Path) -> None:
    first = await kept(model)
    os.utime(model, ns=(0, 0))
    assert (await kept(model)).pid != first.pid


async def test_two_at_once_start_one(model: Path) -> None:
    found = []

    async def one() -> None:
        found.append(await kept(model))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(one)
    assert len({served.pid for served in found}) == 1
    assert sorted(served.reused for served in found) == [False, True, True]


async def test_ends_when_nobody_uses_it(model: Path) -> None:
    async with local_server.serve([model], context_tokens=256, keep_alive_seconds=0.1) as served:
        process = ending(served.pid)
        await process.__aenter__()
    await process.__aexit__(None, None, None)
    assert local_server.running() == []
    assert registrations() == []


async def test_does_not_end_while_it_is_used(model: Path) -> None:
    async with local_server.serve([model], context_tokens=256, keep_alive_seconds=0.0):
        with registrations()[0].open("rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as it does before it ends


async def test_the_last_who_uses_it_says_for_how_long_it_stays(model: Path) -> None:
    served = await kept(model)
    async with ending(served.pid):
        await kept(model, seconds=0.1)


async def test_is_stopped(model: Path) -> None:
    served = await kept(model)
    (server,) = local_server.running()
    async with ending(served.pid):
        await local_server.stop(server)
    await local_server.stop(server)
    assert local_server.running() == []
    assert registrations() == []


async def test_one_that_was_killed_is_forgotten_and_started_anew(model: Path) -> None:
    served = await kept(model)
    async with ending(served.pid):
        os.kill(served.pid, signal.SIGKILL)
    again = await kept(model)
    assert (again.reused, again.pid != served.pid) == (False, True)
    assert [server.pid for server in local_server.running()] == [again.pid]


async def test_another_process_with_its_number_is_left_alone(model: Path) -> None:
    await kept(model)
    (server,) = local_server.running()
    (place,) = registrations()
    said = json.loads(place.read_bytes())
    place.write_text(json.dumps(said | {"pid": os.getpid()}))
    await local_server.stop(replace(server, pid=os.getpid()))  # or this test ends here
    assert local_server.running() == []
    os.kill(said["pid"], signal.SIGKILL)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"born": 1, "pid": "x"}', b"\xff" * 100])
async def test_a_registration_that_says_nothing_is_removed(model: Path, content: bytes) -> None:
    folder = paths.make_private(paths.state_dir() / "servers")
    (folder / "x-1.json").write_bytes(content)
    assert local_server.running() == []
    assert registrations() == []


async def test_one_that_does_not_start_leaves_nothing(model: Path) -> None:
    model.write_bytes(model.read_bytes()[:-4096])
    with pytest.raises(LocalModelBroken):
        await kept(model)
    assert registrations() == []


async def test_cancelled_while_it_starts_leaves_nothing(model: Path) -> None:
    endless = model.with_name("endless.gguf")
    os.mkfifo(endless)
    with trio.move_on_after(0.5):
        await kept(endless)
    assert registrations() == []
