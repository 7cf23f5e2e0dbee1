"""Percentiles and their intervals, beside plain references that are too slow for more than a test."""

from __future__ import annotations

import math
import random
import statistics
from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil.benchmark.figures import figures, interval_ranks, quantile, spread
from kandil.benchmark.reading import Sample
from kandil.errors import BodyCut

MS = 1_000_000


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=200))
def test_percentiles_are_those_of_the_standard_library(values: list[float]) -> None:
    values.sort()
    cut = statistics.quantiles(values, n=100, method="inclusive")
    for share, at in ((0.5, 49), (0.9, 89), (0.99, 98)):
        assert quantile(values, share) == pytest.approx(cut[at], abs=1e-6)


def reference(count: int, share: Fraction) -> tuple[int | None, int | None]:
    """The same by exact fractions: the binomial distribution, summed."""
    likely = (math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(count + 1))
    below = list(accumulate(likely))
    tail = Fraction(25, 1000)
    low = [rank for rank in range(1, count + 1) if below[rank - 1] <= tail]
    high = [rank for rank in range(1, count + 1) if 1 - below[rank - 1] <= tail]
    return (max(low) if low else None), (min(high) if high else None)


@pytest.mark.parametrize("share", [Fraction(1, 2), Fraction(9, 10), Fraction(99, 100)])
@pytest.mark.parametrize("count", [1, 2, 5, 6, 20, 29, 36, 100, 367, 368, 500])
def test_intervals_are_those_of_the_binomial_distribution(count: int, share: Fraction) -> None:
    assert interval_ranks(count, float(share)) == reference(count, share)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_intervals_hold_the_true_percentile_as_often_as_they_say(share: float) -> None:
    """Of a distribution that is as skewed as latencies are."""
    draw, held, rounds = random.Random(1), 0, 400
    true = math.exp(statistics.NormalDist().inv_cdf(share))
    for _ in range(rounds):
        found = spread(draw.lognormvariate(0, 1) for _ in range(400))
        assert found is not None
        one = {0.5: found.p50, 0.9: found.p90, 0.99: found.p99}[share]
        assert one.low is not None
        assert one.high is not None
        held += one.low <= true <= one.high
    assert held / rounds >= 0.93


def test_intervals_of_values_that_depend_on_each_other_are_wider() -> None:
    values = [float(one) for one in range(10_000)]
    apart, together = spread(values), spread(values, independent=50)
    assert apart is not None
    assert together is not None
    assert apart.p50.value == together.p50.value == 4999.5
    assert together.p50.low is not None
    assert apart.p50.low is not None
    assert together.p50.low < 4000 < apart.p50.low
    assert (together.p99.high, apart.p99.high is None) == (None, False)


def sample(due: int, sent: int, moments: list[int], tokens: int = 0, **known: object) -> Sample:
    """In milliseconds; its first two pieces are reasoning."""
    return Sample(
        due_ns=due * MS,
        sent_ns=sent * MS,
        ended_ns=moments[-1] * MS,
        first_ns=moments[0] * MS,
        first_answer_ns=moments[2] * MS,
        last_ns=moments[-1] * MS,
        gaps_ns=tuple((b - a) * MS for a, b in pairwise(moments)),
        input_tokens=10,
        output_tokens=tokens or len(moments),
        counted_by="usage",
        **known,  # type: ignore[arg-type]
    )


ONE = sample(1000, 1500, [1600, 1610, 1620, 1660], tokens=7)
OTHER = sample(1200, 1700, [2000, 2010, 2020, 2030])
CUT = Sample(
    due_ns=1300 * MS,
    sent_ns=1800 * MS,
    ended_ns=3000 * MS,
    error=BodyCut("a", "closed", received_bytes=1, expected_bytes=2),
)


def test_figures_of_a_closed_loop() -> None:
    found = figures([ONE, OTHER, CUT], open_loop=False)
    assert (found.requests, found.answered, found.errors) == (3, 2, {"body-cut": 1})
    assert found.seconds == 1.5, "from the first that was sent to the last end, be it of an error"
    assert found.first_token_ms is not None
    assert (found.first_token_ms.least, found.first_token_ms.most, found.first_token_ms.p50.value) == (100, 300, 200)
    assert found.first_answer_token_ms is not None
    assert (found.first_answer_token_ms.least, found.first_answer_token_ms.most) == (120, 320)
    assert found.request_ms is not None
    assert (found.request_ms.least, found.request_ms.most) == (160, 330)
    assert found.inter_token_ms is not None
    assert (found.inter_token_ms.least, found.inter_token_ms.most) == (10, 10), "60 ms by six tokens, 30 by three"
    assert found.inter_chunk_ms is not None
    assert (found.inter_chunk_ms.count, found.inter_chunk_ms.most) == (6, 40)
    assert found.tokens_per_second is not None
    assert found.tokens_per_second.mean == pytest.approx(100)
    assert found.output_tokens_per_second == pytest.approx(11 / 1.5)
    assert found.total_tokens_per_second == pytest.approx(31 / 1.5)
    assert found.requests_per_second == pytest.approx(2 / 1.5)
    assert found.late_ms is None


def test_times_of_an_open_loop_count_from_when_a_request_was_due() -> None:
    found = figures([ONE, OTHER], open_loop=True)
    assert found.first_token_ms is not None
    assert (found.first_token_ms.least, found.first_token_ms.most) == (600, 800)
    assert found.late_ms is not None
    assert found.late_ms.p50.value == 500


def test_nothing_is_said_of_what_nobody_knows() -> None:
    found = figures([CUT], open_loop=False)
    assert (found.answered, found.first_token_ms, found.output_tokens, found.counted_by) == (0, None, None, None)
    assert found.output_tokens_per_second == 0
