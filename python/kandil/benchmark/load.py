"""What is asked of a model, how often, and how many at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_FEWEST_REQUESTS: Final = 20
_ROUNDS: Final = 3
MOST_AT_ONCE: Final = 1024
"""Of an open loop, whose requests come whatever becomes of those before."""
_WARM_UP_TOKENS: Final = 16
_OPEN_WARM_UP: Final = 8
LENGTH_REQUESTS: Final = 3
"""At most so many find out how many words have as many tokens as were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One round: so many requests, so many at once, or so many a second."""

    requests: int
    concurrency: int
    """At most so many are under way."""
    rate_per_second: float | None = None
    """Of an open loop; None: a closed one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The same for every model."""

    prompt_tokens: int = 512
    output_tokens: int = 128
    concurrency: tuple[int, ...] = (1, 4, 16)
    rates_per_second: tuple[float, ...] = ()
    """Where there are any they are measured, and at most the largest `concurrency` is under way."""
    requests: int | None = None
    """Of each round; None: three times the concurrency, and 20 at least."""
    seed: int = 1
    """Of prompts, and of the gaps of an open loop."""
    ignore_limits: bool = False
    """The provider's limits hold nothing back: what goes beyond is refused by it, and counts as an error."""

    @property
    def levels(self) -> tuple[Level, ...]:
        if self.rates_per_second:
            at_once = max(self.concurrency, default=MOST_AT_ONCE)
            requests = self.requests or _FEWEST_REQUESTS * _ROUNDS
            return tuple(
                Level(requests=requests, concurrency=at_once, rate_per_second=rate) for rate in self.rates_per_second
            )
        return tuple(
            Level(requests=self.requests or max(_FEWEST_REQUESTS, _ROUNDS * at_once), concurrency=at_once)
            for at_once in self.concurrency
        )

    @property
    def warm_up_tokens(self) -> int:
        """The longest answer of a request that is not measured."""
        return min(_WARM_UP_TOKENS, self.output_tokens)

    def warm_up_requests(self, level: Level) -> int:
        """Before a level is measured: each opens a connection. How many an open loop will need nobody knows."""
        at_once = level.concurrency if level.rate_per_second is None else _OPEN_WARM_UP
        return min(at_once, level.requests)

    @property
    def most_requests(self) -> tuple[int, int]:
        """That are measured, and that are not: some of the latter find out how long prompts are."""
        levels = self.levels
        return sum(level.requests for level in levels), LENGTH_REQUESTS + sum(map(self.warm_up_requests, levels))
