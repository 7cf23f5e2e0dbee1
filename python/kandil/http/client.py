"""Requests, redirects, and what of httpcore2's errors is told to whom."""

from __future__ import annotations

import logging
import math
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import httpcore2
import trio

from kandil._core import __version__
from kandil.errors import (
    KandilError,
    RedirectRefused,
    ReplyMalformed,
    TotalTimeout,
)
from kandil.http import redirects, tls, urls
from kandil.http.addresses import Zone
from kandil.http.decoding import ACCEPTED
from kandil.http.key import key_header
from kandil.http.network import Connection, Network
from kandil.http.redirects import Hop
from kandil.http.response import Response

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType
    from typing import Self

    from kandil.http.timeouts import Timeouts
    from kandil.http.upload import Upload
    from kandil.secret import Secret

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_MOST_CONNECTIONS: Final = 256
_KEPT_CONNECTIONS: Final = 32
_KEPT_SECONDS: Final = 30.0


class Client:
    """One for a run. Opened with ``async with``; leaving it closes every connection."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._pools: dict[tuple[str, Zone], httpcore2.AsyncConnectionPool] = {}
        self._tls: ssl.SSLContext | None = None
        logging.getLogger("httpcore2").setLevel(logging.WARNING)  # below, it writes whole replies

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with trio.CancelScope(shield=True):
            for pool in self._pools.values():
                await pool.aclose()

    @asynccontextmanager
    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Upload = b"",
        auth: tuple[str, str | None] | None = None,
        secret: Secret | None = None,
        timeouts: Timeouts | None = None,
    ) -> AsyncIterator[Response]:
        """The reply, of whatever status, as soon as its head has come; redirects have been followed.

        The key goes into the header `auth` names, behind its scheme, and to the origin of `url` alone. A redirect to
        another origin is followed for GET, without key and without headers that say who asks. `timeouts` are this
        request's own. Leaving the block early closes the connection.

        Raises: a NetworkError, which is a NotConnected where nothing can have been sent; FileUnreadable, of an Upload.
        """
        limits = timeouts or self._timeouts
        total_by = math.inf if limits.total_seconds is None else trio.current_time() + limits.total_seconds
        hop = Hop(method, urls.parse(url), headers or {}, body, keyed=True)
        for _ in range(redirects.MOST + 1):
            response = await self._sent(hop, auth, secret, limits, total_by)
            clean = False
            try:
                following = redirects.after(hop, response)
                if following is None:
                    yield response
                    clean = True
                    return
            finally:
                await response.close(drain=clean)
            hop = following
        raise RedirectRefused(hop.url.host, hop.url.origin, f"that was redirect {redirects.MOST + 1}")

    async def _sent(
        self, hop: Hop, auth: tuple[str, str | None] | None, secret: Secret | None, limits: Timeouts, total_by: float
    ) -> Response:
        host, idle_seconds = hop.url.host, limits.idle_seconds
        pool = self._pool(hop.url, hop.reach)
        key = secret if hop.keyed else None
        waits = {"connect": limits.connect_seconds, "write": idle_seconds, "read": limits.first_byte_seconds}
        error: KandilError
        with trio.CancelScope(deadline=total_by) as scope:
            try:
                core = await pool.handle_async_request(_request(hop, auth, key, waits))
                waits["read"] = idle_seconds  # httpcore2 looks anew when the body begins
                connection = core.extensions["network_stream"]
                if isinstance(connection, Connection):
                    return Response(core, connection, hop, limits, total_by)
                await core.aclose()
                error = ReplyMalformed(host, "it changes to another protocol, unasked")
            except KandilError as failure:
                error = failure
            except httpcore2.ProtocolError:
                error = ReplyMalformed(host, "what answers does not speak HTTP/1.1")
        if scope.cancelled_caught:
            error = TotalTimeout(host, limits.total_seconds or 0, 0, None)
        # Without the frames that it came through: those of httpcore2 hold the request, and so the key.
        error.__context__ = None
        raise error.with_traceback(None)

    def _pool(self, url: urls.Url, reach: Zone) -> httpcore2.AsyncConnectionPool:
        """Of one origin, and by how far inside it may lie: what a redirect may not open, it may not use either."""
        if pool := self._pools.get((url.origin, reach)):
            return pool
        if self._tls is None and url.scheme == "https":
            self._tls = tls.context(url.host)
        pool = httpcore2.AsyncConnectionPool(
            network_backend=Network(url, self._tls, reach=reach),
            ssl_context=self._tls,
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_KEPT_CONNECTIONS,
            keepalive_expiry=_KEPT_SECONDS,
        )
        self._pools[url.origin, reach] = pool
        return pool


def _request(
    hop: Hop, auth: tuple[str, str | None] | None, secret: Secret | None, waits: Mapping[str, float]
) -> httpcore2.Request:
    given = {name.lower(): value for name, value in hop.headers.items()}
    if not all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in given.items()):
        raise ValueError("a header has characters that cannot be sent")  # which is not repeated: it may be secret
    fields = {"user-agent": f"kandil/{__version__}", "accept": "*/*", "accept-encoding": ACCEPTED} | given
    fields["host"] = hop.url.origin.partition("://")[2]
    if hop.body or hop.method not in ("GET", "HEAD"):
        fields["content-length"] = str(len(hop.body))
    lines = [(name.encode(), value.encode()) for name, value in fields.items()]
    if auth and secret:
        lines.append(key_header(hop.url.host, auth, secret))
    url = httpcore2.URL(scheme=hop.url.scheme, host=hop.url.host, port=hop.url.port, target=hop.url.target)
    return httpcore2.Request(hop.method, url, headers=lines, content=hop.body, extensions={"timeout": waits})
