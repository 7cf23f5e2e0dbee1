"""`kandil inspect --findings`, `--strict` and `--sarif`: what is wrong with one file, and whether it is let pass."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

import kandil
from kandil.cli import inspect_findings
from kandil.cli.terminal import Paint
from tests.cli.conftest import type_of_run
from tests.support import gguf_hostile, gguf_hostile_tensors, small_library


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    contents = {
        "sound": small_library.gguf("sound"),
        "odd": gguf_hostile_tensors.program_after_the_data(),
        "bad": gguf_hostile_tensors.tensor_name_climbs(),
        "both": gguf_hostile_tensors.tensor_name_climbs() + bytes(100),
        "many": gguf_hostile.a_thousand_bad_names(),
        "page": gguf_hostile.html_page(),
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.gguf").write_bytes(content)


@pytest.mark.parametrize(
    ("name", "code", "strict"), [("sound", 0, 0), ("odd", 0, 8), ("bad", 8, 8), ("both", 8, 8), ("page", 8, 8)]
)
def test_what_is_suspicious_passes_unless_strict(run: type_of_run, name: str, code: int, strict: int) -> None:
    for view in ((), ("--findings",), ("--metadata", "--tensors"), ("--json",)):
        assert run("inspect", f"{name}.gguf", *view).returncode == code
        assert run("inspect", f"{name}.gguf", *view, "--strict").returncode == strict


def test_in_a_pipe_there_is_a_line_a_finding_and_nothing_else(run: type_of_run) -> None:
    assert run("inspect", "--findings", "sound.gguf").stdout == ""
    lines = run("inspect", "--findings", "both.gguf").stdout.splitlines()
    assert [line.split(maxsplit=2)[:2] for line in lines] == [
        ["malicious", "KG-TEN-PATH:"],
        ["suspicious", "KG-SLACK-TRAIL:"],
    ]


def test_what_is_no_gguf_file_is_a_finding(run: type_of_run) -> None:
    done = run("inspect", "--findings", "page.gguf")
    assert done.stdout.startswith("malformed   KG-HDR-MAGIC: not a GGUF file: it is an HTML page")
    assert done.stderr == ""


def test_on_a_terminal_each_rule_is_explained_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    findings = kandil.Header.open(tmp_path / "many.gguf").findings
    inspect_findings.show("many.gguf", findings, Paint(io.StringIO()), explain=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "many.gguf"
    assert sum("KG-KEY-CTRL: " in line for line in lines) == 100
    assert sum(line.split()[:1] == ["why"] for line in lines) == len({finding.id for finding in findings}) == 2
    assert lines[2].startswith("            why          Programs that list keys on a terminal")


def test_on_a_terminal_a_sound_file_is_said_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    inspect_findings.show("a\x1b.gguf", [], Paint(io.StringIO()), explain=True)
    assert capsys.readouterr().out == "a\\x1b.gguf\nnothing was found\n"


def test_json_has_the_findings_and_whether_they_block(run: type_of_run) -> None:
    for strict in (False, True):
        found = json.loads(run("inspect", "--findings", "--json", "odd.gguf", *["--strict"] * strict).stdout)
        assert (found["schema"], found["path"], found["blocked"]) == ("kandil.inspect-findings/1", "odd.gguf", strict)
        (one,) = found["findings"]
        assert (one["id"], one["severity"]) == ("KG-SLACK-TRAIL", "suspicious")
        assert isinstance(one["offset"], int)


def test_the_page_says_how_to_learn_more(run: type_of_run) -> None:
    lines = run("inspect", "both.gguf").stdout.splitlines()
    assert lines[-1].strip().startswith("→ `kandil rules KG-TEN-PATH` explains the finding")
    assert "kandil rules" not in run("inspect", "sound.gguf").stdout


def test_findings_are_written_as_sarif(run: type_of_run, tmp_path: Path) -> None:
    done = run("inspect", "--sarif", "out.sarif", "both.gguf")
    assert done.returncode == 8
    assert done.stdout.startswith("both.gguf\n")
    written = (tmp_path / "out.sarif").read_text()
    assert run("inspect", "--sarif", "-", "both.gguf").stdout == written
    (only,) = json.loads(written)["runs"]
    assert only["invocations"][0]["exitCode"] == 8
    assert [result["ruleId"] for result in only["results"]] == ["KG-TEN-PATH", "KG-SLACK-TRAIL"]
    assert json.loads(run("inspect", "--sarif", "-", "page.gguf").stdout)["runs"][0]["results"][0]["level"] == "error"


@pytest.mark.parametrize(
    "options",
    [
        ("--findings", "--tensors"),
        ("--findings", "--metadata"),
        ("--findings", "--key", "general.name"),
        ("--strict", "--key", "general.name"),
        ("--sarif", "-", "--json"),
        ("--sarif", "-", "--findings"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(run: type_of_run, options: tuple[str, ...]) -> None:
    assert run("inspect", "sound.gguf", *options).returncode == 2
