"""`kandil review` from where it is called to how it ends: places, what is kept, what is not asked again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trio

from tests.assist.repositories import made
from tests.cli.test_review import CODE, said
from tests.support.servers.scripted import REFUSE, Scripted, kandil

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def reviewer(tmp_path: Path) -> Scripted:
    return Scripted(made(tmp_path / "project", app_py=CODE), answers=[said({})])


class Unkeyed(Scripted):
    """Takes no key."""

    async def _answer(self, stream: trio.abc.Stream, request: bytes) -> None:
        self.prompts.append("")
        body = b'{"error": {"message": "no such key", "code": "invalid_api_key"}}'
        head = b"HTTP/1.1 401 No\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        await stream.send_all(head + body)


async def test_places_lead_there_from_where_one_is(reviewer: Scripted) -> None:
    top, sub = reviewer.folder, reviewer.folder / "sub"
    sub.mkdir()
    (sub / "b.py").write_text(CODE)
    for folder, places in ((top, ["app.py", "sub/b.py"]), (sub, ["../app.py", "b.py"])):
        reviewer.folder = folder
        done = await reviewer.run("review", str(top))
        assert [line for line in done.stdout.decode().splitlines() if line.startswith("high")] == [
            f"high bug {place}:2" for place in places
        ]
        report = await reviewer.json("review", str(top))
        assert (report["root"], [one["path"] for one in report["findings"]]) == (str(top), ["app.py", "sub/b.py"])
        notes = await reviewer.run("review", str(top), "--github")
        assert b"file=sub/b.py,line=2," in notes.stdout
    reviewer.folder = top.parent
    (elsewhere := top.parent / "elsewhere").mkdir()
    reviewer.folder = elsewhere
    assert (await reviewer.run("review", str(top / "app.py"))).stdout.startswith(f"high bug {top}/app.py:2".encode())


async def test_a_key_that_is_not_taken_is_not_tried_again(reviewer: Scripted) -> None:
    for number in range(20):
        (reviewer.folder / f"m{number}.py").write_text(CODE)
    unkeyed = Unkeyed(reviewer.folder)
    done = await unkeyed.run("review", ".", "--concurrency", "2", "--save", "../kept.json")
    assert done.returncode == 5, done.stderr
    assert len(unkeyed.prompts) <= 2
    kept = json.loads((reviewer.folder / "../kept.json").read_text())
    assert len(kept["calls"]) == len(unkeyed.prompts), "what was asked is told although nothing came of it"


async def test_what_was_paid_for_is_kept_though_nobody_reads(reviewer: Scripted) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "kandil", "review", ".", "-m", "mine"]
    async with reviewer.serving():
        files = ["--save", "../kept.json", "--sarif", "../kept.sarif", "--write-baseline", "../known.json"]
        done = await trio.run_process(
            [*command, *files], cwd=reviewer.folder, stdin=subprocess.DEVNULL, stdout=writer, check=False
        )
    os.close(writer)
    assert done.returncode == 141
    kept, log, known = (
        json.loads((reviewer.folder.parent / name).read_text()) for name in ("kept.json", "kept.sarif", "known.json")
    )
    assert (kept["found"], len(log["runs"][0]["results"]), len(known["fingerprints"])) == (1, 1, 1)


async def test_what_cannot_be_kept_is_shown_at_least(reviewer: Scripted) -> None:
    (reviewer.folder.parent / "kept").mkdir()

    def emptied(_: str) -> str:
        (reviewer.folder.parent / "kept").rmdir()
        return said({})

    reviewer.answer = emptied
    done = await reviewer.run("review", ".", "--sarif", "../kept/out.sarif")
    assert (done.returncode, done.stdout[:9]) == (1, b"high bug ")
    assert b"cannot write" in done.stderr


async def test_a_baseline_keeps_what_was_known(reviewer: Scripted) -> None:
    await reviewer.run("review", ".", "--write-baseline", "../known.json")
    reviewer.answers = [said({"start_line": 6, "quote": "return n"})]
    both = ("--baseline", "../known.json", "--write-baseline", "../known.json")
    assert (await reviewer.json("review", ".", *both))["found"] == 1
    reviewer.answers = [said({}, {"start_line": 6, "quote": "return n"})]
    report = await reviewer.json("review", ".", "--baseline", "../known.json")
    assert (report["found"], report["known"]) == (0, 2)


async def test_of_many_that_are_not_sent_a_few_are_told(reviewer: Scripted) -> None:
    for number in range(30):
        (reviewer.folder / f"{number:02}.key").write_text("x\n")
    done = await reviewer.run("review", ".")
    assert done.stderr.count(b"not sent: ") == 21
    assert b"not sent: 10 more, which --dry-run lists\n" in done.stderr
    assert (await reviewer.run("review", ".", "--dry-run")).stderr.count(b"not sent: ") == 30


async def test_there_may_be_nothing_to_review(reviewer: Scripted) -> None:
    done = await reviewer.run("review", "--diff")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"there is nothing to review\n")
    assert reviewer.prompts == []


async def test_an_answer_among_other_words_is_read(reviewer: Scripted) -> None:
    for text in (f"```json\n{said({})}\n```", f"Here it is:\n\n{said({})}\n\nI hope that it helps."):
        reviewer.answers = [text]
        assert (await reviewer.json("review", "."))["found"] == 1
        assert len(reviewer.prompts) == 1


async def test_of_an_answer_that_was_cut_off_the_whole_findings_are_kept(reviewer: Scripted) -> None:
    for end in (', {"start_line": 2, "end_li', ', {"message": "an { and a', ""):
        reviewer.answers = [said({})[:-2] + end]
        report = await reviewer.json("review", ".")
        assert (report["found"], report["reviewed"], len(reviewer.prompts)) == (1, 0, 1)
        assert report["failed"][0]["reason"] == "the answer was cut off; what came before is kept"


async def test_all_that_fails_for_its_own_reasons_is_told(reviewer: Scripted) -> None:
    (reviewer.folder / "b.py").write_text(CODE)
    reviewer.answers = [REFUSE, said({})]
    report = await reviewer.json("review", ".", "--concurrency", "1")
    assert (report["reviewed"], [one["first_line"] for one in report["failed"]]) == (1, [1])


@pytest.mark.parametrize(
    ("args", "code", "said_of_it"),
    [
        ((), 2, "name a PATH, or say --diff or --staged."),
        (("--diff", "--staged"), 2, "--staged and --diff are two things."),
        (("nowhere.py",), 2, "nowhere.py is not there"),
        (("",), 2, "an empty path names nothing."),
        (("--diff", "nope"), 2, "nope is no revision"),
        ((".", "--save", "-"), 2, "--save needs a file."),
        ((".", "--write-baseline", "-"), 2, "--write-baseline needs a file."),
        ((".", "--baseline", "nowhere.json"), 2, "nowhere.json is no baseline: No such file or directory"),
        ((".", "--json", "--github"), 2, "of --json, --github and --sarif - one alone goes to stdout."),
    ],
)
async def test_what_cannot_be_done_is_said_before_anything_is(
    reviewer: Scripted, args: tuple[str, ...], code: int, said_of_it: str
) -> None:
    done = await kandil(reviewer.folder, "review", "-m", "mine", *args)
    assert done.returncode == code
    assert said_of_it in done.stdout.decode() + done.stderr.decode()
