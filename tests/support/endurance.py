"""A hundred thousand rows against real servers, at once and with 30 `kill -9` in between: the answers are the same.

`python -m tests.support.endurance [ROWS]`, which takes a quarter of an hour; the tests do the same with fewer rows. Of
llmock it is counted by its own journal that no window of a minute has more requests than it allows, and that no row is
sent again once it was recorded.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

from tests.support import answering, batches
from tests.support.batches import Done, Folder
from tests.support.servers.llmock import Llmock, llmock

ROWS = 100_000
KILLS = 30
REQUESTS_PER_MINUTE = 20_000


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    for endure in (_llama_cpp, _llmock):
        with _folder() as here:
            began = time.monotonic()
            trio.run(endure, here, rows)
            print(f"{endure.__name__[1:]}: {rows:,} rows in {time.monotonic() - began:.0f} s", flush=True)


async def _llama_cpp(here: Folder, rows: int) -> None:
    """Short answers of a tiny model, in a server that kandil starts, and that ends with each kill."""
    (here.path / "tiny.gguf").write_bytes(answering.model("yes"))
    here.write(batches.prompts(rows))
    whole = await _run(here, "whole.jsonl", "./tiny.gguf")
    assert whole.code == 0, whole.err
    assert await _killed(here, "killed.jsonl", "./tiny.gguf", rows) == KILLS
    assert here.texts("killed.jsonl") == here.texts("whole.jsonl")
    assert len(here.texts("whole.jsonl")) == rows


async def _llmock(here: Folder, rows: int) -> None:
    """What it answers is made of what it is asked."""
    here.write(batches.prompts(rows))
    with llmock(requests_per_minute=REQUESTS_PER_MINUTE) as server:
        here.add("mine", f"{server.url}/v1")
        whole = await _run(here, "whole.jsonl", "mine")
        assert whole.code == 0, whole.err
        began = _served(server)
        server.reset()
        seen: list[list[float]] = []

        def between(recorded: set[str]) -> None:
            again = recorded & {one.body["messages"][-1]["content"] for one in server.requests()}
            assert not again, f"{len(again)} rows were sent again"
            seen.append(_served(server))
            server.reset()

        assert await _killed(here, "killed.jsonl", "mine", rows, between) == KILLS
    assert here.texts("killed.jsonl") == here.texts("whole.jsonl")
    assert len(here.texts("whole.jsonl")) == rows
    print(f"  llmock: {_most(began):,} requests in its fullest minute, of {REQUESTS_PER_MINUTE:,} that it allows")


def _served(server: Llmock) -> list[float]:
    return [one.started_at for one in server.requests() if one.status == 200]


def _most(began: list[float]) -> int:
    """In any 60 seconds."""
    moments, most, first = sorted(began), 0, 0
    for last, moment in enumerate(moments):
        while moments[first] <= moment - 60:
            first += 1
        most = max(most, last - first + 1)
    assert most <= REQUESTS_PER_MINUTE, most
    return most


async def _run(here: Folder, output: str, model: str, **more: Any) -> Done:
    return await here.batch("-o", output, "-m", model, "--max-tokens", "4", deadline_seconds=3600, **more)


async def _killed(
    here: Folder, output: str, model: str, rows: int, between: Callable[[set[str]], object] = lambda _: None
) -> int:
    """How often it was killed before its end, each time when a random part of what was left was recorded."""
    moments, prompts = random.Random(6), {name: row["prompt"] for name, row in _named(rows)}
    for kills in range(KILLS + 1):
        before = here.texts(output)
        left = (rows - len(before)) // (KILLS + 1 - kills)
        async with trio.open_nursery() as nursery:
            started: list[trio.Process] = []
            if kills < KILLS:
                more = moments.randrange(1, 2 * left) if kills < KILLS - 1 else left
                nursery.start_soon(_kill_at, here.path / output, len(before) + more, started)
            done = await _run(here, output, model, began=started.append)
            nursery.cancel_scope.cancel()
        between({prompts[name] for name in before})
        assert before.items() <= _mended(here, output).items()
        if done.code == 0:
            return kills
    return KILLS + 1


def _mended(here: Folder, output: str) -> dict[str, str]:
    """The whole lines, the others being cut as the next run will."""
    path = here.path / output
    content = path.read_bytes()
    os.truncate(path, content.rfind(b"\n") + 1)
    return here.texts(output)


async def _kill_at(output: Path, lines: int, started: list[trio.Process]) -> None:
    counted, offset = 0, 0
    while counted < lines:
        await trio.sleep(0.02)
        new = _after(output, offset)
        counted, offset = counted + new.count(b"\n"), offset + len(new)
    started[0].kill()


def _after(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read()
    except FileNotFoundError:
        return b""


def _named(rows: int) -> Iterator[tuple[str, dict[str, str]]]:
    for line, row in enumerate(batches.prompts(rows), 1):
        yield row.get("custom_id", f"row-{line}"), row


@contextmanager
def _folder() -> Iterator[Folder]:
    with tempfile.TemporaryDirectory() as path:
        for what in ("DATA", "CONFIG", "CACHE", "STATE"):
            os.environ[f"KANDIL_{what}_DIR"] = f"{path}/.{what.lower()}"
        yield Folder(Path(path))


if __name__ == "__main__":
    main()
