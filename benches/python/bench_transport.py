"""One awaited `client.post` at a time: the core's transport, and httpx2's own. The server has a process of its own.

Wall time: `process CPU µs` beside it says what the client computed for each.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import httpx2
import pytest
import trio

from kandil.http.transport import Transport

POSTS = 500
ANSWER = b'{"choices": [{"message": {"role": "assistant", "content": "%s"}}]}' % (b"x" * 540)
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER) + ANSWER
TRANSPORTS: dict[str, Callable[[], httpx2.AsyncBaseTransport]] = {
    "kandil": Transport,
    "httpx2": lambda: httpx2.AsyncHTTPTransport(trust_env=False),
}


def _serve(told: Connection) -> None:
    """One connection after another; a body ends with a brace, and comes alone or with its head."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        told.send(listener.getsockname()[1])
        while True:
            stream, _ = listener.accept()
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with stream:
                while part := stream.recv(65536):
                    if part.endswith(b"}"):
                        stream.sendall(REPLY)


@contextmanager
def _serving() -> Iterator[str]:
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/v1/chat/completions"
    finally:
        process.kill()
        process.join()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with _serving() as url:
        yield url


async def _post(transport: httpx2.AsyncBaseTransport, url: str) -> float:
    """CPU of this process for each, in microseconds."""
    asked = {"model": "bench", "messages": [{"role": "user", "content": "Hello"}]}
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
        begun = time.process_time()
        for _ in range(POSTS):
            response = await client.post(url, json=asked, headers={"authorization": "Bearer key"})
            assert response.content == ANSWER
        return (time.process_time() - begun) / POSTS * 1e6


async def _handle(transport: httpx2.AsyncBaseTransport, url: str) -> float:
    """As `_post`, without what httpx2's client does over it."""
    request = httpx2.Request("POST", url, json={"model": "bench"}, headers={"authorization": "Bearer key"})
    request.extensions["timeout"] = httpx2.Timeout(60).as_dict()
    async with transport:
        begun = time.process_time()
        for _ in range(POSTS):
            response = await transport.handle_async_request(request)
            assert await response.aread() == ANSWER
        return (time.process_time() - begun) / POSTS * 1e6


@pytest.mark.parametrize("name", TRANSPORTS)
@pytest.mark.parametrize("call", [_post, _handle])
def bench_single_await(benchmark: Any, url: str, name: str, call: Callable[..., Any]) -> None:
    costs = benchmark.pedantic(lambda: trio.run(call, TRANSPORTS[name](), url), rounds=5, warmup_rounds=1)
    benchmark.extra_info["process CPU µs"] = round(costs)
    benchmark.extra_info["posts"] = POSTS
