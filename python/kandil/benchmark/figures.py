"""What many samples say together.

Percentiles are interpolated linearly between order statistics, as numpy and most tools do. Their confidence intervals
are distribution-free: between the two order statistics that the binomial distribution gives for 95 % at least (David
and Nagaraja, Order Statistics, 2003, 7.1). Nothing is assumed of how latencies are distributed. Where there are too few
samples for a bound there is none: a 99th percentile has an upper one from 368 samples.

Gaps within one answer depend on each other: their intervals are as wide as if each answer had given a single gap.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kandil.benchmark.reading import Sample

CONFIDENCE: Final = 0.95
_MS: Final = 1e6
_SECOND: Final = 1e9


@dataclass(frozen=True, slots=True)
class Quantile:
    """A percentile, and the interval that it is in with 95 % confidence; None: too few samples for a bound."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How values are spread."""

    count: int
    mean: float
    deviation: float
    """Of the values, not of their mean."""
    least: float
    most: float
    p50: Quantile
    p90: Quantile
    p99: Quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one round. Where nothing was answered, or nothing streamed, what it would tell is None."""

    requests: int
    answered: int
    errors: Mapping[str, int]
    """Codes of errors, and how many requests ended so."""
    seconds: float
    """From the first request that was sent, or due, to the last end."""
    first_token_ms: Spread | None
    """To the first piece of reasoning or answer."""
    first_answer_token_ms: Spread | None
    """To the first piece of the answer itself."""
    request_ms: Spread | None
    """To the end."""
    inter_token_ms: Spread | None
    """From the first piece to the last, by the tokens after the first: one value an answer."""
    inter_chunk_ms: Spread | None
    """From each piece to the next: a piece may be of several tokens."""
    tokens_per_second: Spread | None
    """Of one answer, after its first piece."""
    output_tokens_per_second: float
    """Of all answers together, by `seconds`."""
    total_tokens_per_second: float
    """With the prompts'."""
    requests_per_second: float
    input_tokens: float | None
    """Mean; None where nobody counted them."""
    output_tokens: float | None
    reasoning_tokens: float | None
    cached_tokens: float | None
    counted_by: str | None
    """``usage``: the server; ``pieces``: those of the stream, one taken for a token; ``estimate``: by their letters;
    ``mixed``."""
    new_connections: int
    """Requests that had to open one."""
    limited_seconds: float = 0.0
    """In which limits held requests back: they count for no request, but for `seconds`."""
    late_ms: Spread | None = None
    """Of an open loop: from the moment at which a request was due to that at which it was sent. It is in all times."""
    server_prompt_tokens_per_second: float | None = None
    """As llama.cpp timed itself: what llama-bench calls pp; the median."""
    server_tokens_per_second: float | None = None
    """As llama.cpp timed itself: what llama-bench calls tg; the median."""
    cost_usd: float | None = field(default=None)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of sorted values, interpolated linearly (Hyndman and Fan's type 7)."""
    at = share * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


@lru_cache(maxsize=256)
def interval_ranks(count: int, share: float) -> tuple[int | None, int | None]:
    """The ranks, from 1, of the order statistics that hold the true percentile between them; None: there is none.

    As few as 95 % allows, equally on both sides.
    """
    tail = (1 - CONFIDENCE) / 2
    low = high = None
    below = 0.0  # so likely are fewer than `rank` of the samples below the percentile
    for rank in range(1, count + 1):
        below += math.exp(_log_likely(count, rank - 1, share))
        if below <= tail:
            low = rank
        if high is None and 1 - below <= tail:
            high = rank
            break
    return low, high


def _log_likely(count: int, successes: int, share: float) -> float:
    """Of the binomial distribution."""
    ways = math.lgamma(count + 1) - math.lgamma(successes + 1) - math.lgamma(count - successes + 1)
    return ways + successes * math.log(share) + (count - successes) * math.log1p(-share)


def spread(values: Iterable[float], *, independent: int | None = None) -> Spread | None:
    """None: there are no values. `independent`: so many of them at most, where they depend on each other."""
    ordered = sorted(values)
    if not ordered:
        return None
    counted = min(independent or len(ordered), len(ordered))

    def found(share: float) -> Quantile:
        low, high = (_at(ordered, rank, counted) for rank in interval_ranks(counted, share))
        return Quantile(quantile(ordered, share), low, high)

    return Spread(
        count=len(ordered),
        mean=statistics.fmean(ordered),
        deviation=statistics.stdev(ordered) if len(ordered) > 1 else 0.0,
        least=ordered[0],
        most=ordered[-1],
        p50=found(0.5),
        p90=found(0.9),
        p99=found(0.99),
    )


def _at(ordered: Sequence[float], rank: int | None, counted: int) -> float | None:
    """The value at the rank among `counted`, of all."""
    if rank is None:
        return None
    return ordered[round((rank - 0.5) / counted * len(ordered) - 0.5)]


def figures(
    samples: Sequence[Sample],
    *,
    open_loop: bool,
    limited_ns: int = 0,
    cost: Callable[[Sample], float | None] = lambda _: None,
) -> Figures:
    """Of all samples of a round, at least one. In an open loop times count from when a request was due."""
    good = [one for one in samples if one.error is None]
    begun = min(_begun(one, open_loop=open_loop) for one in samples)
    seconds = (max(one.ended_ns for one in samples) - begun) / _SECOND
    errors: dict[str, int] = {}
    for one in samples:
        if one.error is not None:
            errors[one.error.code] = errors.get(one.error.code, 0) + 1
    since = {id(one): _begun(one, open_loop=open_loop) for one in good}
    written = sum(one.output_tokens or 0 for one in good)
    shown = sum(one.input_tokens or 0 for one in good)
    late = spread((one.sent_ns - one.due_ns) / _MS for one in samples) if open_loop else None
    return Figures(
        requests=len(samples),
        answered=len(good),
        errors=errors,
        seconds=seconds,
        first_token_ms=spread((one.first_ns - since[id(one)]) / _MS for one in good if one.first_ns),
        first_answer_token_ms=spread(
            (one.first_answer_ns - since[id(one)]) / _MS for one in good if one.first_answer_ns
        ),
        request_ms=spread((one.ended_ns - since[id(one)]) / _MS for one in good),
        inter_token_ms=spread(each / _MS for one in good if (each := one.token_ns)),
        inter_chunk_ms=spread(
            (gap / _MS for gap in chain.from_iterable(one.gaps_ns for one in good)),
            independent=sum(bool(one.gaps_ns) for one in good),
        ),
        tokens_per_second=spread(_SECOND / each for one in good if (each := one.token_ns)),
        output_tokens_per_second=written / seconds if seconds else 0.0,
        total_tokens_per_second=(written + shown) / seconds if seconds else 0.0,
        requests_per_second=len(good) / seconds if seconds else 0.0,
        input_tokens=_mean(one.input_tokens for one in good),
        output_tokens=_mean(one.output_tokens for one in good),
        reasoning_tokens=_mean(one.reasoning_tokens for one in good),
        cached_tokens=_mean(one.cached_tokens for one in good),
        counted_by=_counted_by(good),
        new_connections=sum(not one.reused for one in samples),
        limited_seconds=limited_ns / _SECOND,
        late_ms=late,
        server_prompt_tokens_per_second=_median(one.server_speeds[0] for one in good if one.server_speeds),
        server_tokens_per_second=_median(one.server_speeds[1] for one in good if one.server_speeds),
        cost_usd=_sum(cost(one) for one in good),
    )


def _begun(one: Sample, *, open_loop: bool) -> int:
    return one.due_ns if open_loop else one.sent_ns


def _mean(values: Iterable[int | None]) -> float | None:
    known = [one for one in values if one is not None]
    return statistics.fmean(known) if known else None


def _median(values: Iterable[float]) -> float | None:
    known = sorted(values)
    return quantile(known, 0.5) if known else None


def _sum(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return None if not known or None in known else math.fsum(one for one in known if one is not None)


def _counted_by(samples: Sequence[Sample]) -> str | None:
    ways = {one.counted_by for one in samples if one.counted_by}
    return "mixed" if len(ways) > 1 else next(iter(ways), None)
