"""`kandil batch run` onto outputs that are there: torn, damaged, somebody else's; and onto inputs that have changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from tests.support import batches
from tests.support.batches import Asked, Folder


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def answered(here: Folder, rows: list[dict[str, str]]) -> bytes:
    """All rows are, and the output is given."""
    here.write(rows)
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch()
        assert done.code == 0, done.err
    return (here.path / "results.jsonl").read_bytes()


async def test_a_torn_last_line_is_asked_for_again_wherever_it_is_torn(here: Folder) -> None:
    rows = batches.prompts(12)
    whole = await answered(here, rows)
    output = here.path / "results.jsonl"
    last = whole.rstrip(b"\n").rindex(b"\n") + 1
    async with batches.serving() as server:
        here.add("mine", server.url)
        for end in (last + 1, last + 20, last + 60, len(whole) - 20, len(whole) - 2, len(whole) - 1):
            output.write_bytes(whole[:end])
            start = len(server.asked)
            done = await here.batch()
            assert done.code == 0, done.err
            lost = end < len(whole) - 1  # else it is whole but for its line feed
            assert len(server.asked) == start + lost
            assert ("cut off" in done.err) == lost
            assert here.texts() == batches.answers(rows)


async def test_damage_in_the_middle_is_moved_aside(here: Folder) -> None:
    rows = batches.prompts(12)
    lines = (await answered(here, rows)).splitlines(keepends=True)
    damaged = [lines[3][:50] + b"\n", b"\x00" * (len(lines[5]) - 1) + b"\n", lines[7].replace(b"{", b"(")]
    lines[3], lines[5], lines[7] = damaged
    (here.path / "results.jsonl").write_bytes(b"".join(lines))
    async with batches.serving() as server:
        here.add("mine", server.url)
        before = {path: path.read_bytes() for path in here.path.iterdir()}
        assert (await here.batch("--dry-run")).code == 0
        assert {path: path.read_bytes() for path in here.path.iterdir()} == before, "looking changes nothing"
        done = await here.batch()
        assert done.code == 0, done.err
        assert len(server.asked) == 3
    assert "warning: " in done.err
    assert "results.jsonl.damaged" in done.err
    assert here.texts() == batches.answers(rows)
    kept = (here.path / "results.jsonl.damaged").read_bytes()
    assert all(part.strip() in kept for part in damaged)


@pytest.mark.parametrize("content", ["my thesis\n", '{"custom_id": "a", "text": "b"}\n', "\n\n1\n"])
async def test_somebody_elses_file_is_not_touched(content: str, here: Folder) -> None:
    here.write(batches.prompts(3))
    async with batches.serving() as server:
        here.add("mine", server.url)
        for name in ("results.jsonl", "results.errors.jsonl"):
            (here.path / name).write_text(content)
            done = await here.batch("--json")
            assert (done.code, done.report["error"]["code"]) == (2, "output-foreign"), done
            assert (here.path / name).read_text() == content
            assert here.names() == {"rows.jsonl", name}
            (here.path / name).unlink()
        assert not server.asked


async def test_rows_that_have_changed_are_asked_for_again_if_so_wanted(here: Folder) -> None:
    rows = batches.prompts(10)
    before = await answered(here, rows)
    rows[2]["prompt"] = "something else"
    rows[9]["prompt"] = "and this"
    here.write(rows)
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch("--json")
        assert (done.code, done.report["error"]["code"]) == (2, "rows-changed"), done
        assert "row-3" in done.report["error"]["message"]
        assert (here.path / "results.jsonl").read_bytes() == before
        done = await here.batch("--max-tokens", "5", "--json")
        assert done.report["error"]["code"] == "rows-changed", "all of them have"
        done = await here.batch("--replace-changed")
        assert done.code == 0, done.err
        assert sorted(server.asked) == ["and this", "something else"]
    assert here.texts() == batches.answers(rows)


async def test_more_rows_may_come_and_others_go(here: Folder) -> None:
    rows = batches.prompts(12)
    await answered(here, rows[:10])
    here.write(rows)
    async with batches.serving() as server:
        here.add("mine", server.url)
        assert (await here.batch()).code == 0
        assert len(server.asked) == 2
        here.write(rows[:5])
        done = await here.batch()
        assert (done.code, len(server.asked)) == (0, 2), done.err
    assert here.texts() == batches.answers(rows), "what was answered stays"


async def test_an_input_that_changes_under_the_run_stops_it(here: Folder) -> None:
    """What it read is another file's than what it would read."""
    rows = [{"prompt": f"{number} " + "word " * 400} for number in range(3_000)]
    here.write(rows)
    changed = trio.Event()

    async def held(asked: Asked) -> batches.Reply:
        await changed.wait()
        return batches.answer(asked)

    def change() -> None:
        rows[2_900]["prompt"] = "something else"
        here.write(rows)
        changed.set()

    async with batches.serving(held) as server:
        here.add("mine", server.url)
        server.at(16, change)
        done = await here.batch("-c", "16", "--json")
        assert (done.code, done.report["error"]["code"]) == (1, "batch-stopped"), done
        assert "changed" in done.report["error"]["message"]
        assert 0 < len(here.texts()) == len(server.asked) < 3_000, "what was received is kept"
        done = await here.batch()
        assert done.code == 0, done.err
        assert set(server.times.values()) == {1}
    assert here.texts() == batches.answers(rows)


async def test_a_second_run_touches_nothing_of_the_first(here: Folder) -> None:
    """Not even a line that the first is just writing, which looks torn."""
    here.write(batches.prompts(40))
    written, over = trio.Event(), trio.Event()

    def heard(line: str) -> None:
        if line.startswith("{") and json.loads(line)["written"] == 20:
            written.set()

    async def answer(asked: Asked) -> batches.Reply:
        if len(server.asked) > 20:
            await over.wait()
        return batches.answer(asked)

    async with batches.serving(answer) as server, trio.open_nursery() as nursery:
        here.add("mine", server.url)

        async def second() -> None:
            await written.wait()
            output = here.path / "results.jsonl"
            with output.open("ab") as half:
                half.write(b'{"id":"batch_req_')
            before = output.read_bytes()
            for more in ((), ("--replace-changed", "--retry-failed"), ("--ordered",), ("--shard", "1/2")):
                done = await here.batch(*more, "--json")
                assert (done.code, done.report["error"]["code"]) == (1, "output-busy"), done
            assert (await here.batch("--dry-run")).code == 0
            assert output.read_bytes() == before
            over.set()

        nursery.start_soon(second)
        done = await here.batch("-c", "20", "--progress", "json", hears=heard)
        assert done.code == 0, done.err
    lines = [line for line in (here.path / "results.jsonl").read_bytes().splitlines() if line.startswith(b'{"id')]
    assert len(lines) >= 39


async def test_what_a_killed_run_left_half_written_goes(here: Folder) -> None:
    """And nothing that only looks like it."""
    left = {".results.jsonl.state.json.abcd_123", ".results.jsonl.abcd_123.rows"}
    others = {
        ".results.jsonl.rows",
        ".results.jsonl.state.json",
        "results.jsonl.abcd_123.rows",
        ".x.jsonl.abcd_123.rows",
    }
    for name in left | others:
        (here.path / name).touch()
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch(rows="-", stdin=b'{"prompt": "a"}\n')
        assert done.code == 0, done.err
    assert here.names() == others | {"results.jsonl", "results.jsonl.state.json"}


@pytest.mark.parametrize("name", ["results.jsonl", "results.errors.jsonl"])
async def test_results_are_for_their_owner_alone(name: str, here: Folder) -> None:
    here.write([{"prompt": "a"}, {"prompt": "b"}])

    def answer(asked: Asked) -> batches.Reply:
        return batches.refusal(400, "no") if asked.prompt == "b" else batches.answer(asked)

    async with batches.serving(answer) as server:
        here.add("mine", server.url)
        assert (await here.batch()).code == 10
    assert (here.path / name).stat().st_mode & 0o077 == 0
    json.loads((here.path / name).read_text())
