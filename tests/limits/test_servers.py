"""A hundred calls at once to a real server that allows fifty a minute, whose minute lasts a second."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from trio.testing import MockClock

from kandil.limits import Bucket, Limits
from kandil.providers.retry_after import retry_after_seconds
from tests.limits.clock import limiter

SPEED = 60
SERVER = f"""
import sys, time, types, uvicorn
from llmock import ratelimit
from llmock.main import create_app
ratelimit.time = types.SimpleNamespace(monotonic=lambda: time.monotonic() * {SPEED})
uvicorn.run(create_app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""
CLIENT = f"""
import sys, time, httpx2, trio
from pathlib import Path
from trio.testing import MockClock
from kandil.limits import Limiter, Limits

clock_ns = lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) * {SPEED}
bucket = Limiter(Path(sys.argv[1]), clock_ns=clock_ns).bucket("openai/m", Limits(requests_per_minute=50))
body = {{"model": "gpt-4o", "messages": [{{"role": "user", "content": "hello"}}], "max_tokens": 5}}

async def call(client):
    async with bucket.reserve() as reservation:
        reservation.sending()
        response = await client.post("/v1/chat/completions", json=body)
        reservation.replied(response.headers)
    assert response.status_code == 200, response.text

async def main():
    async with httpx2.AsyncClient(base_url=sys.argv[2], timeout=None) as client, trio.open_nursery() as nursery:
        for _ in range(25):
            nursery.start_soon(call, client)

trio.run(main, clock=MockClock(rate={SPEED}))
"""
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}


@contextmanager
def llmock(rpm: int) -> Iterator[str]:
    """The real one; only the clock of its limits is a fast one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "LLMOCK_RPM": str(rpm)}
    with subprocess.Popen([sys.executable, "-c", SERVER, str(port)], env=environment) as server:
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    assert server.poll() is None
                    assert time.monotonic() < deadline
                    os.sched_yield()
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@pytest.fixture
def mock_clock() -> MockClock:
    return MockClock(rate=SPEED)


async def answered(client: httpx2.AsyncClient, bucket: Bucket) -> int:
    """How many tries it took until there was an answer."""
    tries = 0
    while True:
        tries += 1
        async with bucket.reserve(input_tokens=5, output_tokens=5) as reservation:
            reservation.sending()
            response = await client.post("/v1/chat/completions", json=BODY)
            reservation.replied(response.headers)
        if response.status_code == 200:
            return tries
        assert response.status_code == 429
        bucket.refused(retry_after_seconds(response.headers, {}))


async def a_hundred(url: str, bucket: Bucket) -> tuple[list[int], list[dict[str, Any]]]:
    """The tries of each; what the server saw of all."""
    tries: list[int] = []
    async with httpx2.AsyncClient(base_url=url, timeout=None, limits=httpx2.Limits(max_connections=100)) as client:

        async def one() -> None:
            tries.append(await answered(client, bucket))

        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(one)
    return tries, await saw(url)


async def saw(url: str) -> list[dict[str, Any]]:
    """The server's own record of what it was asked."""
    async with httpx2.AsyncClient(base_url=url, timeout=None) as client:
        seen = await client.get("/_llmock/requests")
    return [one for one in seen.json()["requests"] if one["path"] == "/v1/chat/completions"]


def most_in_a_minute(seen: list[dict[str, Any]]) -> int:
    """Of the server's minutes, wherever they begin."""
    starts: list[float] = [one["started_at"] for one in seen]
    return max(sum(begin <= at < begin + 60 / SPEED for at in starts) for begin in starts)


async def test_none_of_a_hundred_is_lost_and_the_server_never_sees_more_than_fifty_in_its_window(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    with llmock(rpm=50) as url:
        tries, seen = await a_hundred(url, limiter(tmp_path).bucket("openai/m", Limits(requests_per_minute=50)))
    assert tries == [1] * 100
    assert Counter(one["status"] for one in seen) == {200: 100}
    assert most_in_a_minute(seen) <= 50


@pytest.mark.skipif(sys.platform != "linux", reason="processes share limits on Linux alone")
async def test_nor_does_it_see_more_from_four_processes_together(tmp_path: Path) -> None:
    with llmock(rpm=50) as url:
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                command = [sys.executable, "-c", CLIENT, str(tmp_path), url]
                nursery.start_soon(trio.run_process, command)
        seen = await saw(url)
    assert Counter(one["status"] for one in seen) == {200: 100}
    assert most_in_a_minute(seen) <= 50


async def test_where_nobody_knows_the_limit_it_is_learned_and_none_is_lost(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    bucket = limiter(tmp_path, draw=0.5).bucket("openai/m", Limits())
    with llmock(rpm=50) as url:
        tries, seen = await a_hundred(url, bucket)
    assert len(tries) == 100
    statuses = Counter(one["status"] for one in seen)
    assert statuses[200] == 100
    assert bucket.limits.requests_per_minute == 50
