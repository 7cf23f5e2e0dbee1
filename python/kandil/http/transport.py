"""A transport for httpx2, on trio, that works in the core: on a thread of its own, at a small part of the cost.

What is written against ``httpx2.AsyncClient`` runs on it unchanged::

    async with httpx2.AsyncClient(transport=Transport()) as client:
        response = await client.post(url, json=request)

HTTP/1.1, or HTTP/2 where a server offers it. kandil's rules hold here, too: certificates are verified by what the
system trusts, ``http://`` is for this machine alone, link-local and metadata addresses are refused, and proxies are
those of the environment. A body that is sent is gathered before anything goes. Of a request's extensions, timeouts are
obeyed, and no others. Errors are httpx2's, each with one of kandil's as its cause.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import httpx2
import trio

from kandil._core import Transport as Core
from kandil.errors import NetworkError
from kandil.http import faults, urls
from kandil.http.proxies import proxy_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_ACKNOWLEDGED_BYTES: Final = 64 << 10
_ERRORS: Final[Mapping[str, type[httpx2.TransportError]]] = {
    "url-unusable": httpx2.UnsupportedProtocol,
    "connect-timeout": httpx2.ConnectTimeout,
    "proxy-failed": httpx2.ProxyError,
    "send-timeout": httpx2.WriteTimeout,
    "first-byte-timeout": httpx2.ReadTimeout,
    "idle-timeout": httpx2.ReadTimeout,
    "total-timeout": httpx2.ReadTimeout,
    "reply-too-large": httpx2.RemoteProtocolError,
    "reply-malformed": httpx2.RemoteProtocolError,
}


class Transport(httpx2.AsyncBaseTransport):
    """Connections are kept until it is closed. Of one run of trio at a time."""

    def __init__(self) -> None:
        self._core: Core | None = None
        self._run: trio.lowlevel.TrioToken | None = None
        self._listening: trio.CancelScope | None = None
        self._exchanges: dict[int, _Exchange] = {}
        self._origins: dict[tuple[str, bytes], faults.Asked] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The response, when its head has come; its body comes as it is read.

        Raises: httpx2.TransportError.
        """
        body = await _body(request)
        core = self._opened()
        url, waits = request.url, request.extensions.get("timeout", {})
        asked = self._asked(core, url)
        read, write = _seconds(waits, "read"), _seconds(waits, "write")
        target = url.raw_path.decode("ascii")
        sent = (
            request.method,
            f"{url.scheme}://{url.netloc.decode('ascii')}{target}",
            request.headers.raw,
            body,
            (_seconds(waits, "connect"), read, min(write, read), None),
        )
        try:
            number = core.submit([sent])
        except ValueError as error:
            raise httpx2.LocalProtocolError(str(error)) from None
        exchange = _Exchange(self, number, asked, waits)
        self._exchanges[number] = exchange
        try:
            status, version, headers = await exchange.headed()
        except BaseException:
            exchange.end()
            raise
        return httpx2.Response(status, headers=headers, stream=_Body(exchange), extensions={"http_version": version})

    async def aclose(self) -> None:
        """Ends what is under way, and every connection."""
        if self._listening is not None:
            self._listening.cancel()
        for exchange in list(self._exchanges.values()):
            exchange.receive(None, b"", over=True, fault=("connection-lost", {"how": "closed", "reason": "by us"}))
        self._exchanges.clear()
        self._core = self._run = self._listening = None

    def _opened(self) -> Core:
        if self._core is None:
            self._core = Core()
        run = trio.lowlevel.current_trio_token()
        if run is not self._run:
            self._run, self._listening = run, trio.CancelScope()
            trio.lowlevel.spawn_system_task(self._listen, self._core, self._listening)
        return self._core

    async def _listen(self, core: Core, scope: trio.CancelScope) -> None:
        """Wakes as many as there is news for, as often as there is any."""
        exchanges = self._exchanges
        with scope:
            while True:
                await trio.lowlevel.wait_readable(core.fileno())
                for number, head, body, over, fault in core.take():
                    if exchange := exchanges.get(number):
                        exchange.receive(head, body, over=over, fault=fault)

    def _asked(self, core: Core, url: httpx2.URL) -> faults.Asked:
        """Whom: looked at once for each origin. What was refused is refused each time."""
        key = (url.scheme, url.netloc)
        if asked := self._origins.get(key):
            return asked
        try:
            parsed = urls.parse(f"{url.scheme}://{url.netloc.decode('ascii')}/")
            proxy = proxy_for(parsed)
        except NetworkError as error:
            raise _ERRORS.get(error.code, httpx2.ConnectError)(error.message) from error
        if proxy:
            core.set_proxy(parsed.origin, proxy.scheme, proxy.host, proxy.port, proxy.user)
        asked = faults.Asked(parsed.host, parsed.port, str(proxy or ""))
        self._origins[key] = asked
        return asked

    def forget(self, number: int, *, cancel: bool) -> None:
        if self._exchanges.pop(number, None) and cancel and self._core:
            self._core.cancel(number)

    def consumed(self, number: int, size_bytes: int) -> None:
        if self._core:
            self._core.consumed(number, size_bytes)


class _Exchange:
    """A request, and what has come of its answer and was not read yet."""

    __slots__ = (
        "_asked",
        "_consumed_bytes",
        "_fault",
        "_number",
        "_task",
        "_transport",
        "_waits",
        "body",
        "head",
        "over",
    )

    def __init__(self, transport: Transport, number: int, asked: faults.Asked, waits: Mapping[str, Any]) -> None:
        self.head: tuple[int, bytes, list[tuple[bytes, bytes]]] | None = None
        self.body = b""
        self.over = False
        self._transport, self._number, self._asked, self._waits = transport, number, asked, waits
        self._fault: tuple[str, dict[str, Any]] | None = None
        self._task: trio.lowlevel.Task | None = None
        self._consumed_bytes = 0

    def receive(
        self,
        head: tuple[int, bytes, list[tuple[bytes, bytes]]] | None,
        body: bytes,
        *,
        over: bool,
        fault: tuple[str, dict[str, Any]] | None,
    ) -> None:
        self.head = self.head or head
        self.body = self.body + body if self.body else body
        self.over, self._fault = over, fault
        if task := self._task:
            self._task = None
            trio.lowlevel.reschedule(task)

    async def news(self) -> None:
        """Until something has come."""

        def abort(_: object) -> trio.lowlevel.Abort:
            self._task = None
            return trio.lowlevel.Abort.SUCCEEDED

        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(abort)

    async def headed(self) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        """Status, version, headers, when they have come."""
        while self.head is None:
            if self.over:
                raise self.failure()
            await self.news()
        return self.head

    def failure(self) -> httpx2.TransportError:
        assert self._fault is not None
        waits = self._waits
        asked = faults.Asked(
            self._asked.host,
            self._asked.port,
            self._asked.proxy,
            _seconds(waits, "connect"),
            _seconds(waits, "read"),
            min(_seconds(waits, "read"), _seconds(waits, "write")),
        )
        cause = faults.error(asked, self._fault)
        error = _error(self._fault)(cause.message)
        error.__cause__ = cause
        return error

    def part(self) -> bytes:
        """What has come, which counts as read."""
        part, self.body = self.body, b""
        self._consumed_bytes += len(part)
        if self._consumed_bytes >= _ACKNOWLEDGED_BYTES and not self.over:
            self._transport.consumed(self._number, self._consumed_bytes)
            self._consumed_bytes = 0
        return part

    @property
    def is_whole(self) -> bool:
        return self.over and self._fault is None

    def end(self) -> None:
        self._transport.forget(self._number, cancel=not self.over)
        self.over = True


class _Body(httpx2.AsyncByteStream):
    """No generator: one that is left before its end would need a closing of its own."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        exchange = self._exchange
        while True:
            if part := exchange.part():
                return part
            if exchange.is_whole:
                raise StopAsyncIteration
            if exchange.over:
                raise exchange.failure()
            await exchange.news()

    async def aclose(self) -> None:
        self._exchange.end()


async def _body(request: httpx2.Request) -> bytes:
    try:
        return request.content
    except httpx2.RequestNotRead:
        return await request.aread()


def _seconds(waits: Mapping[str, float | None], name: str) -> float:
    seconds = waits.get(name)
    return math.inf if seconds is None else seconds


def _error(fault: tuple[str, dict[str, Any]]) -> type[httpx2.TransportError]:
    kind, said = fault
    if kind in ("connection-lost", "body-cut"):
        return httpx2.ReadError if said.get("how") == "reset" else httpx2.RemoteProtocolError
    return _ERRORS.get(kind, httpx2.ConnectError)
