"""A TCP server that sends what a test says, byte by byte, over real sockets; with TLS where a context is given."""

from __future__ import annotations

import contextlib
import socket
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

OK = b"HTTP/1.1 200 OK\r\n"


@dataclass
class Server:
    """What came to it: the bytes of each request, head and body, and how many connections."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


def reply(body: bytes = b"hello", head: bytes = b"") -> bytes:
    return OK + head + b"content-length: %d\r\n\r\n" % len(body) + body


def redirect(location: str, status: int = 302) -> bytes:
    return b"HTTP/1.1 %d Elsewhere\r\nlocation: %s\r\ncontent-length: 0\r\n\r\n" % (status, location.encode())


async def request(stream: trio.abc.Stream, kept: bytearray) -> bytes | None:
    """The next whole request on the connection; None where the client has closed it."""
    while True:
        head, mark, rest = bytes(kept).partition(b"\r\n\r\n")
        if mark:
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                ),
                0,
            )
            if len(rest) >= length:
                kept[:] = rest[length:]
                return head + mark + rest[:length]
        part = await stream.receive_some(65536)
        if not part:
            return None
        kept += part


async def reset(stream: trio.abc.Stream) -> None:
    """Ends the connection by RST."""
    assert isinstance(stream, trio.SocketStream)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


@asynccontextmanager
async def listening(serve: Callable[[Any], Awaitable[object]], tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of this machine where each connection is given to `serve`."""
    listeners: list[Any] = list(await trio.open_tcp_listeners(0, host="127.0.0.1"))
    port = listeners[0].socket.getsockname()[1]
    if tls:
        listeners = [trio.SSLListener(listener, tls, https_compatible=True) for listener in listeners]
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, serve, listeners)
            yield port
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:  # what the test itself raises stays what it is
        if len(group.exceptions) > 1:
            raise
        error = group.exceptions[0]
    else:
        return
    raise error


@asynccontextmanager
async def serving(
    answer: bytes | Callable[[trio.abc.Stream, bytes], Awaitable[bool | None]],
    tls: ssl.SSLContext | None = None,
    *,
    close: bool = False,
) -> AsyncIterator[Server]:
    """Each request gets the bytes `answer`, or what the function `answer(stream, request)` sends.

    The connection is kept unless `close`, or the function returns True.
    """
    server = Server()

    async def answered(stream: trio.abc.Stream, asked: bytes) -> bool:
        if isinstance(answer, bytes):
            await stream.send_all(answer)
            return close
        return bool(await answer(stream, asked)) or close

    async def serve(stream: trio.abc.Stream) -> None:
        server.connections += 1
        kept = bytearray()
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while (asked := await request(stream, kept)) is not None:
                server.requests.append(asked)
                if await answered(stream, asked):
                    return

    async with listening(serve, tls) as server.port:
        yield server
