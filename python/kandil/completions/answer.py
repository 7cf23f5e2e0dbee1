"""An answer while it comes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import trio

from kandil.completions.cost import cost_usd
from kandil.errors import AnswerStalled
from kandil.providers.events import Reasoning, Stop, Text, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kandil.completions.target import Target
    from kandil.providers import Decoder
    from kandil.providers.events import Event

_GRACE_SECONDS: Final = 1.0
"""A connection on which nothing at all comes is told by what reads it."""


@dataclass(slots=True)
class Times:
    """Moments of trio's clock, in seconds."""

    sent: float
    first: float | None = None
    """The first event, be it of reasoning."""
    first_text: float | None = None
    ended: float | None = None


class Answer:
    """Iterate over it once, for its events; what came by then is in its attributes at any moment.

    Raises, when iterated:
        StreamBroken: the answer breaks off.
        AnswerStalled: nothing of it came for too long, however alive the connection was kept.
        KandilError: whatever the network or the provider did.
    """

    def __init__(
        self, target: Target, chunks: AsyncIterator[bytes], decoder: Decoder, times: Times, wait_seconds: float
    ) -> None:
        self.target = target
        self._wait_seconds = wait_seconds
        self.usage: Usage | None = None
        self.stop: Stop | None = None
        self.tool_calls: list[ToolCall] = []
        self.attempts = 1
        self._chunks, self._decoder, self.times = chunks, decoder, times
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._ready: deque[Event] = deque()
        self._whole = False

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        return "".join(self._reasoning)

    @property
    def cost_usd(self) -> float | None:
        """By the catalogue's prices; None where they, or the counts, are not known."""
        return cost_usd(self.target.price, self.usage)

    @property
    def first_token_seconds(self) -> float | None:
        """From sending the request to the first event."""
        return None if self.times.first is None else self.times.first - self.times.sent

    @property
    def total_seconds(self) -> float:
        """From sending the request to the end, or to now."""
        return (trio.current_time() if self.times.ended is None else self.times.ended) - self.times.sent

    @property
    def tokens_per_second(self) -> float | None:
        """What was generated after the first event, by the time that it took; None where nobody can say."""
        counted = self.usage.output_tokens if self.usage else None
        if counted is None or counted <= 1 or self.times.first is None or self.times.ended is None:
            return None
        seconds = self.times.ended - self.times.first
        return (counted - 1) / seconds if seconds > 0 else None

    async def begin(self) -> None:
        """Waits for the first event: until then nothing was shown, and all may be tried again."""
        await self._reach_event()

    async def _reach_event(self) -> None:
        """The next one is ready, or none follows. What keeps the connection alive, as comments do, is none."""
        with trio.move_on_after(self._wait_seconds + _GRACE_SECONDS) as patience:
            while not self._ready and not self._whole:
                await self._more()
        if patience.cancelled_caught:
            raise AnswerStalled(self.target.endpoint.provider, self._wait_seconds)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if not self._ready:
            await self._reach_event()
        if not self._ready:
            raise StopAsyncIteration
        return self._take(self._ready.popleft())

    async def _more(self) -> None:
        """The events of the next bytes."""
        chunk = b"" if self._decoder.over else await anext(self._chunks, b"")
        self._whole = not chunk
        events = self._decoder.end() if self._whole else self._decoder.feed(chunk)
        now = trio.current_time()
        if events and self.times.first is None:
            self.times.first = now
        if self.times.first_text is None and any(isinstance(event, Text) for event in events):
            self.times.first_text = now
        if self._whole:
            self.times.ended = now
        self._ready.extend(events)

    def _take(self, event: Event) -> Event:
        match event:
            case Text():
                self._text.append(event.text)
            case Reasoning():
                self._reasoning.append(event.text)
            case ToolCall():
                self.tool_calls.append(event)
            case Usage():
                self.usage = event
            case Stop():
                self.stop = event
        return event
