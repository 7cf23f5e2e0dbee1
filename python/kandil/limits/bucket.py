"""The limits of one model at one provider, and who waits for them."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, Self

import trio

from kandil.errors import LimitWaitTooLong, NotConnected, ProviderRefused
from kandil.limits.headers import observations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from kandil import _core

_SECOND: Final = 1_000_000_000
_MOST: Final = 1 << 40
FIRST_BACKOFF_SECONDS: Final = 1.0
LONGEST_BACKOFF_SECONDS: Final = 60.0
LONGEST_JITTER_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 1.0
"""Nobody says when another process has given something back."""

_UNKNOWN_SECONDS: Final = 0.05
"""What the core answers where other calls are to end first, and nobody knows when (POLL)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a provider allows; None: not known."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    """Input and output together."""
    input_tokens_per_minute: int | None = None
    output_tokens_per_minute: int | None = None
    requests_per_day: int | None = None
    concurrency: int | None = None
    """Calls at once."""


_NAMES: Final = tuple(field.name for field in fields(Limits))


class Bucket:
    """What is taken of a model's limits, by every process of this user: see `Limiter.bucket`.

    Who waits in this process goes in the order of asking, whatever it needs; of several processes those that wait for
    longer go first.
    """

    def __init__(self, name: str, core: _core.Bucket, draw: Callable[[], float]) -> None:
        self.name = name
        self._core, self._draw = core, draw
        self._line: deque[trio.Event] = deque()
        self._changed: trio.Event | None = None

    def reserve(
        self, *, input_tokens: int = 0, output_tokens: int = 0, give_up_after_seconds: float = math.inf
    ) -> Reservation:
        """`async with` it: inside, one request and so many tokens are reserved, all or nothing.

        What is more than a whole limit goes when nothing else does. No checkpoint where nothing is waited for: a call
        follows, which has some. Who is cancelled while waiting has taken nothing.

        Raises, when entered:
            LimitWaitTooLong: as soon as it is known.
        """
        return Reservation(self, input_tokens, output_tokens, give_up_after_seconds)

    def wait_seconds(self, *, input_tokens: int = 0, output_tokens: int = 0) -> float:
        """How long such a call would wait at least. Nothing is taken."""
        return self._core.wait(input_tokens, output_tokens) / _SECOND

    @property
    def core(self) -> _core.Bucket:
        """For what takes and settles without Python."""
        return self._core

    @property
    def limits(self) -> Limits:
        """As they are known now: what the provider said, else what was listed."""
        return Limits(**dict(zip(_NAMES, self._core.limits(), strict=True)))

    @property
    def used(self) -> Mapping[str, int]:
        """What counts against each of the limits now, under their names."""
        return dict(zip(_NAMES, self._core.used(), strict=True))

    def list_limits(self, listed: Limits) -> None:
        """Somebody wrote them down. What the provider itself said within the last day stays."""
        for number, name in enumerate(_NAMES[:-1]):
            self._core.list_limit(number, _positive(getattr(listed, name)))
        self._core.set_concurrency(_positive(listed.concurrency))

    def learn(self, headers: Mapping[str, str]) -> None:
        """What a reply says of limits holds from now on, for every process. Names in small letters; never raises.

        Where the provider counts more than is counted here, somebody else uses the same key: that counts, too.
        """
        for seen in observations(headers, self.name.partition("/")[0]):
            number = _NAMES.index(seen.limit_name)
            if seen.limit is not None:
                self._core.learn_limit(number, seen.limit)
            if seen.remaining is not None:
                reset = None if seen.reset_seconds is None else _nanoseconds(seen.reset_seconds)
                self._core.remaining(number, seen.remaining, reset)
        self._wake()

    def refused(self, retry_after_seconds: float | None = None) -> None:
        """The provider has said "too many": nobody goes for so long, and then not all at once.

        None: it has not said for how long; up to twice as long each time, at random. An hour at most.
        """
        self._core.refused(_nanoseconds(self.pause_seconds(retry_after_seconds)))

    def pause_seconds(self, retry_after_seconds: float | None) -> float:
        """For how long `refused` lets nobody go. Nothing is changed."""
        if retry_after_seconds is None or not math.isfinite(retry_after_seconds):
            return self._draw() * self._spread_seconds(LONGEST_BACKOFF_SECONDS)
        return retry_after_seconds

    def _spread_seconds(self, most_seconds: float) -> float:
        refusals: int = min(self._core.refusals(), 16)
        return min(most_seconds, FIRST_BACKOFF_SECONDS * 2.0**refusals)

    async def _queued(self, input_tokens: int, output_tokens: int, most_seconds: float) -> int:
        """The reservation's token, when everybody who came before has one.

        Raises: LimitWaitTooLong.
        """
        turn = trio.Event()
        self._line.append(turn)
        if self._line[0] is turn:
            turn.set()
        try:
            with trio.move_on_after(most_seconds) as patience:
                await turn.wait()
                return await self._taken(input_tokens, output_tokens, patience.deadline, most_seconds)
        finally:
            first = self._line[0] is turn
            self._line.remove(turn)
            if first and self._line:
                self._line[0].set()
        raise LimitWaitTooLong(self.name, None, most_seconds)

    async def _taken(self, input_tokens: int, output_tokens: int, deadline: float, most_seconds: float) -> int:
        """At the head of this process's line: with a place in that of all processes, until all is there."""
        core = self._core
        place = core.join(input_tokens, output_tokens)
        try:
            while True:
                taken = core.take(input_tokens, output_tokens, place)
                if taken > 0:
                    place = 0
                    return taken
                wait_seconds = -taken / _SECOND
                if trio.current_time() + wait_seconds > deadline:
                    known = wait_seconds if wait_seconds > _UNKNOWN_SECONDS else None
                    raise LimitWaitTooLong(self.name, known, most_seconds)
                if core.blocked():
                    wait_seconds += self._draw() * self._spread_seconds(LONGEST_JITTER_SECONDS)
                elif core.shared:
                    wait_seconds = min(wait_seconds, LOOK_SECONDS)
                self._changed = trio.Event()
                with trio.move_on_after(wait_seconds):
                    await self._changed.wait()
        finally:
            self._changed = None
            if place:
                core.give_back(place)

    def _wake(self) -> None:
        """Something may be free: the head of the line looks."""
        if self._changed is not None:
            self._changed.set()


class Reservation:
    """What one call has reserved: an async context, which ends with the call.

    Left in peace, the request counts, with the tokens that were reserved or settled. Left by an error before `sending`
    was said, or by `NotConnected`, or by the death of the process before `sending`: all is given back. Left by
    `ProviderRefused`: the request counts, its tokens do not. Left by another error: nobody knows, so all counts.
    """

    __slots__ = ("_bucket", "_core", "_input_tokens", "_most_seconds", "_output_tokens", "_sent", "_token")

    def __init__(self, bucket: Bucket, input_tokens: int, output_tokens: int, most_seconds: float) -> None:
        self._bucket = bucket
        self._core = bucket._core  # noqa: SLF001 (of one piece with it)
        self._input_tokens = input_tokens
        self._output_tokens = output_tokens
        self._most_seconds = most_seconds
        self._token = 0
        self._sent = False

    async def __aenter__(self) -> Self:
        bucket = self._bucket
        if not bucket._line:  # noqa: SLF001
            self._token = self._core.take(self._input_tokens, self._output_tokens)
            if self._token > 0:
                return self
        self._token = await bucket._queued(self._input_tokens, self._output_tokens, self._most_seconds)  # noqa: SLF001
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is not None:
            if isinstance(error, NotConnected) or not self._sent:
                self._core.give_back(self._token)
            elif isinstance(error, ProviderRefused):
                self._core.refund(self._token)
        self._core.finish(self._token)  # of what was given back, nothing
        self._bucket._wake()  # noqa: SLF001

    def sending(self) -> None:
        """From now on the provider may see the request: it counts, whatever happens."""
        self._sent = True
        self._core.sending(self._token)

    def replied(self, headers: Mapping[str, str]) -> None:
        """The reply's head is here: the request counts for one window from now, and its headers are learned from.

        Until this is called, or `settle`, it counts however long it takes: nobody knows when the provider saw it.
        """
        self._sent = True
        self._core.replied(self._token)
        self._bucket.learn(headers)

    def settle(self, *, input_tokens: int | None = None, output_tokens: int | None = None) -> None:
        """What it really took, less or more than was reserved; None: as reserved. More delays those that follow."""
        if input_tokens is not None:
            self._input_tokens = input_tokens
        if output_tokens is not None:
            self._output_tokens = output_tokens
        self._sent = True
        self._core.settle(self._token, self._input_tokens, self._output_tokens)
        self._bucket._wake()  # noqa: SLF001

    def give_back(self) -> None:
        """Nothing was sent, and nothing will be: all is as if it had not been reserved."""
        self._core.give_back(self._token)
        self._bucket._wake()  # noqa: SLF001


def _positive(limit: int | None) -> int | None:
    return min(limit, _MOST) if limit is not None and limit > 0 else None


def _nanoseconds(seconds: float) -> int:
    return int(min(max(seconds, 0.0), 86_400.0) * _SECOND)
