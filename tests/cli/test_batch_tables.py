"""Rows out of tables: CSV, TSV, Parquet."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from tests.support import batches
from tests.support.batches import Folder

TEMPLATE = ("--template", "{{name}} of {{town}}")


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def run(here: Folder, name: str, *args: str, **more: Any) -> batches.Done:
    async with batches.serving() as server:
        here.add("mine", server.url)
        return await here.batch(*args, rows=name, **more)


async def refused(here: Folder, name: str, content: str | bytes, *args: str) -> str:
    """What is said of a table that is none; nothing was sent, and nothing is left."""
    (here.path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch(*args, rows=name)
    assert done.code == 2, done.err
    assert server.asked == []
    assert here.names() == {name}
    return done.err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("people.csv", 'name,town\nAda,London\n"Grace, Brewster",New York\n'),
        ("people.CSV", '\ufeffname,town\r\nAda,London\r\n\r\n"Grace, Brewster",New York\r\n'),
        ("people.csv", "name;town\nAda;London\nGrace, Brewster;New York\n"),
        ("people.tsv", "name\ttown\nAda\tLondon\nGrace, Brewster\tNew York"),
    ],
)
async def test_columns_are_what_a_template_names(here: Folder, name: str, content: str) -> None:
    (here.path / name).write_bytes(content.encode())
    done = await run(here, name, *TEMPLATE)
    assert done.code == 0, done.err
    assert set(here.texts().values()) == {"re: Ada of London", "re: Grace, Brewster of New York"}
    assert here.names() == {name, "results.jsonl", "results.jsonl.state.json"}


async def test_what_looks_like_a_number_stays_as_it_is_written(here: Folder) -> None:
    (here.path / "t.csv").write_text('name,town\n007,1e3\n"",true\n')
    await run(here, "t.csv", *TEMPLATE)
    assert here.texts() == {"row-2": "re: 007 of 1e3", "row-3": "re:  of true"}


async def test_rows_are_named_by_their_lines_or_by_their_column(here: Folder) -> None:
    (here.path / "t.csv").write_text('name,town\n"Ada\nKing",London\nGrace,"New\n\nYork"\nx,y\n')
    await run(here, "t.csv", *TEMPLATE)
    ada, grace = "re: Ada\nKing of London", "re: Grace of New\n\nYork"
    assert here.texts() == {"row-2": ada, "row-4": grace, "row-7": "re: x of y"}
    (here.path / "named.csv").write_text("custom_id,prompt\n17,hi\na b,ho\n")
    assert (await run(here, "named.csv", "-o", "named.jsonl")).code == 0
    assert here.texts("named.jsonl") == {"17": "re: hi", "a b": "re: ho"}


async def test_a_table_goes_on_after_a_stop(here: Folder) -> None:
    (here.path / "t.csv").write_text("prompt\n" + "".join(f"{number}\n" for number in range(100)))
    async with batches.serving() as server:
        here.add("mine", server.url)
        assert (await here.batch("--shard", "1/2", rows="t.csv")).code == 0
        first = len(server.asked)
        assert 0 < first < 100
        assert (await here.batch(rows="t.csv")).code == 0
    assert here.texts() == {f"row-{number + 2}": f"re: {number}" for number in range(100)}
    assert set(server.times.values()) == {1}


async def test_errors_name_the_table_and_the_line(here: Folder) -> None:
    (here.path / "t.csv").write_text("custom_id,prompt\na,hi\na,ho\n")
    done = await run(here, "t.csv")
    assert done.code == 2
    assert "t.csv" in done.err
    assert "lines 2 and 3" in done.err or "line 3" in done.err


async def test_what_is_no_table_is_refused(here: Folder) -> None:
    assert "line 3 has 1 fields, and the head has 2" in await refused(here, "a.csv", "x,y\n1,2\n3\n", *TEMPLATE)
    assert "two columns are named 'x'" in await refused(here, "a.csv", "x,x\n1,2\n", *TEMPLATE)
    assert "no head" in await refused(here, "a.csv", "", *TEMPLATE)
    assert "not UTF-8" in await refused(here, "a.csv", b"name,town\n\xff,2\n", *TEMPLATE)
    assert "line 2" in await refused(here, "a.csv", 'name,town\n"a"b,2\n', *TEMPLATE)


async def test_a_table_can_be_divided(here: Folder) -> None:
    (here.path / "t.csv").write_text("prompt\n" + "".join(f"{number}\n" for number in range(100)))
    done = await here.kandil("batch", "split", "t.csv", "--shards", "2")
    assert done.code == 0, done.err
    assert here.names() == {"t.csv", "t-00001-of-00002.jsonl", "t-00002-of-00002.jsonl"}
    parts = here.lines("t-00001-of-00002.jsonl") + here.lines("t-00002-of-00002.jsonl")
    assert {(row["custom_id"], row["prompt"]) for row in parts} == {(f"row-{n + 2}", str(n)) for n in range(100)}


async def test_parquet_has_types_and_conversations(here: Folder) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [
        {"custom_id": 1, "name": "Ada", "born": dt.date(1815, 12, 10), "town": None},
        {"custom_id": 2, "name": "Grace", "born": dt.date(1906, 12, 9), "town": "New York"},
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), here.path / "t.parquet")
    done = await run(here, "t.parquet", "--template", "{{name}}, {{born}}")
    assert done.code == 0, done.err
    assert here.texts() == {"1": "re: Ada, 1815-12-10", "2": "re: Grace, 1906-12-09"}
    chats = [{"messages": [{"role": "user", "content": f"hi {number}"}]} for number in range(5000)]
    parquet.write_table(pyarrow.Table.from_pylist(chats), here.path / "chats.parquet", row_group_size=700)
    assert (await run(here, "chats.parquet", "-o", "chats.jsonl")).code == 0
    assert here.texts("chats.jsonl") == {f"row-{number + 1}": f"re: hi {number}" for number in range(5000)}
    (here.path / "bad.parquet").write_bytes(b"PAR1 no PAR1")
    done = await run(here, "bad.parquet", "-o", "bad.jsonl", *TEMPLATE)
    assert (done.code, "bad.parquet: it cannot be read as Parquet" in done.err) == (2, True)


async def test_parquet_without_its_extra_says_what_to_install(here: Folder) -> None:
    (here.path / "t.parquet").write_bytes(b"PAR1")
    (here.path / "pyarrow.py").write_text("raise ImportError")
    done = await run(here, "t.parquet", PYTHONPATH=str(here.path))
    assert done.code != 0
    assert "pip install 'kandil[data]'" in done.err
