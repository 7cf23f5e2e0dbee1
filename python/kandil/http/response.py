"""A reply whose head has come; its body comes as it is asked for."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import httpcore2
import trio

from kandil.errors import BodyCut, ConnectionLost, IdleTimeout, ReplyMalformed, ReplyTooLarge, TotalTimeout
from kandil.http.decoding import Bomb, Decoder, Undecodable
from kandil.http.network import BodyStalled

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping

    from kandil.errors import KandilError
    from kandil.http.addresses import Zone
    from kandil.http.network import Connection
    from kandil.http.redirects import Hop
    from kandil.http.timeouts import Timeouts, Timing

_DRAINED_BYTES: Final = 64 << 10
_DRAINED_SECONDS: Final = 0.1
_NO_BODY: Final = {204, 304}


class Response:
    """`headers` with names in small letters, those that came several times joined by commas.

    `received_bytes` of the body, as they were sent; `expected_bytes` where the server said how many.
    """

    def __init__(
        self, core: httpcore2.Response, connection: Connection, hop: Hop, timeouts: Timeouts, total_by: float
    ) -> None:
        self.status: int = core.status
        self.url: str = str(hop.url)
        """Where it came from, after redirects."""
        self.keyed: bool = hop.keyed
        """The key, where there was one, had gone there, too."""
        self.headers: Mapping[str, str] = MappingProxyType(_joined(core.headers))
        self.timing: Timing = connection.begin_body()
        self.received_bytes = 0
        self.expected_bytes = _length(self.headers) if self.status not in _NO_BODY else None
        self._url, self._timeouts, self._total_by = hop.url, timeouts, total_by
        self._core, self._connection = core, connection
        stream = core.stream
        assert hasattr(stream, "__aiter__")
        self._parts: AsyncGenerator[bytes] = stream.__aiter__()  # type: ignore[assignment] # a generator's, in fact
        self._begun = self._over = False

    @property
    def zone(self) -> Zone:
        return self._connection.zone

    def chunks(self, largest_bytes: int | None = None) -> AsyncIterator[bytes]:
        """The body as it comes, decompressed: each chunk as soon as it was read. Once only.

        Raises: BodyCut, IdleTimeout, TotalTimeout, ReplyMalformed, ReplyTooLarge (more than `largest_bytes`).
        """
        assert not self._begun, "the body was read before"
        self._begun = True
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        try:
            decoder = None if coding in ("identity", "") else Decoder(coding)
        except Undecodable as error:
            raise self.broken(str(error)) from None
        return _Chunks(self, decoder, largest_bytes)

    async def read(self, largest_bytes: int) -> bytes:
        """The whole body. Raises: as `chunks`."""
        return b"".join([chunk async for chunk in self.chunks(largest_bytes)])

    async def part(self) -> bytes | None:
        """The next part as it was sent; None after the last."""
        error: KandilError
        with trio.CancelScope(deadline=self._total_by) as scope:
            try:
                part = await anext(self._parts)
            except StopAsyncIteration:
                self._over = True
                return None
            except BodyStalled:
                error = IdleTimeout(
                    self._url.host, self._timeouts.idle_seconds, self.received_bytes, self.expected_bytes
                )
            except ConnectionLost as lost:
                error = BodyCut(self._url.host, lost.how, self.received_bytes, self.expected_bytes)
            except httpcore2.RemoteProtocolError:
                error = ReplyMalformed(self._url.host, "the body of the reply is not as HTTP says")
                if self._connection.ended:
                    error = BodyCut(self._url.host, "closed", self.received_bytes, self.expected_bytes)
            else:
                self.received_bytes += len(part)
                return part
        if scope.cancelled_caught:
            error = TotalTimeout(
                self._url.host, self._timeouts.total_seconds or 0, self.received_bytes, self.expected_bytes
            )
        self._over = True
        raise error

    def broken(self, reason: str) -> ReplyMalformed:
        return ReplyMalformed(self._url.host, reason)

    def too_large(self, largest_bytes: int, *, bomb: bool = False) -> ReplyTooLarge:
        return ReplyTooLarge(self._url.host, "body", largest_bytes, bomb=bomb)

    async def close(self, *, drain: bool) -> None:
        """The connection is free for the next request, or closed where the body goes on."""
        try:
            if drain and not self._over:
                with trio.move_on_after(_DRAINED_SECONDS):
                    await self._drain()
        finally:
            with trio.CancelScope(shield=True):
                await self._parts.aclose()
                await self._core.aclose()

    async def _drain(self) -> None:
        """What comes at once after the last that was wanted, as the end of a stream does."""
        end = self.received_bytes + _DRAINED_BYTES
        while self.received_bytes < end:
            try:
                if await self.part() is None:
                    return
            except Exception:  # noqa: BLE001 (what was wanted has come)
                return


class _Chunks:
    """No generator: one that is left before its end would need a closing of its own."""

    def __init__(self, response: Response, decoder: Decoder | None, largest_bytes: int | None) -> None:
        self._response = response
        self._decoder = decoder
        self._largest_bytes = largest_bytes
        self._given_bytes = 0
        self._pieces: Iterator[bytes] = iter(())

    def __aiter__(self) -> _Chunks:
        return self

    async def __anext__(self) -> bytes:
        while True:
            piece = self._piece()
            if piece:
                return self._counted(piece)
            part = await self._response.part()
            if part is None:
                if self._decoder and not self._decoder.is_whole:
                    raise self._response.broken("the body's compression ends too early")
                raise StopAsyncIteration
            self._pieces = self._decoder.pieces(part) if self._decoder else iter((part,))

    def _piece(self) -> bytes | None:
        try:
            return next(self._pieces, None)
        except Undecodable as error:
            reason = str(error)
        except Bomb:
            reason = None
        if reason is None:
            raise self._response.too_large(self._given_bytes, bomb=True)
        raise self._response.broken(reason)

    def _counted(self, piece: bytes) -> bytes:
        self._given_bytes += len(piece)
        if self._largest_bytes is not None and self._given_bytes > self._largest_bytes:
            raise self._response.too_large(self._largest_bytes)
        return piece


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    return joined


def _length(headers: Mapping[str, str]) -> int | None:
    said = headers.get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and "transfer-encoding" not in headers else None
