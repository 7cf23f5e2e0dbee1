"""What came for a request, read when its round is over: every event has the moment at which its bytes were read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from kandil import providers
from kandil.errors import KandilError, RedirectRefused, ReplyUnreadable, StreamBroken
from kandil.http import faults
from kandil.http.decoding import Bomb, Decoder, Undecodable
from kandil.providers.events import Reasoning, Text, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kandil.providers import Endpoint

_REDIRECTS: Final = range(300, 400)
_REFUSED: Final = 400
_TIMINGS: Final = b'"timings"'
Fault = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Waits:
    """How long things may take, in seconds."""

    connect: float = 10.0
    """Name, TCP, proxy and TLS together."""
    first_byte: float = 600.0
    idle: float = 120.0

    @classmethod
    def here(cls) -> Waits:
        """For servers on this machine, which say nothing while they read a long prompt without a GPU."""
        return cls(first_byte=3600.0, idle=3600.0)


@dataclass(frozen=True, slots=True)
class Exchange:
    """As the core gives it: see `_core.Benchmark.take`."""

    number: int
    due_ns: int
    sent_ns: int
    head: tuple[int, int, list[tuple[str, str]], bool] | None
    parts: list[tuple[int, int]]
    body: bytes
    ended_ns: int
    fault: Fault | None

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.head[2]) if self.head else {}

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """When each was read, and what it is, unpacked. Raises: Undecodable, Bomb."""
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        unpacking = None if coding in ("identity", "") else Decoder(coding)
        begins = 0
        for at, ends in self.parts:
            part, begins = self.body[begins:ends], ends
            yield at, part if unpacking is None else b"".join(unpacking.pieces(part))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One request. Moments are nanoseconds of one clock; None is not known, or has not come."""

    due_ns: int
    sent_ns: int
    ended_ns: int
    """When the last byte was read; of an error, when it was one."""
    reused: bool = False
    """Its connection had served others."""
    error: KandilError | None = None
    first_ns: int | None = None
    """The first piece of reasoning or answer."""
    first_answer_ns: int | None = None
    last_ns: int | None = None
    """The last piece."""
    gaps_ns: tuple[int, ...] = ()
    """From each piece to the next."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    counted_by: str | None = None
    """Who counted `output_tokens`: see `Figures.counted_by`."""
    server_speeds: tuple[float, float] | None = None
    """Tokens a second of the prompt and of the answer, as llama.cpp timed itself."""

    @property
    def token_ns(self) -> float | None:
        """From token to token: the time after the first piece by the tokens after the first."""
        if self.first_ns is None or self.last_ns is None or (self.output_tokens or 0) < 2:  # noqa: PLR2004
            return None
        return (self.last_ns - self.first_ns) / ((self.output_tokens or 0) - 1) or None

    @property
    def usage(self) -> Usage | None:
        if self.output_tokens is None:
            return None
        return Usage(input_tokens=self.input_tokens, output_tokens=self.output_tokens, cached_tokens=self.cached_tokens)


def sample(exchange: Exchange, endpoint: Endpoint, waits: Waits) -> Sample:
    """What the exchange was: an answer, or why there is none."""
    read = _Read()
    error = _error(exchange, endpoint, waits)
    if error is None:
        try:
            read.all(exchange, endpoint)
        except KandilError as failure:
            error = failure
        except (Undecodable, Bomb) as failure:
            error = ReplyUnreadable(endpoint.provider, str(failure) or "it unpacks to far too much")
    last_part = exchange.parts[-1][0] if exchange.parts else exchange.ended_ns
    known: dict[str, Any] = {
        "due_ns": exchange.due_ns,
        "sent_ns": exchange.sent_ns,
        "ended_ns": exchange.ended_ns if error else last_part,
        "reused": bool(exchange.head and exchange.head[3]),
    }
    return Sample(**known, error=error) if error else Sample(**known, **read.known(exchange.body))


def _error(exchange: Exchange, endpoint: Endpoint, waits: Waits) -> KandilError | None:
    """Why there is no answer, before its body is looked at."""
    url = urlsplit(endpoint.url)
    host = url.hostname or ""
    status = exchange.head[1] if exchange.head else 0
    if status in _REDIRECTS:
        return RedirectRefused(host, exchange.headers.get("location", ""), "what was sent is not sent elsewhere")
    if status >= _REFUSED:
        return providers.refusal(endpoint, status, exchange.headers, exchange.body)
    if exchange.fault is None:
        return None
    asked = faults.Asked(
        host=host,
        port=url.port or (443 if url.scheme == "https" else 80),
        connect_seconds=waits.connect,
        first_byte_seconds=waits.first_byte,
        idle_seconds=waits.idle,
    )
    return faults.error(asked, exchange.fault)


class _Read:
    """What the events of an answer say."""

    def __init__(self) -> None:
        self.moments: list[int] = []
        self.first_answer: int | None = None
        self.usage: Usage | None = None
        self.texts: list[str] = []

    def all(self, exchange: Exchange, endpoint: Endpoint) -> None:
        """Raises: KandilError: the provider's, or the answer is not whole; Undecodable, Bomb."""
        decoder = providers.decoder(endpoint)
        at = exchange.ended_ns
        for at, piece in exchange.pieces():
            for event in decoder.feed(piece):
                self._take(event, at)
        for event in decoder.end():
            self._take(event, at)
        if not self.moments and self.usage is None:
            raise StreamBroken(endpoint.provider)

    def _take(self, event: providers.Event, at: int) -> None:
        if isinstance(event, Usage):
            self.usage = event
        elif isinstance(event, (Text, Reasoning, ToolCall)):
            self.moments.append(at)
            if not isinstance(event, ToolCall):
                self.texts.append(event.text)
            if isinstance(event, Text) and self.first_answer is None:
                self.first_answer = at

    def known(self, body: bytes) -> dict[str, Any]:
        moments, usage = self.moments, self.usage or Usage()
        written, by = usage.output_tokens, "usage"
        if written is None and len(moments) > 1:
            written, by = len(moments), "pieces"
        elif written is None:
            text = providers.Message("user", "".join(self.texts))
            written, by = providers.estimate_input_tokens(providers.Request(messages=(text,))), "estimate"
        return {
            "first_ns": moments[0] if moments else None,
            "first_answer_ns": self.first_answer,
            "last_ns": moments[-1] if moments else None,
            "gaps_ns": tuple(after - before for before, after in pairwise(moments)),
            "input_tokens": usage.input_tokens,
            "output_tokens": written,
            "reasoning_tokens": usage.reasoning_tokens,
            "cached_tokens": usage.cached_tokens,
            "counted_by": by,
            "server_speeds": _server_speeds(body),
        }


def _server_speeds(body: bytes) -> tuple[float, float] | None:
    """Of llama.cpp's ``timings``, which stand in the last event that has any."""
    at = body.rfind(_TIMINGS)
    if at < 0:
        return None
    line = body[body.rfind(b"\n", 0, at) + 1 :].partition(b"\n")[0].strip().removeprefix(b"data:").strip()
    try:
        timings = msgspec.json.decode(line)["timings"]
        speeds = timings["prompt_per_second"], timings["predicted_per_second"]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, RecursionError):
        return None
    return speeds if all(isinstance(one, float) and one > 0 for one in speeds) else None
