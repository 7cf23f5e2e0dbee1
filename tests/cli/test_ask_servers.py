"""`kandil ask` of real servers, over networks that fail: what it prints, its exit code, what the server saw of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from llmock.scenarios import Fail, Reply, StreamFault

from tests.support.servers.flaky import Fault, network
from tests.support.servers.llmock import Llmock
from tests.support.servers.ollama_api import ANSWER, OllamaApi

SAID = "It is what it is, and in more pieces than one."
PATHS = {"openai": "/v1", "anthropic": "/anthropic", "gemini": "/gemini/v1beta"}
Done = subprocess.CompletedProcess[bytes]


@pytest.fixture(params=list(PATHS))
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def ask(protocol: str, base_url: str, folder: Path, *args: str) -> Done:
    """Of a model that the user has added. It has no key: these servers ask for none."""
    import trio

    async def kandil(*command: str, **more: Any) -> Done:
        return await trio.run_process(
            [sys.executable, "-m", "kandil", *command], capture_stdout=True, capture_stderr=True, cwd=folder, **more
        )

    added = ["model", "add", "mine", "--manual", "--provider", "mine", "--replace", "--api-model", "m", "--yes"]
    await kandil(*added, "--protocol", protocol, "--base-url", base_url)
    return await kandil("ask", "-m", "mine", "--timeout", "2s", "hi", *args, check=False, stdin=subprocess.DEVNULL)


async def test_an_answer_and_what_it_took(protocol: str, llmock_server: Llmock, tmp_path: Path) -> None:
    llmock_server.will(Reply(SAID))
    done = await ask(protocol, llmock_server.url + PATHS[protocol], tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["text"] == SAID
    assert answer["usage"]["output_tokens"]
    assert len(llmock_server.requests()) == 1


async def test_ollama(ollama_server: OllamaApi, tmp_path: Path) -> None:
    done = await ask("ollama", ollama_server.url, tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{ANSWER}\n".encode())


async def test_a_limit_is_waited_for_as_long_as_was_asked(protocol: str, llmock_server: Llmock, tmp_path: Path) -> None:
    """llmock is the judge: who comes back too early, too often, or without need, is told."""
    llmock_server.will(Fail(429, retry_after=0.4), Fail(529, retry_after=0.3), Reply(SAID))
    done = await ask(protocol, llmock_server.url + PATHS[protocol], tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{SAID}\n".encode())
    assert [one.status for one in llmock_server.requests()] == [429, 529, 200]
    assert llmock_server.blames() == {}


@pytest.mark.parametrize(("status", "code"), [(400, 6), (401, 5), (403, 5), (413, 2), (422, 6)])
async def test_what_cannot_get_better_is_not_tried_again(
    protocol: str, llmock_server: Llmock, status: int, code: int, tmp_path: Path
) -> None:
    llmock_server.will(Fail(status))
    done = await ask(protocol, llmock_server.url + PATHS[protocol], tmp_path)
    assert (done.returncode, done.stdout) == (code, b"")
    assert b"error: " in done.stderr
    assert b"hint: " in done.stderr
    assert [one.status for one in llmock_server.requests()] == [status]


@pytest.mark.parametrize(
    ("kind", "told"), [("disconnect", b"connection was closed"), ("truncate", b"broke off"), ("malformed", b"read")]
)
async def test_half_an_answer_is_never_a_whole_one(
    protocol: str, llmock_server: Llmock, kind: Any, told: bytes, tmp_path: Path
) -> None:
    llmock_server.will(Reply(SAID), StreamFault(kind, after_chunks=5))
    done = await ask(protocol, llmock_server.url + PATHS[protocol], tmp_path)
    assert done.returncode == 6
    assert told in done.stderr
    came = done.stdout.decode().rstrip("\n")
    assert came
    assert SAID.startswith(came)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(ends_at=1000), b"closed after"),
        (Fault(ends_at=1000, how="reset"), b"reset after"),
        (Fault(ends_at=1000, how="stall"), b"nothing came for 2 s"),
        (Fault(delay_seconds=30), b"did not reply within 2 s"),
    ],
    ids=["cut", "reset", "stall", "delay"],
)
async def test_a_network_that_fails(llmock_server: Llmock, fault: Fault, told: bytes, tmp_path: Path) -> None:
    llmock_server.will(Reply(SAID * 20))
    async with network(llmock_server.url, fault) as way:
        done = await ask("openai", f"{way.url}/v1", tmp_path)
    assert done.returncode == 6
    assert told in done.stderr
    assert b"hint: " in done.stderr
    assert (SAID * 20).startswith(done.stdout.decode().rstrip("\n"))
    assert way.connections == 1, "an answer that was begun, and may be paid for, is not asked for again"


@pytest.mark.parametrize("fault", [Fault(refuse=True), Fault(ends_at=0)], ids=["refuse", "closed"])
async def test_a_network_that_fails_before_an_answer_is_tried_again(
    llmock_server: Llmock, fault: Fault, tmp_path: Path
) -> None:
    llmock_server.will(Reply(SAID, times=None))
    async with network(llmock_server.url, fault, fault) as way:
        done = await ask("openai", f"{way.url}/v1", tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{SAID}\n".encode())
    assert way.connections == 3


async def test_wrong_bits(llmock_server: Llmock, tmp_path: Path) -> None:
    """In the head, in the length of a chunk, in JSON: an error. In a letter of the answer nobody can notice."""
    llmock_server.will(Reply(SAID, times=None))
    for place in (3, 20, 130, 160, 170, 200):
        async with network(llmock_server.url, *[Fault(flip_at=place)] * 9) as way:
            done = await ask("openai", f"{way.url}/v1", tmp_path)
        assert done.returncode in (0, 6), (place, done.stderr)
        assert done.returncode == 0 or b"error: " in done.stderr
        assert b"Traceback" not in done.stderr
