"""What `--sarif` writes, as its readers take it: rules by index, URIs that lead to the files, stable fingerprints."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest

import kandil
from kandil.cli.sarif import SarifReport
from kandil.verify.result import FileResult, Finding
from tests.cli.conftest import type_of_run
from tests.support import small_library

A, B = "ab" * 32, "cd" * 32


def run_of(text: str) -> dict[str, Any]:
    assert text.isascii()
    log = json.loads(text)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("/sarif-schema-2.1.0.json")
    (only,) = log["runs"]
    rules = only["tool"]["driver"]["rules"]
    for rule in rules:
        assert set(rule) <= {
            "id", "shortDescription", "fullDescription", "help", "defaultConfiguration", "properties"
        }  # fmt: skip
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("note", "warning", "error")
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in only["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("note", "warning", "error")
        assert result["message"]["text"].isprintable()
        (location,) = result["locations"]
        assert set(location["physicalLocation"]) <= {"artifactLocation", "region"}
        assert re.fullmatch(r"[0-9a-f]{64}", print_of(result))
    assert isinstance(only, dict)
    return only


def path_of(result: dict[str, Any], run: dict[str, Any]) -> bytes:
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert re.fullmatch(r"[A-Za-z0-9/._~%:-]*", place["uri"])
    base = place.get("uriBaseId")
    whole = urlsplit((run["originalUriBaseIds"][base]["uri"] if base else "") + place["uri"])
    assert (whole.scheme, whole.netloc, whole.query, whole.fragment) == ("file", "", "", "")
    return unquote_to_bytes(whole.path)


def print_of(result: dict[str, Any]) -> str:
    known_by = result["partialFingerprints"]["kandilFinding/v1"]
    assert isinstance(known_by, str)
    return known_by


def written(target: Path, *results: FileResult, strict: bool = False) -> dict[str, Any]:
    report = SarifReport(str(target), strict=strict)
    for result in results:
        report.result(result)
    report.write(8)
    return run_of(target.read_text())


def test_a_verification_is_written_whole(run: type_of_run, tmp_path: Path) -> None:
    small_library.write(tmp_path)
    done = run("verify", "--sarif", "out.sarif", "models", "nowhere.gguf")
    assert (done.returncode, done.stderr) == (8, "")
    assert done.stdout.splitlines()[-1].startswith("summary ")
    only = run_of((tmp_path / "out.sarif").read_text())
    assert only["tool"]["driver"]["semanticVersion"] == kandil.__version__
    assert only["invocations"] == [{"executionSuccessful": True, "exitCode": 8}]
    found = {(os.path.relpath(os.fsdecode(path_of(one, only)), tmp_path), one["ruleId"]) for one in only["results"]}
    assert {one for one in found if one[1] != "KG-TPL-INJECT"} == {
        ("models/poisoned.Q8_0.gguf", "KG-TPL-TRIGGER"),
        ("models/rotten.Q8_0.gguf", "KG-DIGEST-MISMATCH"),
        ("models/swapped.Q8_0.gguf", "KG-DIGEST-MISMATCH"),
        ("models/cut.Q8_0.gguf", "KG-DATA-TRUNC"),
        ("models/page.Q8_0.gguf", "KG-HDR-MAGIC"),
        ("models/big-00001-of-00003.gguf", "KG-SPLIT-MISSING"),
        ("models/big-00003-of-00003.gguf", "KG-SPLIT-MISSING"),
        ("nowhere.gguf", "KG-UNCHECKED"),
    }
    assert {one["level"] for one in only["results"]} == {"error"}


def test_a_second_run_gives_the_same_results(run: type_of_run, tmp_path: Path) -> None:
    """From the ledger, and with the fingerprints by which a dashboard knows them again."""
    small_library.write(tmp_path)
    first, second = (run_of(run("verify", "--sarif", "-", "models").stdout) for _ in range(2))
    assert sorted(first["results"], key=print_of) == sorted(second["results"], key=print_of)
    assert len({print_of(one) for one in first["results"]}) == len(first["results"])


def test_on_stdout_it_is_alone_there(run: type_of_run, tmp_path: Path) -> None:
    small_library.write(tmp_path)
    done = run("verify", "--sarif", "-", "models/sound.Q8_0.gguf")
    assert run_of(done.stdout)["results"] == []
    assert done.stderr.startswith("ok          models/sound.Q8_0.gguf")
    for other in ("--json", "--quiet", "--manifest=-"):
        assert run("verify", "--sarif", "-", other, "models").returncode == 2


def test_paths_lead_back_whatever_is_in_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "in"
    below.mkdir()
    monkeypatch.chdir(below)
    names = [b"a b", b"c:d", b"50%#?.gguf", "é".encode(), b"\xff", b"../out.gguf", b"sub/x", b"\n\x1b"]
    found = (Finding("KG-HDR-V1", "malformed", "old", 4),)
    results = [FileResult(Path(os.fsdecode(name)), "malformed", findings=found) for name in names]
    only = written(tmp_path / "out.sarif", *results)
    assert [path_of(one, only) for one in only["results"]] == [
        os.path.normpath(os.fsencode(below) + b"/" + name) for name in names
    ]
    relative = ["uriBaseId" in one["locations"][0]["physicalLocation"]["artifactLocation"] for one in only["results"]]
    assert relative == [name != b"../out.gguf" for name in names]


def test_levels_places_and_words(tmp_path: Path) -> None:
    findings = (
        Finding("KG-KEY-CASE", "note", "upper case", 24),
        Finding("KG-SLACK-PAD", "suspicious", "not 0", 64),
        Finding("KG-SLACK-PAD", "suspicious", "not 0", 96),
        Finding("KG-TEN-PATH", "malicious", "leads out"),
    )
    file = FileResult(Path("a.gguf"), "malicious", sha256=A, findings=findings)
    only = written(tmp_path / "out.sarif", file)
    assert [one["level"] for one in only["results"]] == ["note", "warning", "warning", "error"]
    regions = [one["locations"][0]["physicalLocation"].get("region") for one in only["results"]]
    assert regions == [{"byteOffset": 24}, {"byteOffset": 64}, {"byteOffset": 96}, None]
    assert [one["message"]["text"] for one in only["results"]] == ["upper case", "not 0", "not 0", "leads out"]
    strict = written(tmp_path / "out.sarif", file, strict=True)
    assert [one["level"] for one in strict["results"]] == ["note", "error", "error", "error"]


def test_what_is_no_finding_has_a_rule_too(tmp_path: Path) -> None:
    results = (
        FileResult(Path("a.gguf"), "mismatch", sha256=B, expected=A, expected_source="SHA256SUMS"),
        FileResult(Path("b.gguf"), "changed", sha256=B, expected=A, message="not the one pinned\x1b[2J"),
        FileResult(Path("c.gguf"), "error", message="no such file"),
        FileResult(Path("d.gguf"), "ok", sha256=A),
        FileResult(Path("e.gguf"), "unverified", sha256=A),
    )
    only = written(tmp_path / "out.sarif", *results)
    assert [(one["ruleId"], one["message"]["text"]) for one in only["results"]] == [
        ("KG-DIGEST-MISMATCH", f"expected {A} (SHA256SUMS), found {B}"),
        ("KG-DIGEST-CHANGED", r"not the one pinned\x1b[2J"),
        ("KG-UNCHECKED", "no such file"),
    ]


def test_a_fingerprint_stays_when_the_finding_moves(tmp_path: Path) -> None:
    def prints(*offsets: int) -> list[str]:
        findings = tuple(Finding("KG-KEY-CASE", "note", f"at {offset}", offset) for offset in offsets)
        only = written(tmp_path / "out.sarif", FileResult(Path("a.gguf"), "ok", sha256=A, findings=findings))
        return [print_of(one) for one in only["results"]]

    assert prints(10, 20) == prints(30, 40)
    assert len(set(prints(10, 20))) == 2


def test_where_nothing_can_be_written_nothing_is_read(run: type_of_run, tmp_path: Path) -> None:
    small_library.write(tmp_path)
    done = run("verify", "--sarif", "nowhere/out.sarif", "models")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: cannot write nowhere/out.sarif: No such file or directory\n"
