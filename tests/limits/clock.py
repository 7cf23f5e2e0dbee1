"""Limits that follow trio's clock, so that a test's hour takes no time."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from kandil.limits import Limiter

FIRST_NS = 100_000_000_000_000
"""The machine has run for a day."""


def clock_ns() -> int:
    return FIRST_NS + round(trio.current_time() * 1e9)


def limiter(folder: Path, *, draw: float = 0.0) -> Limiter:
    return Limiter(folder, clock_ns=clock_ns, draw=lambda: draw)


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)
