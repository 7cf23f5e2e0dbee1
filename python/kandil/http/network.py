"""What httpcore2 reads and writes through: connections that know what they wait for, and say so when it fails."""

from __future__ import annotations

import contextlib
import errno
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import httpcore2
import trio

from kandil.errors import (
    ConnectionLost,
    ConnectTimeout,
    FirstByteTimeout,
    NotConnected,
    ProxyFailed,
    ReplyMalformed,
    ReplyTooLarge,
    SendTimeout,
    TlsFailed,
)
from kandil.http import dialling, tls, tunnel
from kandil.http.addresses import Zone, parsed, zone
from kandil.http.proxies import proxy_for
from kandil.http.timeouts import Timing

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from kandil.http.urls import Url

_LARGEST_HEAD_BYTES: Final = 80 << 10
"""Of a reply, with every interim one before it."""
_HEAD_READ_BYTES: Final = 16 << 10
"""Both together stay below the 100 KiB at which httpcore2 gives up, without a word on why."""
_WRITE_BYTES: Final = 64 << 10
_HTTP: Final = b"HTTP/1."
_TLS_ALERT: Final = b"\x15\x03"


class BodyStalled(Exception):
    """Nothing more of the body came in time."""


@dataclass(slots=True)
class Opening:
    """How the connection came to be: until when it must be open, and how long each step took."""

    wait_seconds: float
    deadline: float
    dns_seconds: float | None = None
    connect_seconds: float | None = None
    tls_seconds: float | None = None


class Network(httpcore2.AsyncNetworkBackend):
    """Opens the connections to one origin, through its proxy where it has one: httpcore2 does not see that.

    Its own way through SOCKS takes each reply for one read and leaves its socket open where it fails.
    """

    def __init__(self, url: Url, context: ssl.SSLContext | None, *, reach: Zone) -> None:
        self._url = url
        self._proxy = proxy_for(url)
        self._context = context
        self._reach = Zone.LOOPBACK if self._proxy else reach

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the interface's)
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> Connection:
        proxy = self._proxy
        limit = _seconds(timeout)
        opening = Opening(limit, trio.current_time() + limit)
        opened = await self._opened(proxy.host if proxy else host, proxy.port if proxy else port, opening)
        if proxy is None:
            return opened
        try:
            with trio.fail_at(opening.deadline):
                if proxy.scheme == "https":
                    assert isinstance(opened.stream, trio.SocketStream)
                    assert self._context is not None
                    opened.stream = await tunnel.secured(opened.stream, proxy, self._context)
                await tunnel.lead(opened.stream, proxy, host, port)
        except trio.TooSlowError:
            await opened.aclose()
        except BaseException:
            await opened.aclose()
            raise
        else:
            return opened
        raise ConnectTimeout(host, "proxy", limit)

    async def _opened(self, host: str, port: int, opening: Opening) -> Connection:
        """To the server, or its proxy."""
        phase: Literal["name", "tcp"] = "name"
        started = trio.current_time()
        try:
            with trio.fail_at(opening.deadline):
                addresses = await dialling.look_up(host, port, self._reach, here=self._url.scheme == "http")
                found = trio.current_time()
                phase = "tcp"
                stream, address = await dialling.connect(host, addresses, port)
        except trio.TooSlowError:
            error: NotConnected = ConnectTimeout(host, phase, opening.wait_seconds)
        except NotConnected as failure:
            error = failure
        else:
            opening.dns_seconds = None if addresses == [host] else found - started
            opening.connect_seconds = trio.current_time() - found
            literal = None if self._proxy else parsed(address)
            where = zone(literal) if literal else None
            return Connection(stream, self._url.host, opening, where or Zone.PUBLIC, direct=self._proxy is None)
        if self._proxy:
            raise ProxyFailed(self._url.host, str(self._proxy), error.message)
        raise error


@dataclass(slots=True)
class Exchange:
    """Where a connection is in its present request and reply."""

    written_at: float | None = None
    first_byte_at: float | None = None
    head_bytes: int = 0
    in_body: bool = False


@dataclass(slots=True, eq=False)
class Connection(httpcore2.AsyncNetworkStream):
    """An HTTP/1.1 connection: one request at a time, so that it knows what each byte belongs to."""

    stream: trio.abc.Stream
    host: str
    opening: Opening | None
    zone: Zone
    direct: bool
    exchange: Exchange = field(default_factory=Exchange)
    ended: bool = False

    def begin_body(self) -> Timing:
        """From now on each read may take the idle time. What the request waited for."""
        exchange, opening = self.exchange, self.opening
        exchange.in_body = True
        self.opening = None
        first = (exchange.first_byte_at or 0) - (exchange.written_at or 0)
        if opening is None:
            return Timing(first_byte_seconds=first)
        return Timing(
            dns_seconds=opening.dns_seconds,
            connect_seconds=opening.connect_seconds,
            tls_seconds=opening.tls_seconds,
            first_byte_seconds=first,
        )

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        exchange = self.exchange
        if not exchange.in_body:
            max_bytes = min(max_bytes, _HEAD_READ_BYTES)
            if exchange.head_bytes > _LARGEST_HEAD_BYTES:
                raise ReplyTooLarge(self.host, "head", _LARGEST_HEAD_BYTES)
        try:
            with trio.fail_at(self._read_by(_seconds(timeout))):
                data = bytes(await self.stream.receive_some(max_bytes))
        except trio.TooSlowError:
            if exchange.in_body:
                raise BodyStalled from None
            raise FirstByteTimeout(self.host, _seconds(timeout)) from None
        except (trio.BrokenResourceError, trio.ClosedResourceError) as broken:
            raise self._lost(_how(broken), tls.alert(broken)) from None
        self.ended = not data
        if not exchange.in_body:
            self._count_head(data)
        return data

    def _count_head(self, data: bytes) -> None:
        exchange = self.exchange
        if not data:
            raise self._lost("closed")
        if not exchange.head_bytes:
            exchange.first_byte_at = trio.current_time()
            if not data.startswith(_HTTP[: len(data)]):  # most of what else there is would wait for us to go on
                tls_here = data.startswith(_TLS_ALERT[: len(data)])
                reason = "it speaks TLS: use https://" if tls_here else "what answers does not speak HTTP/1.1"
                raise ReplyMalformed(self.host, reason)
        exchange.head_bytes += len(data)

    def _lost(self, how: Literal["reset", "closed"], reason: str = "") -> ConnectionLost:
        self.ended = True
        reused = self.opening is None and not self.exchange.in_body
        return ConnectionLost(self.host, how, reason=reason, reused=reused)

    def _read_by(self, wait_seconds: float) -> float:
        exchange = self.exchange
        since = trio.current_time() if exchange.in_body or exchange.written_at is None else exchange.written_at
        return since + wait_seconds

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        if not buffer:
            return
        if self.exchange.in_body or self.exchange.first_byte_at:
            self.exchange = Exchange()
        view = memoryview(buffer)
        try:
            for at in range(0, len(view), _WRITE_BYTES):
                with trio.fail_after(_seconds(timeout)):
                    await self.stream.send_all(view[at : at + _WRITE_BYTES])
        except trio.TooSlowError:
            raise SendTimeout(self.host, _seconds(timeout)) from None
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise httpcore2.WriteError from None  # the server may have replied before it closed: that is read
        finally:
            self.exchange.written_at = trio.current_time()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
    ) -> Connection:
        opening = self.opening
        assert opening is not None
        host = server_hostname or self.host
        started = trio.current_time()
        secured = trio.SSLStream(self.stream, ssl_context, server_hostname=host, https_compatible=True)
        error: NotConnected
        try:
            with trio.fail_at(opening.deadline):
                await secured.do_handshake()
        except trio.TooSlowError:
            error = ConnectTimeout(host, "tls", opening.wait_seconds)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as failure:
            error = tls.failure(host, failure)
            if error.fault == "wrong-host":
                error = TlsFailed(host, "wrong-host", reason=error.reason, names=await self._names(host))
        except BaseException:
            await trio.aclose_forcefully(self.stream)
            raise
        else:
            opening.tls_seconds = trio.current_time() - started
            return Connection(secured, self.host, opening, self.zone, direct=self.direct)
        await trio.aclose_forcefully(self.stream)
        raise error

    async def _names(self, host: str) -> tuple[str, ...]:
        """Of the certificate for another host: OpenSSL tells them after a handshake alone, so there is a second one.
        Nothing is sent over it.
        """
        assert self.opening is not None
        if not isinstance(self.stream, trio.SocketStream) or not self.direct:
            return ()
        with trio.move_on_at(self.opening.deadline), contextlib.suppress(NotConnected, trio.BrokenResourceError):
            address, port, *_ = self.stream.socket.getpeername()
            stream, _ = await dialling.connect(host, [address], port)
            try:
                other = trio.SSLStream(stream, tls.context(host, any_name=True), server_hostname=host)
                await other.do_handshake()
                return tls.names(other.getpeercert())
            finally:
                await trio.aclose_forcefully(stream)
        return ()

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self.stream)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 (the interface's)
        if info == "is_readable":
            stream = self.stream
            while isinstance(stream, trio.SSLStream):
                stream = stream.transport_stream
            assert isinstance(stream, trio.SocketStream)
            return stream.socket.is_readable()
        return None


def _seconds(timeout: float | None) -> float:
    return math.inf if timeout is None else timeout


def _how(error: BaseException) -> Literal["reset", "closed"]:
    numbers = {cause.errno for cause in tls.causes(error) if isinstance(cause, OSError)}
    return "reset" if numbers & {errno.ECONNRESET, errno.EPIPE} else "closed"
