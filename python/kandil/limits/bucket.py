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
_MOST_TOKENS: Final = 1 << 40
FIRST_BACKOFF_SECONDS: Final = 1.0
LONGEST_BACKOFF_SECONDS: Final = 60.0
LONGEST_JITTER_SECONDS: Final = 5.0


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

    def __init__(self, name: str, core: _core.Bucket, clock_ns: Callable[[], int], random: Callable[[], float]) -> None:
        self.name = name
        self._core, self._clock_ns, self._random = core, clock_ns, random
        self._line: deque[trio.Event] = deque()
        self._changed: trio.Event | None = None
        self._jitter_until = 0

    def reserve(
        self, *, input_tokens: int = 0, output_tokens: int = 0, give_up_after_seconds: float = math.inf
    ) -> Reservation:
        """`async with` it: inside, one request and so many tokens are reserved, all or nothing.

        What is more than a whole limit goes when nothing else does. No checkpoint where nothing is waited for: a call
        follows, which has some. Who is cancelled while waiting has taken nothing.

        Raises, when entered:
            LimitWaitTooLong: as soon as it is known.
        """
        return Reservation(self, _tokens(input_tokens), _tokens(output_tokens), give_up_after_seconds)

    def wait_seconds(self, *, input_tokens: int = 0, output_tokens: int = 0) -> float:
        """How long such a call would wait at least. Nothing is taken."""
        return self._core.wait(self._clock_ns(), _tokens(input_tokens), _tokens(output_tokens)) / _SECOND

    @property
    def limits(self) -> Limits:
        """As they are known now: what the provider said, else what was listed."""
        return Limits(**dict(zip(_NAMES, self._core.limits(self._clock_ns()), strict=True)))

    @property
    def used(self) -> Mapping[str, int]:
        """What counts against each of the limits now, under their names."""
        return dict(zip(_NAMES, self._core.used(self._clock_ns()), strict=True))

    def list_limits(self, listed: Limits) -> None:
        """Somebody wrote them down. What the provider itself said within the last day stays."""
        now = self._clock_ns()
        for number, name in enumerate(_NAMES[:-1]):
            self._core.list_limit(now, number, _positive(getattr(listed, name)))
        self._core.set_concurrency(now, _positive(listed.concurrency))

    def learn(self, headers: Mapping[str, str]) -> None:
        """What a reply says of limits holds from now on, for every process. Names in small letters; never raises.

        Where the provider counts more than is counted here, somebody else uses the same key: that counts, too.
        """
        provider = self.name.partition("/")[0]
        now = self._clock_ns()
        for seen in observations(headers, provider):
            number = _NAMES.index(seen.limit_name)
            if seen.limit is not None:
                self._core.learn_limit(now, number, seen.limit)
            if seen.remaining is not None:
                reset = None if seen.reset_seconds is None else _nanoseconds(seen.reset_seconds)
                self._core.remaining(now, number, seen.remaining, reset)
        self._wake()

    def refused(self, retry_after_seconds: float | None = None) -> None:
        """The provider has said "too many": nobody goes for so long, and then not all at once.

        None: it has not said for how long; up to twice as long each time, at random. An hour at most.
        """
        now = self._clock_ns()
        if retry_after_seconds is None or not math.isfinite(retry_after_seconds):
            retry_after_seconds = self._random() * self._spread_seconds(LONGEST_BACKOFF_SECONDS)
        self._core.refused(now, _nanoseconds(retry_after_seconds))

    def _spread_seconds(self, most_seconds: float) -> float:
        refusals: int = min(self._core.refusals(self._clock_ns()), 16)
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
        wait_seconds = self.wait_seconds(input_tokens=input_tokens, output_tokens=output_tokens)
        raise LimitWaitTooLong(self.name, wait_seconds, most_seconds)

    async def _taken(self, input_tokens: int, output_tokens: int, deadline: float, most_seconds: float) -> int:
        """At the head of this process's line: with a place in that of all processes, until all is there."""
        core, clock_ns = self._core, self._clock_ns
        place = core.join(clock_ns(), input_tokens, output_tokens)
        try:
            while True:
                taken = core.take(clock_ns(), input_tokens, output_tokens, place)
                if taken > 0:
                    place = 0
                    return taken
                wait_seconds = -taken / _SECOND
                if trio.current_time() + wait_seconds > deadline:
                    raise LimitWaitTooLong(self.name, wait_seconds, most_seconds)
                if core.blocked(clock_ns()):
                    wait_seconds += self._random() * self._spread_seconds(LONGEST_JITTER_SECONDS)
                self._changed = trio.Event()
                with trio.move_on_after(wait_seconds):
                    await self._changed.wait()
        finally:
            self._changed = None
            if place:
                core.give_back(clock_ns(), place)

    def _wake(self) -> None:
        """Something may be free: the head of the line looks."""
        if self._changed is not None:
            self._changed.set()


class Reservation:
    """What one call has reserved: an async context, which ends with the call.

    Left in peace, or by an error: the request counts, with the tokens that were reserved or settled. Left by
    `NotConnected`: nothing was sent, and all is given back. Left by `ProviderRefused`: the request counts alone.
    """

    __slots__ = ("_bucket", "_input_tokens", "_most_seconds", "_output_tokens", "_token")

    def __init__(self, bucket: Bucket, input_tokens: int, output_tokens: int, most_seconds: float) -> None:
        self._bucket, self._most_seconds = bucket, most_seconds
        self._input_tokens, self._output_tokens = input_tokens, output_tokens
        self._token = 0

    async def __aenter__(self) -> Self:
        bucket = self._bucket
        if not bucket._line:  # noqa: SLF001 (of one piece with it)
            taken = bucket._core.take(bucket._clock_ns(), self._input_tokens, self._output_tokens)  # noqa: SLF001
            if taken > 0:
                self._token = taken
                return self
        self._token = await bucket._queued(self._input_tokens, self._output_tokens, self._most_seconds)  # noqa: SLF001
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        bucket = self._bucket
        core, now = bucket._core, bucket._clock_ns()  # noqa: SLF001
        if isinstance(error, NotConnected):
            core.give_back(now, self._token)
        else:
            if isinstance(error, ProviderRefused):
                core.refund(now, self._token)
            core.finish(now, self._token)
        bucket._wake()  # noqa: SLF001

    def sending(self) -> None:
        """From now on the provider may see the request: it counts even if this process is killed."""
        self._bucket._core.sending(self._bucket._clock_ns(), self._token)  # noqa: SLF001

    def replied(self, headers: Mapping[str, str]) -> None:
        """The reply's head is here: the request counts for one window from now, and its headers are learned from.

        Until this is called, or `settle`, it counts however long it takes: nobody knows when the provider saw it.
        """
        self._bucket._core.replied(self._bucket._clock_ns(), self._token)  # noqa: SLF001
        self._bucket.learn(headers)

    def settle(self, *, input_tokens: int | None = None, output_tokens: int | None = None) -> None:
        """What it really took, less or more than was reserved; None: as reserved. More delays those that follow."""
        if input_tokens is not None:
            self._input_tokens = _tokens(input_tokens)
        if output_tokens is not None:
            self._output_tokens = _tokens(output_tokens)
        bucket = self._bucket
        bucket._core.settle(bucket._clock_ns(), self._token, self._input_tokens, self._output_tokens)  # noqa: SLF001
        bucket._wake()  # noqa: SLF001

    def give_back(self) -> None:
        """Nothing was sent, and nothing will be: all is as if it had not been reserved."""
        self._bucket._core.give_back(self._bucket._clock_ns(), self._token)  # noqa: SLF001
        self._bucket._wake()  # noqa: SLF001


def _tokens(count: int) -> int:
    return min(max(count, 0), _MOST_TOKENS)


def _positive(limit: int | None) -> int | None:
    return min(limit, _MOST_TOKENS) if limit is not None and limit > 0 else None


def _nanoseconds(seconds: float) -> int:
    return int(min(max(seconds, 0.0), 86_400.0) * _SECOND)
