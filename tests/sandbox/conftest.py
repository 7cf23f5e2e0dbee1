from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from kandil.sandbox import supervisor
from kandil.sandbox.model import opened
from kandil.sandbox.supervisor import ChildEnd, Limits, run_child

Child = Callable[..., Awaitable[ChildEnd]]


@pytest.fixture
def model(tmp_path: Path) -> Iterator[int]:
    """A file of a user's, opened."""
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF and more")
    with opened(path) as fd:
        yield fd


@pytest.fixture
def child(model: int, monkeypatch: pytest.MonkeyPatch) -> Child:
    """`run_child` with one of the works of `tests.support.sandbox_work`."""
    folders = (*supervisor.folders(), os.fspath(Path(__file__).parents[2]))
    monkeypatch.setattr(supervisor, "folders", lambda: folders)

    async def run(do: str, *, fd: int = model, timeout_seconds: float = 60, threads: bool = False) -> ChildEnd:
        limits = Limits(memory_bytes=256 << 20, cpu_seconds=20, threads=threads)
        return await run_child(fd, "tests.support.sandbox_work", {"do": do}, limits, timeout_seconds=timeout_seconds)

    return run
