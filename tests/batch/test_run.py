"""Runs that do not go on as they began."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import batches
from tests.support.batches import Folder


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_an_ordered_run_goes_on_without_order_and_back(here: Folder) -> None:
    rows = batches.prompts(30)
    here.write(rows)
    output, part = here.path / "results.jsonl", here.path / "results.jsonl.part"
    async with batches.serving() as server:
        here.add("mine", server.url)
        assert (await here.batch()).code == 0
        lines = output.read_text().splitlines(keepends=True)
        part.write_text("".join(lines[:20]))  # as an ordered run leaves it that was stopped
        output.unlink()
        assert (await here.batch()).code == 0
        assert len(server.asked) == 40
        assert not part.exists()
        assert (await here.batch("--ordered")).code == 0
        assert len(server.asked) == 40
    assert list(here.texts().items()) == list(batches.answers(rows).items())


async def test_what_cannot_be_put_in_order_is_kept(here: Folder) -> None:
    rows = batches.prompts(10)
    here.write(rows)
    obstacle = here.path / "results.jsonl.new"
    obstacle.mkdir()
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch("--ordered")
        assert done.code == 7, done.err
        assert here.texts("results.jsonl.part") == batches.answers(rows)
        obstacle.rmdir()
        assert (await here.batch("--ordered")).code == 0
        assert len(server.asked) == 10
    assert list(here.texts()) == list(batches.answers(rows))


@pytest.mark.parametrize("usd", ["1e9", "inf"])
async def test_more_money_than_there_is(usd: str, here: Folder) -> None:
    rows = batches.prompts(3)
    here.write(rows)
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch("--budget", usd)
        assert done.code == 0, done.err
    assert here.texts() == batches.answers(rows)


async def test_where_no_row_can_be_sent_that_is_said(here: Folder) -> None:
    here.write(["nonsense", "{}"])
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch("--skip-invalid")
    assert done.code == 2
    assert "line 1" in done.err


async def test_a_cache_that_cannot_be_is_said(here: Folder) -> None:
    here.write(batches.prompts(3))
    (here.path / "file").touch()
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch("--cache", XDG_CACHE_HOME=str(here.path / "file"))
    assert done.code == 1, done.err
    assert "cannot write" in done.err
