"""`kandil.Sha256` beside `hashlib`: what a caller of the drop-in gets, Python's cost of a call included."""

import hashlib
import os
from collections.abc import Callable
from typing import Any

import pytest

import kandil

SIZES = [0, 64, 1024, 16 << 10, 1 << 20, 64 << 20]
MEMORY = os.urandom(SIZES[-1])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("new", [kandil.Sha256, hashlib.sha256], ids=["kandil", "hashlib"])
def bench_one_buffer(benchmark: Any, new: Callable[[bytes], Any], size: int) -> None:
    data = MEMORY[:size]
    benchmark.extra_info["bytes"] = size
    benchmark.group = f"{size} bytes"
    assert benchmark(lambda: new(data).digest()) == hashlib.sha256(data).digest()
