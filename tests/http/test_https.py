"""A whole exchange with a web server of others' making, by TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kandil import http
from kandil.secret import Secret
from tests.support.servers import asgi
from tests.support.servers.certificates import trusted

if TYPE_CHECKING:
    from pathlib import Path

PIECE = b"0123456789abcdef" * 4096
PIECES = 40


async def test_much_goes_both_ways_on_one_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, dict[bytes, bytes], int]] = []

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        asked.append((scope["http_version"], dict(scope["headers"]), size))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        for place in range(PIECES):
            more = place < PIECES - 1
            await send({"type": "http.response.body", "body": PIECE, "more_body": more})

    authority = trusted(monkeypatch, tmp_path)
    async with asgi.serving(app, authority, tmp_path) as url, http.open_client() as client:
        connected = []
        for _ in range(2):
            async with client.send(
                "POST", f"{url}/v1", body=PIECE * PIECES, auth=("authorization", "Bearer"), secret=Secret("sk-key")
            ) as response:
                assert await response.read(len(PIECE) * PIECES) == PIECE * PIECES
                connected.append(response.timing.tls_seconds is not None)
    assert connected == [True, False]
    assert [(version, size) for version, _, size in asked] == [("1.1", len(PIECE) * PIECES)] * 2
    assert all(headers[b"authorization"] == b"Bearer sk-key" for _, headers, _ in asked)
