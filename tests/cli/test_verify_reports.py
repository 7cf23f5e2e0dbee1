"""What `kandil verify` prints of each kind of result, word for word."""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from kandil.cli.findings_text import finding_line
from kandil.cli.terminal import Paint
from kandil.cli.verify_reports import JsonReport, PlainReport, QuietReport, Report, TerminalReport
from kandil.cli.verify_text import wrapped
from kandil.verify.judge import with_message
from kandil.verify.result import FileResult, Finding, Status, Summary

A, B = "ab" * 32, "cd" * 32
RESULTS = (
    FileResult(Path("m/ok.gguf"), "ok", 10**9, A, A, "SHA256SUMS", "sha256"),
    FileResult(Path("m/new.gguf"), "unverified", 10**9, A, checked="sha256", name="tiny:latest"),
    FileResult(
        Path("m/\x1b[31mred\u202e.gguf"),
        "mismatch",
        10**9,
        B,
        A,
        "SHA256SUMS",
        "sha256",
        hint="delete it and download it again",
    ),
    FileResult(
        Path("m/cut.gguf"),
        "malformed",
        1000,
        B,
        findings=(
            Finding("unknown-key", "note", "a key \x07 that no tool knows"),
            Finding("truncated", "malformed", "the data ends 24 bytes early", 1000),
        ),
        checked="sha256",
    ),
    FileResult(Path(os.fsdecode(b"m/\xffgone\n.gguf")), "error", message="vanished while it was read"),
    FileResult(Path("m/link.gguf"), "ok", 10**9, A, A, "SHA256SUMS", "sha256", same_as=Path("m/ok.gguf")),
)
SUMMARY = Summary(
    files=6,
    distinct=5,
    bytes_total=3_000_001_000,
    bytes_read=3_000_001_000,
    seconds=1.25,
    by_status={"ok": 2, "unverified": 1, "mismatch": 1, "malformed": 1, "error": 1},
)
WORK = "6 files (5 distinct), 3.0 GB; read 3.0 GB in 1.2 s (2.4 GB/s)"


def tell(report: Report) -> None:
    for result in RESULTS:
        report.result(result)
    report.end(SUMMARY)


def plain() -> Paint:
    return Paint(io.StringIO())


def test_a_log_has_one_line_a_file_and_one_for_all() -> None:
    out = io.StringIO()
    tell(PlainReport(Paint(out), out))
    assert out.getvalue().splitlines() == [
        "ok          m/ok.gguf  sha256 (SHA256SUMS)",
        f"unverified  m/new.gguf  tiny:latest; sha256 {A}",
        rf"mismatch    m/\x1b[31mred\u202e.gguf  expected {A} (SHA256SUMS), found {B}; delete it and download it again",
        "malformed   m/cut.gguf  truncated: the data ends 24 bytes early, at byte 1000 (and 1 more)",
        r"error       m/\xffgone\n.gguf  vanished while it was read",
        "ok          m/link.gguf  same file as m/ok.gguf; sha256 (SHA256SUMS)",
        f"summary     1 mismatch, 1 malformed, 1 error, 1 unverified, 2 ok; {WORK}",
    ]


def test_a_person_sees_what_is_wrong_first_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    tell(TerminalReport(plain(), None, verbose=False))
    assert capsys.readouterr().out.splitlines() == [
        r"mismatch    m/\x1b[31mred\u202e.gguf",
        f"            expected {A}  SHA256SUMS",
        f"            found    {B}",
        "            → delete it and download it again",
        "malformed   m/cut.gguf",
        "            truncated: the data ends 24 bytes early, at byte 1000",
        r"            unknown-key: a key \x07 that no tool knows",
        r"error       m/\xffgone\n.gguf",
        "            vanished while it was read",
        "unverified  m/new.gguf  tiny:latest",
        f"            {A}  sha256",
        "ok          m/ok.gguf",
        f"            {A}  SHA256SUMS (sha256)",
        "ok          m/link.gguf",
        f"            {A}  SHA256SUMS (sha256)",
        "            the same file as m/ok.gguf",
        "",
        "mismatch         1  the bytes are not those that were published: delete, download again",
        "malformed        1  broken or incomplete: download again, or what is missing",
        "error            1  could not be checked",
        "unverified       1  sound; no digest to compare with: give one with --expect, or --pin this one",
        "ok               2  the expected bytes, and sound",
        "",
        "→ `kandil rules truncated` explains the finding, and says which sound files come near it",
        WORK,
    ]


def test_verbose_lists_the_sound_files_after_the_bad(capsys: pytest.CaptureFixture[str]) -> None:
    tell(TerminalReport(plain(), None, verbose=True))
    lines = capsys.readouterr().out.splitlines()
    assert lines[9:13] == [
        "unverified  m/new.gguf  tiny:latest",
        f"            {A}  sha256",
        "ok          m/ok.gguf",
        f"            {A}  SHA256SUMS (sha256)",
    ]


def on_terminal(results: list[FileResult], capsys: pytest.CaptureFixture[str], *, pin: bool = False) -> list[str]:
    report = TerminalReport(plain(), None, verbose=False, pin=pin)
    for result in results:
        report.result(result)
    by_status: dict[Status, int] = dict(Counter(result.status for result in results))
    report.end(Summary(len(results), len(results), 0, 0, 0.0, by_status))
    return capsys.readouterr().out.splitlines()


def test_of_many_files_the_sound_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    lines = on_terminal([RESULTS[1]] * 21, capsys)
    assert lines[0] == (
        "unverified      21  sound; no digests to compare with: give a list with --check, or --pin them"
    )
    lines = on_terminal([with_message(RESULTS[1], "pinned now: any change will be noticed")] * 21, capsys, pin=True)
    assert lines[0] == "unverified      21  sound; no digest was known to compare with"
    assert "pinned 21 files; --verbose lists them" in lines


def test_strict_shows_what_is_odd_as_blocked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    odd = FileResult(Path("m/odd.gguf"), "suspicious", 1000, A, findings=(Finding("odd", "suspicious", "is odd"),))
    shown = {}
    for strict in (False, True):
        report = TerminalReport(Paint(io.StringIO()), None, verbose=False, strict=strict)
        report.result(odd)
        report.end(Summary(1, 1, 0, 0, 0.0, {"suspicious": 1}, strict=strict))
        shown[strict] = capsys.readouterr().out
    assert "\x1b[33msuspicious" in shown[False]
    assert "can be loaded, but" in shown[False]
    assert "\x1b[1;31msuspicious" in shown[True]
    assert "--strict lets nothing odd pass" in shown[True]


def test_strict_blocks_what_is_suspicious() -> None:
    by_status: dict[Status, int] = {"suspicious": 1, "ok": 2}
    assert Summary(3, 3, 0, 0, 0.0, by_status).exit_code == 0
    assert Summary(3, 3, 0, 0, 0.0, by_status, strict=True).exit_code == 8
    assert Summary(3, 3, 0, 0, 0.0, {"ok": 3, "suspicious": 0}, strict=True).exit_code == 0
    assert Summary(3, 3, 0, 0, 0.0, {"ok": 2, "error": 1}, strict=True).exit_code == 10


def test_what_was_pinned_is_said_and_pinning_not_advised(capsys: pytest.CaptureFixture[str]) -> None:
    lines = on_terminal([with_message(RESULTS[1], "pinned now: any change will be noticed")], capsys, pin=True)
    assert lines[:4] == [
        "unverified  m/new.gguf  tiny:latest",
        f"            {A}  sha256",
        "            pinned now: any change will be noticed",
        "",
    ]
    assert "--pin" not in "\n".join(lines)


def test_a_place_is_said_once() -> None:
    assert finding_line(Finding("x", "note", "bad length at byte 12", 12)) == "x: bad length at byte 12"
    assert finding_line(Finding("x", "note", "bad length at byte 112", 12)) == "x: bad length at byte 112, at byte 12"


def test_quiet_names_only_what_is_not_sound(capsys: pytest.CaptureFixture[str]) -> None:
    tell(QuietReport())
    assert capsys.readouterr().out.splitlines() == [
        r"m/\x1b[31mred\u202e.gguf",
        "m/cut.gguf",
        r"m/\xffgone\n.gguf",
    ]


def test_json_has_one_object_a_file_and_the_summary_last(capsys: pytest.CaptureFixture[str]) -> None:
    tell(JsonReport())
    out = capsys.readouterr().out
    assert out.isascii()
    *files, last = map(json.loads, out.splitlines())
    assert [file["status"] for file in files] == [result.status for result in RESULTS]
    assert files[3] == {
        "path": "m/cut.gguf",
        "status": "malformed",
        "sha256": B,
        "expected": None,
        "expected_source": None,
        "size_bytes": 1000,
        "findings": [
            {"id": "unknown-key", "severity": "note", "message": "a key \x07 that no tool knows", "offset": None},
            {"id": "truncated", "severity": "malformed", "message": "the data ends 24 bytes early", "offset": 1000},
        ],
        "checked": "sha256",
        "message": None,
        "hint": None,
        "name": None,
        "signed_by": None,
        "load": None,
        "same_as": None,
    }
    assert files[2]["path"] == "m/\x1b[31mred\u202e.gguf"
    assert files[4]["path"] == r"m/\xffgone\n.gguf"
    assert last["schema"] == "kandil.verify/1"
    assert last["summary"]["by_status"]["mismatch"] == 1
    assert last["summary"]["exit_code"] == 8


@pytest.mark.parametrize(
    ("environment", "no_color", "colored"),
    [
        ({}, False, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_colours_are_shown_where_they_are_wanted(
    environment: dict[str, str], no_color: bool, colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out = io.StringIO()
    tell(PlainReport(Paint(out, no_color=no_color), out))
    assert ("\x1b[1;31mmismatch" in out.getvalue()) is colored
    assert "\x1b[31mred" not in out.getvalue()


def test_lines_are_wrapped_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert wrapped(f"expected {A}  SHA256SUMS", 12) == ["expected", A, "SHA256SUMS"]
    assert wrapped("→ delete it and download it again, please", 12) == [
        "→ delete it and download it",
        "  again, please",
    ]
