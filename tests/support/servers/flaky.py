"""A bad network: between a client and any server, with faults in what comes down."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import trio

from tests.support.servers import raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_TICK_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to one connection. Offsets count the bytes from the server; nothing set, nothing happens."""

    refuse: bool = False
    """Taken, and reset at once. A port where nobody listens is that of a `Network` that was left."""
    delay_seconds: float = 0
    """Before the first byte."""
    bytes_per_second: int | None = None
    flip_at: int | None = None
    """The lowest bit of this byte is another."""
    ends_at: int | None = None
    """So many bytes come through; then `how`. 0: nothing does, once the server has begun to reply."""
    how: Literal["close", "reset", "stall"] = "close"


@dataclass
class Network:
    """`faults` are for the connections in their order; those after are good."""

    port: int = 0
    faults: list[Fault] = field(default_factory=list)
    connections: int = 0
    carried_bytes: int = 0
    """Down, by all connections."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def network(to: str, *faults: Fault) -> AsyncIterator[Network]:
    """The way to the server at the URL `to`: `faults` befall the first connections, one each."""
    server = urlsplit(to)
    way = Network(faults=list(faults))

    async def carried(client: trio.SocketStream) -> None:
        way.connections += 1
        fault = way.faults.pop(0) if way.faults else Fault()
        if fault.refuse:
            await raw.reset(client)
            return
        assert server.hostname
        assert server.port
        try:
            async with await trio.open_tcp_stream(server.hostname, server.port) as upstream:
                await _carry(client, upstream, fault, way)
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # one of them left

    async with raw.listening(carried) as way.port:
        yield way


async def _carry(client: trio.SocketStream, upstream: trio.SocketStream, fault: Fault, way: Network) -> None:
    """Until either side ends, or the fault does."""
    async with trio.open_nursery() as nursery:

        async def up() -> None:
            async for part in client:
                await upstream.send_all(part)
            nursery.cancel_scope.cancel()

        nursery.start_soon(up)
        await _down(upstream, client, fault, way)
        nursery.cancel_scope.cancel()


async def _down(upstream: trio.SocketStream, client: trio.SocketStream, fault: Fault, way: Network) -> None:
    sent = 0
    async for received in upstream:
        if not sent:
            await trio.sleep(fault.delay_seconds)
        part = bytearray(received)
        if fault.flip_at is not None and sent <= fault.flip_at < sent + len(part):
            part[fault.flip_at - sent] ^= 1
        if fault.ends_at is not None:
            del part[fault.ends_at - sent :]
        await _paced(client, bytes(part), fault.bytes_per_second)
        sent += len(part)
        way.carried_bytes += len(part)
        if sent == fault.ends_at:
            if fault.how == "stall":
                await trio.sleep_forever()
            if fault.how == "reset":
                await raw.reset(client)
            return


async def _paced(client: trio.SocketStream, content: bytes, bytes_per_second: int | None) -> None:
    if bytes_per_second is None:
        await client.send_all(content)
        return
    step = max(1, int(bytes_per_second * _TICK_SECONDS))
    for start in range(0, len(content), step):
        await client.send_all(content[start : start + step])
        await trio.sleep(_TICK_SECONDS)
