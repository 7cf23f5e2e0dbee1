"""`kandil batch run` over bad networks, of servers that lie, onto disks that are full: everything received is kept."""

from __future__ import annotations

import json
import re
import resource
import shutil
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.support import batches
from tests.support.batches import Asked, Folder
from tests.support.servers import raw
from tests.support.servers.flaky import Fault, network

BAD = {
    "cut": Fault(ends_at=100),
    "cut in the body": Fault(ends_at=200),
    "nothing": Fault(ends_at=0),
    "reset": Fault(ends_at=150, how="reset"),
    "refused": Fault(refuse=True),
    "slow": Fault(bytes_per_second=4000),
    "late": Fault(delay_seconds=0.2),
}


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_network_loses_nothing(kind: str, here: Folder) -> None:
    rows = batches.prompts(60)
    here.write(rows)
    async with batches.serving() as server, network(server.url, *[BAD[kind]] * 4) as way:
        here.add("mine", f"{way.url}/v1")
        done = await here.batch("-c", "8", "--json")
        assert done.code == 0, done.err
    assert here.texts() == batches.answers(rows)
    assert done.report["retried"] == (0 if kind in ("slow", "late") else 4)


async def test_an_answer_that_stalls_is_asked_for_again(here: Folder) -> None:
    """Before its first byte, by `--timeout`."""
    rows = batches.prompts(10)
    here.write(rows)

    async def stalling(asked: Asked) -> batches.Reply:
        if asked.prompt.startswith("3 ") and asked.times == 1:
            await trio.sleep_forever()
        return batches.answer(asked)

    async with batches.serving(stalling) as server:
        here.add("mine", server.url)
        done = await here.batch("--timeout", "1s", "--json")
        assert done.code == 0, done.err
        assert len(server.asked) == 11
    assert here.texts() == batches.answers(rows)


async def test_an_answer_that_drips_for_ever_is_asked_for_again(here: Folder) -> None:
    """Each byte comes in time, and there is always one more: until six times `--timeout` are over."""
    here.write([{"prompt": "hi"}])
    dripped = 0

    async def answer(stream: trio.abc.Stream, _request: bytes) -> bool:
        nonlocal dripped
        if dripped:
            await stream.send_all(batches.chat("re: hi"))
            return False
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while True:
            await stream.send_all(b" ")
            dripped += 1
            await trio.sleep(0.05)

    async with raw.serving(answer) as server:
        here.add("mine", f"{server.url}v1")
        done = await here.batch("--timeout", "250ms", "--json")
        assert done.code == 0, done.err
    assert here.texts() == {"row-1": "re: hi"}
    assert dripped > 1
    assert done.report["retried"] == 1


async def test_nobody_listens(here: Folder) -> None:
    rows = batches.prompts(10)
    here.write(rows)
    async with batches.serving() as server:
        here.add("mine", server.url)
    done = await here.batch("--give-up-after", "1s", "--max-retries", "100", "--json")
    assert (done.code, done.report["error"]["code"], done.report["left"]) == (6, "server-given-up", 10), done
    assert here.names() == {"rows.jsonl", "results.jsonl.state.json"}
    status = await here.kandil("batch", "status", "results.jsonl")
    assert "stopped: " in status.out


GOOD = json.loads(batches.chat("x").partition(b"\r\n\r\n")[2])
MALFORMED = {
    "no JSON": b"<html>",
    "half of it": json.dumps(GOOD).encode()[:-20],
    "a list": b"[]",
    "a number": b"1e999",
    "empty": b"",
    "nested": b"[" * 100_000,
    "no choices": b'{"choices": {}}',
    "two of them": json.dumps(GOOD).encode() * 2,
}


@pytest.mark.parametrize("kind", MALFORMED)
async def test_an_answer_that_is_none_is_a_failed_row(kind: str, here: Folder) -> None:
    here.write(batches.prompts(12))

    def answer(asked: Asked) -> batches.Reply:
        return batches.reply(200, MALFORMED[kind]) if asked.prompt.startswith("5 ") else batches.answer(asked)

    async with batches.serving(answer) as server:
        here.add("mine", server.url)
        done = await here.batch("--max-retries", "1")
        assert done.code == 10, done.err
        assert sum(server.times.values()) == 13
    assert here.errors() == {"row-6": "reply_unreadable"}
    assert len(here.texts()) == 11


async def test_an_answer_of_any_length_stays_one_line(here: Folder) -> None:
    """Line feeds, all of Unicode's line ends, escapes: whatever a model says."""
    said = "\n\r\v\f\x1b[2J\x00\u2028\u2029\x85 \U0001f600 \ud800".encode("utf-8", "surrogatepass").decode(
        "utf-8", "replace"
    )
    here.write([{"prompt": "a", "custom_id": "x"}, {"prompt": "b"}])

    def answer(_: Asked) -> batches.Reply:
        spread = json.dumps(json.loads(batches.chat(said).partition(b"\r\n\r\n")[2]), indent=4)
        return batches.reply(200, spread.replace("\n", "\r\n").encode())

    async with batches.serving(answer) as server:
        here.add("mine", server.url)
        assert (await here.batch()).code == 0
        assert here.texts() == {"x": said, "row-2": said}
        assert len((here.path / "results.jsonl").read_bytes().split(b"\n")) == 3
        done = await here.batch()
        assert (done.code, len(server.asked)) == (0, 2)


async def test_what_is_no_text_is_replaced(here: Folder) -> None:
    here.write([{"prompt": "a"}])
    wrong = json.dumps(GOOD).encode().replace(b'"x"', b'"\xff\xfe"')
    async with batches.serving(lambda _: batches.reply(200, wrong)) as server:
        here.add("mine", server.url)
        assert (await here.batch()).code == 0
    assert set(here.texts()["row-1"]) == {"\ufffd"}


async def test_an_endless_answer_and_an_endless_head_end(here: Folder) -> None:
    here.write([{"prompt": "body"}, {"prompt": "head"}, {"prompt": "good"}])
    piece = b'{"a":"' + b"x" * (1 << 20)

    async def answer(stream: trio.abc.Stream, request: bytes) -> bool:
        if b'"good"' in request:
            await stream.send_all(batches.chat("re: good"))
            return False
        body = b'"body"' in request
        await stream.send_all(b"HTTP/1.1 200 OK\r\n" + (b"transfer-encoding: chunked\r\n\r\n" if body else b""))
        for number in range(100):
            await stream.send_all(b"100006\r\n%b\r\n" % piece if body else b"x-%d: %b\r\n" % (number, b"y" * 100_000))
        return True

    async with raw.serving(answer) as server:
        here.add("mine", f"{server.url}v1")
        done = await here.batch("--max-retries", "0", "--json")
        assert done.code == 10, done.err
    assert here.texts() == {"row-3": "re: good"}
    assert here.errors()["row-1"] == "reply_too_large"
    assert set(here.errors()) == {"row-1", "row-2"}
    assert sum(len(json.dumps(line)) for line in here.lines("results.errors.jsonl")) < 10_000


async def test_what_a_server_says_cannot_move_the_cursor(here: Folder) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\r\n\x9b1m\u202e"
    here.write([{"prompt": f"{number}"} for number in range(4)])

    def answer(asked: Asked) -> batches.Reply:
        return batches.refusal(401 if asked.prompt == "3" else 400, evil, evil)

    async with batches.serving(answer) as server:
        here.add("mine", server.url)
        done = await here.batch("-c", "1")
        assert done.code == 5, done.err
    status = await here.kandil("batch", "status", "results.jsonl")
    for told in (done.err, status.out, status.err):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", told), told
    assert len(here.errors()) == 3


async def test_a_full_disk_keeps_everything_elsewhere(here: Folder, home: Path) -> None:
    rows = [{"prompt": f"{number} " + "word " * 8_000} for number in range(600)]
    here.write(rows)
    largest = 10_000_000  # of each file: 24 MB of answers, of which 8 MiB may wait and are saved elsewhere

    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch(
            "-c", "16", "--json",
            began=lambda process: resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (largest, largest)),
        )  # fmt: skip
        assert (done.code, done.report["error"]["code"]) == (7, "output-unwritable"), done
        assert done.report["end"] == "error"
        sent = len(server.asked)
        assert sent < len(rows), "it stops when nothing can be kept"
        (place,) = rescued(home)
        assert str(place) in done.report["error"]["hint"]
        with (here.path / "results.jsonl").open("ab") as output:
            output.write(place.read_bytes())
        assert len(here.texts()) == sent, "everything received is kept"
        done = await here.batch()
        assert done.code == 0, done.err
        assert set(server.times.values()) == {1}
    assert here.texts() == batches.answers(rows)


def rescued(home: Path) -> list[Path]:
    return sorted(path for path in (home / ".local/state/kandil/rescued").rglob("*") if path.is_file())


async def test_a_folder_that_is_removed_keeps_everything_elsewhere(here: Folder, home: Path) -> None:
    rows = batches.prompts(300)
    here.write(rows)
    out = here.path / "there"
    out.mkdir()

    async with batches.serving() as server:
        here.add("mine", server.url)
        server.at(100, partial(shutil.rmtree, out))
        done = await here.batch("-c", "16", "-o", "there/results.jsonl", "--json")
        assert (done.code, done.report["error"]["code"]) == (7, "output-unwritable"), done
        sent = len(server.asked)
        (place,) = rescued(home)
        assert str(place) in done.report["error"]["hint"]
        out.mkdir()
        shutil.copy(place, out / "results.jsonl")
        assert len(here.texts("there/results.jsonl")) == sent
        done = await here.batch("-o", "there/results.jsonl")
        assert done.code == 0, done.err
        assert set(server.times.values()) == {1}
    assert here.texts("there/results.jsonl") == batches.answers(rows)


async def test_an_output_that_cannot_be_opened(here: Folder) -> None:
    here.write(batches.prompts(3))
    (here.path / "results.jsonl").mkdir()
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch()
        assert done.code in (1, 7), done
        assert "results.jsonl" in done.err
        assert not server.asked
