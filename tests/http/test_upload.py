"""Bodies that are read from files while they are sent."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from kandil import http
from kandil.errors import FileUnreadable
from kandil.http.upload import Upload
from tests.support.servers.raw import listening, reply, serving


async def test_a_file_is_sent_with_its_length(tmp_path: Path) -> None:
    path = tmp_path / "body"
    content = b"0123456789" * 100_000
    path.write_bytes(content)
    async with serving(reply()) as server, http.open_client() as client:
        body = Upload(path, before=b"<", after=b">")
        assert len(body) == len(content) + 2
        for _ in range(2):
            async with client.send("POST", server.url, body=body) as response:
                await response.read(100)
        assert server.connections == 1
    for asked in server.requests:
        head, _, sent = asked.partition(b"\r\n\r\n")
        assert b"content-length: 1000002" in head.lower()
        assert b"transfer-encoding" not in head.lower()
        assert sent == b"<" + content + b">"


@pytest.mark.parametrize("change", [b"", b"longer than it was"])
async def test_a_file_that_changes_is_no_whole_request(change: bytes, tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"as it was")
    async with serving(reply()) as server, http.open_client() as client:
        body = Upload(path)
        path.write_bytes(change)
        with pytest.raises(FileUnreadable, match="changed"):
            async with client.send("POST", server.url, body=body):
                pass
        assert not server.requests


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable):
        Upload(tmp_path / "none")


async def test_a_server_that_refuses_at_once_is_heard(tmp_path: Path) -> None:
    """It replies, and reads no more."""
    path = tmp_path / "body"
    path.write_bytes(bytes(8 << 20))

    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some(1000)
        await stream.send_all(b"HTTP/1.1 413 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await stream.send_eof()
        with trio.move_on_after(5):
            async for _ in stream:
                pass

    async with (
        listening(refuse) as port,
        http.open_client() as client,
        client.send("POST", f"http://127.0.0.1:{port}/", body=Upload(path)) as response,
    ):
        assert response.status == 413


async def test_a_large_file_is_never_held(tmp_path: Path) -> None:
    """What the process keeps while 64 MiB are sent is far less."""
    import tracemalloc

    path = tmp_path / "body"
    with path.open("wb") as file:
        file.truncate(64 << 20)

    came = 0

    async def count(stream: trio.SocketStream) -> None:
        nonlocal came
        async for part in stream:
            came += len(part)
            if came > 64 << 20:
                await stream.send_all(reply())
                return

    async with listening(count) as port, http.open_client() as client:
        tracemalloc.start()
        try:
            async with client.send("POST", f"http://127.0.0.1:{port}/", body=Upload(path)) as response:
                assert response.status == 200
            assert tracemalloc.get_traced_memory()[1] < 16 << 20
        finally:
            tracemalloc.stop()
