"""A server that fails again and again is left alone, then asked by exactly one call."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from kandil.errors import CircuitOpen, ConnectionRefused, KandilError, KeyRejected, ProviderFailed, RateLimited
from kandil.limits import Breaker, Circuit
from tests.limits.clock import limiter

ORIGIN = "https://api.example"


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(ProviderFailed), breaker.call():
            raise ProviderFailed("example", "oh", status=500)


async def test_five_failures_open_it_one_probe_goes_and_a_success_closes_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    breaker = limiter(tmp_path).breaker(ORIGIN)
    other = limiter(tmp_path).breaker(ORIGIN)  # the same file, as another process has it
    fail(breaker, 5)
    assert other.circuit == Circuit("open", 5, 0, 5)
    await trio.sleep(1)
    with pytest.raises(CircuitOpen) as caught, other.call():
        raise AssertionError
    assert (caught.value.open_seconds, caught.value.wait_seconds, caught.value.failures) == (1, 4, 5)
    assert caught.value.exit_code == 6
    await trio.sleep(4)
    assert breaker.circuit.state == "half-open"
    with breaker.call():
        with pytest.raises(CircuitOpen), other.call():
            raise AssertionError
        with pytest.raises(CircuitOpen), breaker.call():
            raise AssertionError
    assert other.circuit == Circuit("closed")


async def test_a_failed_probe_opens_it_for_twice_as_long_and_a_minute_at_most(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    breaker = limiter(tmp_path).breaker(ORIGIN)
    fail(breaker, 5)
    waits = []
    for _ in range(6):
        wait_seconds = breaker.circuit.wait_seconds
        assert wait_seconds
        waits.append(wait_seconds)
        await trio.sleep(wait_seconds)
        fail(breaker)
    assert waits == [5, 10, 20, 40, 60, 60]


async def test_a_probe_that_is_cancelled_leaves_the_next_call_to_find_out(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    breaker = limiter(tmp_path).breaker(ORIGIN)
    fail(breaker, 5)
    await trio.sleep(5)
    with trio.move_on_after(1), breaker.call():
        await trio.sleep_forever()
    with breaker.call():
        pass
    assert breaker.circuit.state == "closed"


@pytest.mark.parametrize("error", [KeyRejected("x", "no"), RateLimited("x", "no", None), ValueError()])
async def test_what_is_not_the_servers_fault_does_not_open_it(
    tmp_path: Path, autojump_clock: MockClock, error: Exception
) -> None:
    breaker = limiter(tmp_path).breaker(ORIGIN)
    for _ in range(20):
        with pytest.raises(type(error)), breaker.call():
            raise error
    assert breaker.circuit.state == "closed"


async def test_a_server_that_is_not_reached_opens_it_and_who_insists_may_ask(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    breaker = limiter(tmp_path).breaker(ORIGIN)
    for _ in range(5):
        with pytest.raises(KandilError), breaker.call():
            raise ConnectionRefused("example", 443)
    with breaker.call(force=True):
        pass
    assert breaker.circuit.state == "closed"


async def test_looking_at_a_circuit_makes_no_file(tmp_path: Path, autojump_clock: MockClock) -> None:
    folder = tmp_path / "limits"
    assert limiter(folder).circuit(ORIGIN) == Circuit("closed")
    assert not folder.exists()
    fail(limiter(folder).breaker(ORIGIN), 5)
    assert limiter(folder).circuit(ORIGIN).state == "open"
