"""`kandil verify` on real files, as a process: what it finds, what it prints, what it remembers."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import type_of_run
from tests.support import small_library
from tests.support.small_library import SAMPLES


@pytest.fixture
def library(tmp_path: Path) -> Path:
    small_library.write(tmp_path)
    return tmp_path


def files_of(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    *files, last = map(json.loads, done.stdout.splitlines())
    assert last["summary"]["files"] == len(files)
    assert last["summary"]["exit_code"] == done.returncode
    return {file["path"]: file for file in files}


@pytest.mark.usefixtures("library")
def test_every_kind_of_file_is_told_apart(run: type_of_run) -> None:
    done = run("/verify", "--json", "models", "ollama")
    assert (done.returncode, done.stderr) == (8, "")
    files = files_of(done)
    assert {sample.path: files[sample.path]["status"] for sample in SAMPLES} == {
        sample.path: sample.status for sample in SAMPLES
    }
    blobs = {path: file for path, file in files.items() if "/blobs/" in path}
    assert [file["status"] for file in blobs.values()] == ["ok", "ok"]
    assert any(file["name"] == "tiny:latest" for file in blobs.values())
    assert all(Path(path).name == f"sha256-{file['sha256']}" for path, file in blobs.items())


@pytest.mark.usefixtures("library")
def test_a_second_run_says_the_same_and_reads_nothing(run: type_of_run) -> None:
    first, second = run("verify", "--json", "models"), run("verify", "--json", "models")
    summary = json.loads(second.stdout.splitlines()[-1])["summary"]
    assert summary["bytes_read"] == 0
    keys = ("status", "sha256", "expected", "findings")
    before, after = files_of(first), files_of(second)
    assert {path: [file[key] for key in keys] for path, file in before.items()} == {
        path: [file[key] for key in keys] for path, file in after.items()
    }


@pytest.mark.usefixtures("library")
def test_quiet_prints_the_bad_paths(run: type_of_run) -> None:
    done = run("verify", "-q", "models")
    assert done.returncode == 8
    bad = [sample.path for sample in SAMPLES if sample.status not in ("ok", "unverified")]
    assert sorted(done.stdout.splitlines()) == sorted(bad)


@pytest.mark.usefixtures("library")
def test_a_log_has_a_line_a_file_and_a_summary(run: type_of_run) -> None:
    done = run("verify", "models")
    lines = done.stdout.splitlines()
    assert len(lines) == len(SAMPLES) + 1
    assert lines[-1].startswith("summary     1 malicious, 2 mismatch, 4 malformed, 1 unverified, 1 ok; 9 files, ")
    assert "\x1b" not in done.stdout


def test_an_expected_digest_decides(run: type_of_run, library: Path) -> None:
    path = "models/mine.Q8_0.gguf"
    digest = hashlib.sha256((library / path).read_bytes()).hexdigest()
    assert run("verify", "--expect", f"sha256:{digest.upper()}", path).returncode == 0
    assert run("verify", "--expect", "00" * 32, path).returncode == 8
    assert run("verify", "--expect", "123", path).returncode == 2
    assert run("verify", "--expect", digest, "models").returncode == 2


def test_what_was_pinned_is_noticed_when_it_changes(run: type_of_run, library: Path) -> None:
    path = library / "models/mine.Q8_0.gguf"
    assert run("verify", "--pin", path).returncode == 0
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    done = run("verify", "--json", path)
    assert done.returncode == 8
    assert files_of(done)[str(path)]["status"] in ("changed", "mismatch")


def test_a_manifest_can_be_checked_and_checks(run: type_of_run, library: Path) -> None:
    done = run("verify", "--manifest", "list.txt", "models/mine.Q8_0.gguf", "models/sound.Q8_0.gguf")
    assert done.returncode == 0
    names = [line.split("  ")[1] for line in (library / "list.txt").read_text().splitlines()]
    assert names == ["models/mine.Q8_0.gguf", "models/sound.Q8_0.gguf"]
    assert run("verify", "--check", "list.txt").returncode == 0
    (library / "models/mine.Q8_0.gguf").unlink()
    assert run("verify", "--check", "list.txt").returncode == 10


@pytest.mark.usefixtures("library")
def test_a_manifest_on_stdout_is_alone_there(run: type_of_run) -> None:
    done = run("verify", "--manifest", "-", "models/sound.Q8_0.gguf")
    assert done.stdout.endswith("  models/sound.Q8_0.gguf\n")
    assert done.stdout.count("\n") == 1
    assert done.stderr.startswith("ok          models/sound.Q8_0.gguf")
    assert run("verify", "--manifest", "-", "--json", "models").returncode == 2


@pytest.mark.usefixtures("library")
def test_a_scan_reads_no_data(run: type_of_run) -> None:
    done = run("verify", "--scan-only", "--json", "models")
    files = files_of(done)
    assert files["models/cut.Q8_0.gguf"]["status"] == "malformed"
    assert files["models/rotten.Q8_0.gguf"]["status"] not in ("malformed", "malicious")
    assert all(file["sha256"] is None for file in files.values())


def test_what_is_not_there_is_said_for_that_file_alone(run: type_of_run, library: Path) -> None:
    done = run("verify", "nowhere.gguf", "models/sound.Q8_0.gguf")
    assert done.returncode == 10
    assert done.stdout.startswith(("error       nowhere.gguf  ", "ok          models/sound.Q8_0.gguf"))
    assert "1 error, 1 ok" in done.stdout
    assert library.exists()


def test_a_machine_without_models_has_nothing_wrong(run: type_of_run) -> None:
    done = run("verify")
    assert (done.returncode, done.stdout[:33]) == (0, "summary     no model files found:")


def test_where_nothing_was_found_is_said(run: type_of_run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("verify", "empty")
    assert (done.returncode, done.stdout) == (0, "summary     no model files found in empty\n")


def test_a_manifest_is_not_emptied_and_its_folder_is_looked_at_first(run: type_of_run, library: Path) -> None:
    (library / "empty").mkdir()
    (library / "list.txt").write_text("kept")
    for args in (("list.txt", "empty"), ("nowhere/list.txt", "models"), ("models", "models")):
        done = run("verify", "--manifest", *args)
        assert done.returncode == 1
        assert done.stderr.startswith("error: cannot write ")
        assert ("summary" in done.stdout) is (args[1] == "empty")
    assert run("verify", "--manifest", "list.txt", "models/cut.Q8_0.gguf").returncode == 8
    assert (library / "list.txt").read_text() == "kept"


def test_strict_lets_nothing_suspicious_pass(run: type_of_run, library: Path) -> None:
    odd = library / "models/mine.Q8_0.gguf"
    odd.write_bytes(odd.read_bytes() + bytes(64))
    assert run("verify", odd).returncode == 0
    done = run("verify", "--strict", "--json", "--manifest", "list.txt", odd, "models/sound.Q8_0.gguf")
    assert done.returncode == 8
    assert files_of(done)[str(odd)]["status"] == "suspicious"
    assert json.loads(done.stdout.splitlines()[-1])["summary"]["strict"] is True
    assert (library / "list.txt").read_text().splitlines()[0].endswith("  models/sound.Q8_0.gguf")
    assert run("verify", "--strict", "models/sound.Q8_0.gguf").returncode == 0


def test_strict_pins_nothing_suspicious(run: type_of_run, library: Path) -> None:
    odd = library / "models/mine.Q8_0.gguf"
    odd.write_bytes(odd.read_bytes() + bytes(64))
    assert "pinned now" not in run("verify", "--strict", "--pin", odd).stdout
    assert "pinned now" in run("verify", "--pin", odd).stdout
