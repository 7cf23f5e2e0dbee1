from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from kandil import http, local_server
from kandil.local_server import Served
from kandil.secret import Secret
from tests.support import answering
from tests.support.runtimes import xllamacpp

LONG_SECONDS = 60
"""By then whatever happens has happened."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    xllamacpp()
    path = tmp_path / "tiny.gguf"
    path.write_bytes(answering.model())
    return path


async def asked(served: Served, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, bytes]:
    """Status and body."""
    async with (
        http.open_client() as client,
        client.send(
            "POST" if body else "GET",
            served.base_url + path,
            body=json.dumps(body).encode() if body else b"",
            headers={"content-type": "application/json"} if body else {},
            auth=("authorization", "Bearer"),
            secret=Secret(key) if key else served.secret,
        ) as response,
    ):
        return response.status, await response.read(1 << 20)


async def answer(served: Served) -> str:
    status, body = await asked(served, "/v1/chat/completions", {"messages": [{"role": "user", "content": "hello"}]})
    assert status == 200, body
    return str(json.loads(body)["choices"][0]["message"]["content"])


@asynccontextmanager
async def ending(pid: int) -> AsyncGenerator[None]:
    """Does not leave before the process has ended."""
    process = os.pidfd_open(pid)
    try:
        yield
        with trio.fail_after(LONG_SECONDS):
            await trio.lowlevel.wait_readable(process)
    finally:
        os.close(process)


@pytest.fixture
def _none_is_left(home: Path) -> Iterator[None]:
    """Whatever a test keeps is stopped."""
    yield
    for kept in local_server.running():
        trio.run(local_server.stop, kept)
