"""`kandil.sandbox.load_test` beside the same loader in this process: the difference is what the sandbox costs.

A process is started, Python and the library are loaded into it, it is locked in, and the header is compared with the
scan. The loader alone has all that behind it: its library is in memory, and it reads, loads and decodes.
"""

import os
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import trio

from kandil import Header
from kandil.sandbox import load_test, loading, reading, runtimes
from kandil.sandbox.ggml import Library

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support import loadable
from tests.support.gguf_files import build

TOKENS = 280_000
ROUNDS = 7


@cache
def library() -> Library:
    found, _ = runtimes.find()
    if not found:
        pytest.skip("no llama.cpp is here")
    return Library(found[0].path, list(found[0].backends))


def large_vocabulary() -> bytes:
    """About 8 MB of header."""
    words = (*loadable.WORDS, *(f"▁word{number}" for number in range(TOKENS - len(loadable.WORDS))))
    return build(loadable.entries({}, words))


@pytest.fixture(scope="module", params=[loadable.model, large_vocabulary], ids=["60 KB model", "8 MB vocabulary"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.gguf"
    path.write_bytes(request.param())
    return path


def alone(path: Path) -> str:
    """What the two levels call in the loader, without sandbox and without comparing."""
    fd = os.open(path, os.O_RDONLY)
    stream = library().stream(fd)
    view = reading.read(library(), stream)
    library().gguf_free(view)
    loaded = loading.load(library(), stream, Header.open(fd), _no_step)
    os.close(fd)
    return loaded.result


def _no_step(_name: str) -> None:
    pass


async def sandboxed(path: Path) -> str:
    return (await load_test(path)).status


def bench_load_test(benchmark: Any, model: Path) -> None:
    library()
    run: Callable[[], str] = partial(trio.run, sandboxed, model)
    assert benchmark.pedantic(run, rounds=ROUNDS, warmup_rounds=1) == "passed"


def bench_loader_alone(benchmark: Any, model: Path) -> None:
    library()
    assert benchmark.pedantic(partial(alone, model), rounds=ROUNDS, warmup_rounds=1) == "passed"
