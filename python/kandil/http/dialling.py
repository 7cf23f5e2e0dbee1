"""From a name to an open connection: every address is checked before it is connected to, and is not looked up again."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Final

import trio

from kandil.errors import AddressRefused, ConnectFailed, ConnectionRefused, HostNotFound, NoRoute
from kandil.http.addresses import Zone, parsed, zone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil.errors import NotConnected

_NEXT_AFTER_SECONDS: Final = 0.25
"""RFC 8305: how long the first address has before the next is tried beside it."""
_MOST_ADDRESSES: Final = 16
_NO_ROUTE: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}
_UNKNOWN: Final = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


async def look_up(host: str, port: int, reach: Zone, *, here: bool) -> list[str]:
    """The host's addresses that may be connected to, in the order in which to try them.

    `reach` is how far inside they may lie; with `here`, all of them must be this machine's own.

    Raises: HostNotFound; AddressRefused, where none is left.
    """
    found = [host] if parsed(host) else await _answers(host, port)
    zones = {address: zone(literal) for address in found if (literal := parsed(address))}
    if here and (stray := next((address for address, where in zones.items() if where is not Zone.LOOPBACK), None)):
        raise AddressRefused(host, stray, "http:// is for servers on this machine alone")
    allowed = [address for address, where in zones.items() if where is not None and where <= reach]
    if not allowed:
        raise _refused(host, found[0], zones.get(found[0]))
    return _interleaved(allowed)[:_MOST_ADDRESSES]


async def _answers(host: str, port: int) -> list[str]:
    try:
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        unknown = error.errno in _UNKNOWN
        reason = "no such name" if unknown else (error.strerror or "no answer").lower()
        raise HostNotFound(host, reason, temporary=not unknown) from None
    except (OSError, UnicodeError):  # the encoding of names refuses what no name can be
        raise HostNotFound(host, "no such name", temporary=False) from None
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    if not addresses:
        raise HostNotFound(host, "no such name", temporary=False)
    return addresses


def _refused(host: str, address: str, where: Zone | None) -> AddressRefused:
    if where is None:
        return AddressRefused(host, address, "nothing is sent to link-local, metadata, multicast or reserved addresses")
    inside = "this machine" if where is Zone.LOOPBACK else "a private network"
    return AddressRefused(host, address, f"a redirect from outside leads to {inside}")


def _interleaved(addresses: list[str]) -> list[str]:
    """The families in turn, the first one's first."""
    first = ":" in addresses[0]
    one = [address for address in addresses if (":" in address) is first]
    other = [address for address in addresses if (":" in address) is not first]
    return [
        address
        for at in range(len(addresses))
        for address in (*one[at : at + 1], *other[at : at + 1])
    ]  # fmt: skip


async def connect(host: str, addresses: Sequence[str], port: int) -> tuple[trio.SocketStream, str]:
    """The first connection that opens, and its address; each next one is tried when the one before fails or is slow.

    Raises: ConnectionRefused, NoRoute, ConnectFailed: what the most telling of the failures was.
    """
    opened: list[tuple[trio.socket.SocketType, str]] = []
    failures: list[OSError] = []
    async with trio.open_nursery() as nursery:

        async def attempt(at: int) -> None:
            failed = trio.Event()
            if at + 1 < len(addresses):
                nursery.start_soon(follow, at + 1, failed)
            try:
                sock = await _opened(addresses[at], port)
            except OSError as error:
                failures.append(error)
                failed.set()
                return
            if opened:
                sock.close()
            else:
                opened.append((sock, addresses[at]))
                nursery.cancel_scope.cancel()

        async def follow(at: int, failed: trio.Event) -> None:
            with trio.move_on_after(_NEXT_AFTER_SECONDS):
                await failed.wait()
            await attempt(at)

        nursery.start_soon(attempt, 0)
    if not opened:
        raise _failure(host, port, failures)
    sock, address = opened[0]
    return trio.SocketStream(sock), address


async def _opened(address: str, port: int) -> trio.socket.SocketType:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        await sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _failure(host: str, port: int, failures: Sequence[OSError]) -> NotConnected:
    numbers = {error.errno for error in failures}
    reason = next((os.strerror(error.errno) for error in failures if error.errno), "unknown")  # trio words its own
    if errno.ECONNREFUSED in numbers:
        return ConnectionRefused(host, port)
    if numbers <= _NO_ROUTE:
        return NoRoute(host, port, reason.lower())
    return ConnectFailed(host, port, reason.lower())
