"""`kandil.verify` over 1 000 files that its ledger knows, within one process."""

from pathlib import Path
from typing import Any

import pytest
import trio
from peers.files import write_model

import kandil

FILES = 1000


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    for number in range(FILES):
        write_model(folder / f"model-{number:04}.gguf", 4096, number)
    return folder


async def verify(library: Path, ledger: Path) -> int:
    verification = kandil.verify([library], ledger=ledger)
    with verification:
        return len([result async for result in verification])


def bench_verify_first_run(benchmark: Any, library: Path, tmp_path: Path) -> None:
    numbers = iter(range(1_000_000))
    assert benchmark(lambda: trio.run(verify, library, tmp_path / f"{next(numbers)}.sqlite3")) == FILES


def bench_verify_again(benchmark: Any, library: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite3"
    trio.run(verify, library, ledger)
    assert benchmark(lambda: trio.run(verify, library, ledger)) == FILES
