"""Reservations: all or nothing, in order, never over a limit in any window, and nearly all of it over an hour."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from kandil import _core
from kandil.errors import ConnectionRefused, LimitWaitTooLong, ProviderFailed, RateLimited
from kandil.limits import Bucket, Limits
from tests.limits.clock import FIRST_NS, limiter

MINUTE = Fraction(60)
PART = MINUTE / 256
SECOND_NS = 10**9


def most_in_a_window(events: list[tuple[float, int]]) -> int:
    """The most that 60 seconds have, wherever they begin."""
    return max(
        (sum(amount for at, amount in events if start <= at < start + 60) for start, _ in events),
        default=0,
    )


async def test_a_hundred_at_once_fifty_go_and_fifty_when_the_window_has_moved(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    bucket = limiter(tmp_path).bucket("x/m", Limits(requests_per_minute=50))
    times: list[float] = []

    async def call() -> None:
        async with bucket.reserve():
            times.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(call)
    assert times[:50] == [0.0] * 50
    assert len(times) == 100
    assert all(60 < at < 60.3 for at in times[50:])


@pytest.mark.parametrize("latency_seconds", [0.0, 0.4])
async def test_over_a_simulated_hour_the_rate_is_within_one_percent_of_the_limit_and_never_over_it(
    tmp_path: Path, autojump_clock: MockClock, latency_seconds: float
) -> None:
    bucket = limiter(tmp_path).bucket("x/m", Limits(requests_per_minute=60))
    arrived: list[tuple[float, int]] = []

    async def caller() -> None:
        while True:
            async with bucket.reserve() as reservation:
                reservation.sending()
                await trio.sleep(latency_seconds / 2)
                arrived.append((trio.current_time(), 1))
                await trio.sleep(latency_seconds / 2)
                reservation.replied({})

    with trio.move_on_after(3600):
        async with trio.open_nursery() as nursery:
            for _ in range(60 if latency_seconds else 1):
                nursery.start_soon(caller)
    assert most_in_a_window(arrived) == 60
    assert 3600 * 0.99 <= len(arrived) <= 3660


@dataclass
class Exact:
    """The same limits in fractions: each grant counts for the window and for what is left of its part."""

    limits: tuple[int | None, ...]
    grants: dict[int, tuple[Fraction, tuple[int, ...]]]
    later: list[tuple[Fraction, tuple[int, ...]]]

    def used(self, now: Fraction) -> list[int]:
        live = [cost for at, cost in (*self.grants.values(), *self.later) if self.leaves(at) > now]
        return [sum(cost[index] for cost in live) for index in range(4)]

    def leaves(self, at: Fraction) -> Fraction:
        return (math.floor(at / PART) + 257) * PART

    def admits(self, now: Fraction, cost: tuple[int, ...]) -> bool:
        return all(
            limit is None or not amount or not used or used + amount <= limit
            for limit, amount, used in zip(self.limits, cost, self.used(now), strict=True)
        )


def costs(given: tuple[int, int]) -> tuple[int, ...]:
    return (1, sum(given), *given)


AMOUNTS = st.tuples(st.integers(0, 400), st.integers(0, 400))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(0, 30 * SECOND_NS), AMOUNTS),
        st.tuples(st.just("settle"), st.integers(0, 10 * SECOND_NS), AMOUNTS),
        st.tuples(st.just("give back"), st.integers(0, 10 * SECOND_NS), AMOUNTS),
    ),
    max_size=60,
)
LIMIT = st.one_of(st.none(), st.integers(1, 1000))


@given(st.tuples(LIMIT, LIMIT, LIMIT, LIMIT), STEPS)
def test_it_decides_as_exact_fractions_do(
    limits: tuple[int | None, ...], steps: list[tuple[str, int, tuple[int, int]]]
) -> None:
    now_ns = FIRST_NS
    core = _core.Bucket(None, lambda: now_ns)
    for number, limit in enumerate(limits):
        core.list_limit(number, limit)
    exact = Exact(limits, {}, [])
    for what, passed_ns, amounts in steps:
        now_ns += passed_ns
        now = Fraction(now_ns, SECOND_NS)
        if what == "take":
            token = core.take(*amounts)
            assert (token > 0) == exact.admits(now, costs(amounts))
            if token > 0:
                core.replied(token)
                exact.grants[token] = (now, costs(amounts))
            else:
                ready = now + Fraction(-token, SECOND_NS)
                assert exact.admits(ready, costs(amounts))
                assert not exact.admits(ready - Fraction(2, SECOND_NS), costs(amounts))
        elif exact.grants:
            token, (at, cost) = next(iter(exact.grants.items()))
            del exact.grants[token]
            if what == "settle":
                core.settle(token, *amounts)
                core.finish(token)
                settled = costs(amounts)
                exact.later.append((at, tuple(map(min, cost, settled))))
                exact.later.append((now, tuple(max(b - a, 0) for a, b in zip(cost, settled, strict=True))))
            else:
                core.give_back(token)
        assert core.used()[:4] == exact.used(now)


async def test_it_is_first_come_first_served_and_small_ones_do_not_overtake(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    bucket = limiter(tmp_path).bucket("x/m", Limits(tokens_per_minute=100))
    order: list[int] = []

    async def call(number: int, tokens: int) -> None:
        async with bucket.reserve(input_tokens=tokens):
            order.append(number)

    async with trio.open_nursery() as nursery:
        for number, tokens in enumerate([60, 90, 1, 1, 95, 2]):
            nursery.start_soon(call, number, tokens)
            await wait_all_tasks_blocked()
    assert order == list(range(6))


async def test_who_is_cancelled_while_waiting_takes_nothing_and_the_next_goes(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    bucket = limiter(tmp_path).bucket("x/m", Limits(tokens_per_minute=100))
    went: list[float] = []

    async def call(tokens: int, scope: trio.CancelScope) -> None:
        with scope:
            async with bucket.reserve(input_tokens=tokens):
                went.append(trio.current_time())

    async with bucket.reserve(input_tokens=50) as first, trio.open_nursery() as nursery:
        first.settle()
        scopes = [trio.CancelScope() for _ in range(3)]
        for tokens, scope in zip((100, 90, 40), scopes, strict=True):
            nursery.start_soon(call, tokens, scope)
            await wait_all_tasks_blocked()
        assert went == []
        scopes[1].cancel()
        scopes[0].cancel()
    assert went == [0.0]
    assert bucket.used["tokens_per_minute"] == 90
    assert bucket.used["concurrency"] == 0


async def test_a_call_that_ends_lets_the_next_one_run_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    bucket = limiter(tmp_path).bucket("x/m", Limits(concurrency=2))
    running = most = 0

    async def call() -> None:
        nonlocal running, most
        async with bucket.reserve():
            running += 1
            most = max(most, running)
            await trio.sleep(10)
            running -= 1

    async with trio.open_nursery() as nursery:
        for _ in range(7):
            nursery.start_soon(call)
    assert most == 2
    assert trio.current_time() == 40


ENDS: list[tuple[str, Callable[[], BaseException] | None, bool, tuple[int, int]]] = [
    ("an end in peace", None, True, (1, 30)),
    ("nothing was sent", lambda: ConnectionRefused("x", 1), True, (0, 0)),
    ("an error before it was sent", ValueError, False, (0, 0)),
    ("an error after it was sent", ValueError, True, (1, 30)),
    ("a refusal", lambda: RateLimited("x", "no", None), True, (1, 0)),
    ("a failure", lambda: ProviderFailed("x", "oh"), True, (1, 0)),
]


@pytest.mark.parametrize(("end", "sent", "counts"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
async def test_what_counts_of_a_call_that_ends(
    tmp_path: Path,
    autojump_clock: MockClock,
    end: Callable[[], BaseException] | None,
    sent: bool,
    counts: tuple[int, int],
) -> None:
    bucket = limiter(tmp_path).bucket("x/m")
    error = end() if end else None
    with pytest.raises(type(error)) if error else nullcontext():
        async with bucket.reserve(input_tokens=10, output_tokens=20) as reservation:
            if sent:
                reservation.sending()
            if error:
                raise error
    assert (bucket.used["requests_per_minute"], bucket.used["tokens_per_minute"]) == counts
    assert bucket.used["concurrency"] == 0


async def test_what_was_settled_counts_and_hostile_counts_do_no_harm(tmp_path: Path, autojump_clock: MockClock) -> None:
    bucket = limiter(tmp_path).bucket("x/m", Limits(tokens_per_minute=1000))
    async with bucket.reserve(input_tokens=100, output_tokens=300) as reservation:
        reservation.settle(output_tokens=7)
    assert bucket.used["tokens_per_minute"] == 107
    async with bucket.reserve(input_tokens=-5, output_tokens=-(10**40)) as reservation:
        reservation.settle(input_tokens=10**40, output_tokens=-1)
    assert bucket.wait_seconds(input_tokens=1) > 60
    await trio.sleep(61)
    assert bucket.used["tokens_per_minute"] == 0


async def test_who_would_wait_too_long_is_told_so_at_once_and_for_how_long(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    bucket = limiter(tmp_path).bucket("x/m", Limits(requests_per_minute=1))
    async with bucket.reserve():
        pass
    with pytest.raises(LimitWaitTooLong) as caught:
        async with bucket.reserve(give_up_after_seconds=30):
            raise AssertionError
    assert trio.current_time() == 0
    assert caught.value.wait_seconds is not None
    assert 60 < caught.value.wait_seconds < 61
    assert caught.value.exit_code == 6
    async with bucket.reserve(give_up_after_seconds=61):
        assert trio.current_time() > 60


async def test_who_stands_behind_others_gives_up_when_it_said_so(tmp_path: Path, autojump_clock: MockClock) -> None:
    bucket = limiter(tmp_path).bucket("x/m", Limits(concurrency=1))

    async def long() -> None:
        async with bucket.reserve():
            await trio.sleep(100)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(long)
        await wait_all_tasks_blocked()
        nursery.start_soon(long)
        await wait_all_tasks_blocked()
        with pytest.raises(LimitWaitTooLong) as caught:
            async with bucket.reserve(give_up_after_seconds=30):
                raise AssertionError
        assert trio.current_time() == 30
        assert caught.value.wait_seconds is None
    assert trio.current_time() == 200


async def test_nobody_knows_when_another_call_ends(tmp_path: Path, autojump_clock: MockClock) -> None:
    bucket = limiter(tmp_path).bucket("x/m", Limits(concurrency=1))
    async with bucket.reserve():
        with pytest.raises(LimitWaitTooLong) as caught:
            async with bucket.reserve(give_up_after_seconds=30):
                raise AssertionError
    assert 29 < trio.current_time() <= 30
    assert caught.value.wait_seconds is None


async def test_retry_after_is_a_floor_for_everybody_then_they_come_at_random(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    first = limiter(tmp_path, draw=0.5).bucket("x/m")
    other = limiter(tmp_path, draw=0.25).bucket("x/m")  # of another process, as it were: the file is the same
    first.refused(20)
    times: list[float] = []

    async def call(bucket: Bucket) -> None:
        async with bucket.reserve():
            times.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, first)
        nursery.start_soon(call, other)
    assert sorted(times) == [20.5, 21.0]


async def test_without_retry_after_the_wait_doubles_and_is_bounded(tmp_path: Path, autojump_clock: MockClock) -> None:
    bucket = limiter(tmp_path, draw=1.0).bucket("x/m")
    waits = []
    for _ in range(9):
        bucket.refused()
        waits.append(round(bucket.wait_seconds()))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    bucket.refused(1e12)
    assert bucket.wait_seconds() <= 3600
    await trio.sleep(3600)
    async with bucket.reserve() as reservation:
        reservation.settle()
    bucket.refused()
    assert round(bucket.wait_seconds()) == 1


async def test_what_the_provider_says_is_better_than_what_is_listed(tmp_path: Path, autojump_clock: MockClock) -> None:
    listed = Limits(requests_per_minute=1000, tokens_per_minute=5, concurrency=3)
    bucket = limiter(tmp_path).bucket("openai/m", listed)
    bucket.learn({"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "20"})
    assert bucket.limits == Limits(requests_per_minute=60, tokens_per_minute=5, concurrency=3)
    assert bucket.used["requests_per_minute"] == 40
    later = limiter(tmp_path).bucket("openai/m", Limits(requests_per_minute=999))
    assert later.limits == Limits(requests_per_minute=60)
