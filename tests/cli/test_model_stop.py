"""`kandil model ps` and `kandil model stop`: of what `ask --keep-alive` left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import trio

from kandil import local_server
from tests.cli.conftest import type_of_run
from tests.support import answering
from tests.support.runtimes import xllamacpp


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, home: Path) -> Iterator[int]:
    """The process of a server that nobody uses."""
    xllamacpp()
    model = tmp_path / "tiny.gguf"
    model.write_bytes(answering.model())
    yield trio.run(_keep, model)
    for server in local_server.running():
        trio.run(local_server.stop, server)


def runs(pid: int) -> bool:
    """No zombie: a container may have nobody who looks after those."""
    return bool(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)


async def _keep(model: Path) -> int:
    async with local_server.serve([model], context_tokens=256, keep_alive_seconds=600) as served:
        return served.pid


def test_what_is_loaded_is_listed(run: type_of_run, tmp_path: Path, kept: int) -> None:
    heads, row = run("model", "ps").stdout.splitlines()
    assert heads.split() == ["MODEL", "CONTEXT", "KEPT", "FOR", "SINCE", "PID"]
    assert row.split()[:5] == [str(tmp_path / "tiny.gguf"), "256", "10", "min", "00"]
    assert run("model", "ps", "-q").stdout == f"{tmp_path / 'tiny.gguf'}\n"


def test_the_key_is_not_listed(run: type_of_run, kept: int) -> None:
    (server,) = local_server.running()
    listed = run("model", "ps", "--json").stdout
    (said,) = json.loads(listed)["servers"]
    assert (said["pid"], said["context_tokens"], said["keep_alive_seconds"]) == (kept, 256, 600)
    assert server.secret.reveal() not in listed


@pytest.mark.parametrize("name", ["tiny", "tiny.gguf", "./tiny.gguf", "--all"])
def test_one_is_stopped(run: type_of_run, tmp_path: Path, kept: int, name: str) -> None:
    done = run("model", "stop", name)
    assert (done.returncode, done.stdout) == (0, f"stopped {tmp_path / 'tiny.gguf'}\n")
    assert not runs(kept)
    assert run("model", "ps").stdout == "no local model is kept loaded\n"
    assert run("model", "stop", "--all").stdout == "no local model is kept loaded\n"


def test_another_name_is_unknown_and_stops_nothing(run: type_of_run, kept: int) -> None:
    done = run("model", "stop", "other")
    assert done.returncode == 3
    assert "tiny.gguf" in done.stderr
    assert runs(kept)


def test_a_name_or_all(run: type_of_run) -> None:
    assert run("model", "stop").returncode == 2
    assert run("model", "stop", "tiny", "--all").returncode == 2
