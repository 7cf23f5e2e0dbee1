"""Proxies: CONNECT and SOCKS5, that tell what they were asked for and lead every name to one port of this machine."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from tests.support.servers.raw import listening, request

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable


@dataclass
class Proxy:
    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    """What was asked of it: heads of CONNECT; for SOCKS, host and port."""
    carried: bytearray = field(default_factory=bytearray)
    """What the client then sent through it."""


async def _carry(client: trio.abc.Stream, to: int, proxy: Proxy) -> None:
    server = await trio.open_tcp_stream("127.0.0.1", to)
    async with server, trio.open_nursery() as nursery:

        async def back() -> None:
            async for part in server:
                await client.send_all(part)
            nursery.cancel_scope.cancel()

        nursery.start_soon(back)
        while part := await client.receive_some(65536):
            proxy.carried += part
            await server.send_all(part)
        nursery.cancel_scope.cancel()


async def connect(client: trio.abc.Stream, to: int, proxy: Proxy) -> None:
    kept = bytearray()
    asked = await request(client, kept)
    if asked is not None:
        proxy.heads.append(asked)
        await client.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _carry(client, to, proxy)


async def socks5(client: trio.abc.Stream, to: int, proxy: Proxy) -> None:
    greeting = await client.receive_some(262)
    assert greeting[:1] == b"\x05"
    await client.send_all(b"\x05\x00")
    asked = await client.receive_some(262)
    assert asked[:4] == b"\x05\x01\x00\x03", "the name, not an address, is for the proxy to look up"
    proxy.heads.append(bytes(asked[5 : 5 + asked[4]]) + b":%d" % int.from_bytes(asked[-2:]))
    await client.send_all(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
    await _carry(client, to, proxy)


@asynccontextmanager
async def proxying(
    serve: Callable[[trio.abc.Stream, int, Proxy], Awaitable[None]], to: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Proxy]:
    """`serve(client, to, proxy)` for each connection: `connect`, `socks5`, or what a test says."""
    proxy = Proxy()

    async def guarded(client: trio.abc.Stream) -> None:
        try:
            await serve(client, to, proxy)
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async with listening(guarded, tls) as proxy.port:
        yield proxy
