"""`kandil.batch` and `kandil.complete_many`, with a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

import kandil
from kandil.errors import KeyRejected
from tests.support import batches
from tests.support.batches import Folder


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_results_stand_where_their_rows_do(here: Folder) -> None:
    rows = [f"{number} words" for number in range(600)]
    async with batches.serving() as server:
        here.add("mine", server.url)
        results = await kandil.complete_many(rows, model="mine", concurrency=50)
    assert [result.text for result in results] == [f"re: {row}" for row in rows]
    assert results[0].custom_id == "row-1"


async def test_rows_may_come_one_by_one(here: Folder) -> None:
    """Each is answered before the next one is there."""
    answered: list[str] = []

    async def asked() -> AsyncIterator[str]:
        for number in range(5):
            while len(answered) < number:  # noqa: ASYNC110 - nobody says when
                await trio.sleep(0.001)
            yield f"{number} words"

    async with batches.serving() as server:
        here.add("mine", server.url)
        with trio.fail_after(batches.DEADLINE_SECONDS):
            async with kandil.batch("mine") as ready:
                async for result in ready.run(asked()):
                    answered.append(result.text)  # noqa: PERF401 - the rows wait for it
    assert answered == [f"re: {number} words" for number in range(5)]


async def test_whoever_wants_no_more_results_leaves(here: Folder) -> None:
    async with batches.serving() as server:
        here.add("mine", server.url)
        async with kandil.batch("mine", concurrency=10) as ready:
            async for result in ready.run(f"{number}" for number in range(100_000)):
                assert result.text
                break
        assert len(server.asked) < 100_000


async def test_errors_are_raised_as_themselves(here: Folder) -> None:
    """And not in groups, as of a nursery."""
    async with batches.serving(lambda _: batches.refusal(401, "no")) as server:
        here.add("mine", server.url)
        with pytest.raises(KeyRejected):
            await kandil.complete_many(["a", "b"], model="mine")
    async with batches.serving() as server:
        here.add("mine", server.url)
        with pytest.raises(ValueError, match="two rows have the custom_id 'a'"):
            await kandil.complete_many([{"custom_id": "a", "prompt": "x"}] * 2, model="mine")
        with pytest.raises(TypeError):
            await kandil.complete_many([["no message"]], model="mine")  # type: ignore[list-item]
        with pytest.raises(LookupError, match="mine own"):  # noqa: PT012
            async with kandil.batch("mine") as ready:
                async for _ in ready.run(["a"]):
                    raise LookupError("mine own")


async def test_what_the_budget_does_not_allow_is_said(here: Folder) -> None:
    async with batches.serving() as server:
        here.add("mine", server.url, price=(1, 2))
        results = await kandil.complete_many(["a", "b"], model="mine", budget_usd=1e-9)
        assert not server.asked
    assert [(result.custom_id, result.error and result.error.code) for result in results] == [
        ("row-1", "budget"),
        ("row-2", "budget"),
    ]
