"""`kandil review --sarif`: findings where they stand, what is new, what was not reviewed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.assist.repositories import made
from tests.cli.test_review import CODE, said
from tests.cli.test_sarif import path_of, print_of, run_of
from tests.support.servers.scripted import REFUSE, WAIT, Scripted


@pytest.fixture
def reviewer(tmp_path: Path) -> Scripted:
    return Scripted(made(tmp_path / "project", app_py=CODE), answers=[said({})])


async def log_of(reviewer: Scripted, *args: str) -> dict[str, Any]:
    done = await reviewer.run("review", *args, "--sarif", "-")
    return run_of(done.stdout.decode())


async def test_a_finding_is_a_result(reviewer: Scripted) -> None:
    wide = {"start_line": 5, "quote": "def whole(n):\n    return n", "severity": "low", "category": "clarity"}
    reviewer.answers = [said({}, wide | {"suggestion": ""})]
    log = await log_of(reviewer, ".")
    high, low = log["results"]
    assert (high["ruleId"], high["level"], high["properties"]) == ("bug", "error", {"severity": "high"})
    assert (low["ruleId"], low["level"], low["message"]) == ("clarity", "note", {"text": "divides by zero"})
    assert high["message"]["text"] == "divides by zero Suggestion: divide by 2"
    assert path_of(high, log) == bytes(reviewer.folder / "app.py")
    regions = [one["locations"][0]["physicalLocation"]["region"] for one in (high, low)]
    assert regions == [
        {"startLine": 2, "endLine": 2, "snippet": {"text": "    return n / 0"}},
        {"startLine": 5, "endLine": 6, "snippet": {"text": "def whole(n):\n    return n"}},
    ]
    assert "baselineState" not in high
    assert log["automationDetails"] == {"id": "kandil-review/"}


async def test_paths_start_from_the_top_of_the_repository(reviewer: Scripted) -> None:
    top, sub = reviewer.folder, reviewer.folder / "sub dir"
    sub.mkdir()
    (sub / "é.py").write_text(CODE)
    reviewer.folder = sub
    log = await log_of(reviewer, ".")
    (place,) = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in log["results"]}
    assert place == "sub%20dir/%C3%A9.py"
    assert path_of(log["results"][0], log) == bytes(sub / "é.py")
    assert log["originalUriBaseIds"]["%SRCROOT%"]["uri"] == f"file://{top}/"


async def test_what_was_known_before_says_so(reviewer: Scripted) -> None:
    first = await log_of(reviewer, ".", "--write-baseline", "../known.json")
    reviewer.answers = [said({}, {"start_line": 6, "quote": "return n"})]
    (reviewer.folder / "app.py").write_text("import os\n" + CODE)
    log = await log_of(reviewer, ".", "--baseline", "../known.json")
    states = {one["baselineState"]: one for one in log["results"]}
    assert set(states) == {"new", "unchanged"}
    assert print_of(states["unchanged"]) == print_of(first["results"][0])
    assert states["unchanged"]["locations"][0]["physicalLocation"]["region"]["startLine"] == 3


async def test_what_was_not_reviewed_is_told(reviewer: Scripted) -> None:
    (reviewer.folder / "b.py").write_text(CODE)
    reviewer.answers = [REFUSE, said({})]
    log = await log_of(reviewer, ".", "--concurrency", "1")
    (invocation,) = log["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"], len(log["results"])) == (False, 10, 1)
    (told,) = invocation["toolExecutionNotifications"]
    assert told["message"]["text"].startswith("not reviewed: ")
    assert told["locations"][0]["physicalLocation"]["region"] == {"startLine": 1, "endLine": 6}


async def test_hostile_words_are_neither_links_nor_controls(reviewer: Scripted) -> None:
    reviewer.answers = [said({"message": "see [here](https://evil.example) \x1b[2J\u202e", "suggestion": ""})]
    log = await log_of(reviewer, ".")
    assert log["results"][0]["message"]["text"] == r"see [here] (https://evil.example) \x1b[2J\u202e"


async def test_beside_the_log_the_findings_go_to_standard_error(reviewer: Scripted) -> None:
    done = await reviewer.run("review", ".", "--sarif", "-")
    assert done.stderr.startswith(b"high bug app.py:2\n")
    written = await reviewer.run("review", ".", "--sarif", "out.sarif")
    assert written.stdout.startswith(b"high bug app.py:2\n")
    assert json.loads((reviewer.folder / "out.sarif").read_text()) == json.loads(done.stdout)
    for other in ("--json", "--github"):
        assert (await reviewer.run("review", ".", "--sarif", "-", other)).returncode == 2


async def test_of_a_review_that_was_stopped_there_is_no_log(reviewer: Scripted) -> None:
    reviewer.answers = [WAIT]
    done = await reviewer.run("review", ".", "--sarif", "out.sarif")
    assert done.returncode == 130
    assert not (reviewer.folder / "out.sarif").exists()


async def test_where_it_cannot_be_written_nothing_is_sent(reviewer: Scripted) -> None:
    done = await reviewer.run("review", ".", "--sarif", "nowhere/out.sarif")
    assert (done.returncode, reviewer.prompts) == (1, [])
