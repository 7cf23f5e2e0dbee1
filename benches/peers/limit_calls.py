"""Keeping a limit, where nothing is waited for: `kandil.limits` beside aiolimiter, pyrate-limiter and limits.

kandil's bucket is in a file that all processes share, and takes requests, tokens and calls at once; the peers count one
thing in memory. See benches/README.md.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import trio
from peers.machine import warn_if_loaded
from peers.measure import ROUNDS, Bench, Row, Side, Took

from kandil.limits import Bucket, Limiter, Limits

CALLS = 50_000
MUCH = 10**9
"""A minute: nobody waits."""
LIMITS = Limits(requests_per_minute=MUCH, tokens_per_minute=MUCH, requests_per_day=MUCH, concurrency=100)


def took(calls: int, run: Callable[[], object]) -> Took:
    """Seconds a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return Took((time.perf_counter() - wall) / calls, (time.process_time() - cpu) / calls)


def acquire(bucket: Bucket, calls: int) -> Side:
    async def run() -> None:
        for _ in range(calls):
            async with bucket.reserve():
                pass

    return lambda: took(calls, lambda: trio.run(run))


def acquire_and_settle(bucket: Bucket, calls: int) -> Side:
    async def run() -> None:
        for _ in range(calls):
            async with bucket.reserve(input_tokens=500, output_tokens=500) as reservation:
                reservation.settle(input_tokens=480, output_tokens=210)

    return lambda: took(calls, lambda: trio.run(run))


def looped(calls: int, once: Callable[[], object]) -> Side:
    def run() -> None:
        for _ in range(calls):
            once()

    return lambda: took(calls, run)


def awaited(calls: int, once: Callable[[], Awaitable[object]]) -> Side:
    async def run() -> None:
        for _ in range(calls):
            await once()

    return lambda: took(calls, lambda: asyncio.run(run()))


def aiolimiter(calls: int) -> Iterator[tuple[str, Side]]:
    from aiolimiter import AsyncLimiter

    async def run() -> None:
        limiter = AsyncLimiter(MUCH, 60)
        for _ in range(calls):
            async with limiter:
                pass

    yield "aiolimiter", lambda: took(calls, lambda: asyncio.run(run()))


def pyrate(calls: int) -> Iterator[tuple[str, Side]]:
    from pyrate_limiter import Duration, InMemoryBucket, Limiter, Rate

    limiter = Limiter(InMemoryBucket([Rate(MUCH, Duration.MINUTE)]))
    yield "pyrate-limiter, try_acquire", looped(calls, lambda: limiter.try_acquire("x", blocking=False))
    yield "pyrate-limiter, try_acquire_async", awaited(calls, lambda: limiter.try_acquire_async("x", blocking=False))


def limits(calls: int) -> Iterator[tuple[str, Side]]:
    from limits import RateLimitItemPerMinute
    from limits.storage import MemoryStorage
    from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

    item = RateLimitItemPerMinute(MUCH)
    for kind in (FixedWindowRateLimiter, SlidingWindowCounterRateLimiter, MovingWindowRateLimiter):
        strategy = kind(MemoryStorage())
        yield f"limits, {kind.__name__}", looped(calls, lambda strategy=strategy: strategy.hit(item, "x"))


PEERS = {"aiolimiter": aiolimiter, "pyrate_limiter": pyrate, "limits": limits}


def measure(bench: Bench, bucket: Bucket, calls: int) -> None:
    for package, sides in PEERS.items():
        if importlib.util.find_spec(package) is None:
            bench.compare(Row("acquire", package, 1, per="a call"), None, None)
            continue
        for name, theirs in sides(calls):
            bench.compare(Row("acquire", name, 1, per="a call"), acquire(bucket, calls), theirs)
            case = "acquire and settle, beside its acquire alone"
            bench.compare(Row(case, name, 1, per="a call"), acquire_and_settle(bucket, calls), theirs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help=f"1 is {CALLS:,} calls a run")
    parser.add_argument("--dir", type=Path, help="where the shared file is made")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    warn_if_loaded()
    bench = Bench(rounds=options.rounds)
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        limiter = Limiter(Path(folder))
        measure(bench, limiter.bucket("x/m", LIMITS), max(100, round(CALLS * options.scale)))
        assert limiter.unshared is None or sys.platform != "linux", limiter.unshared
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in bench.rows], indent=1))


if __name__ == "__main__":
    main()
