"""`kandil-sandbox load-test` as a person runs it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kandil import __version__
from tests.support import loadable
from tests.support.runtimes import xllamacpp

PROGRAM = shutil.which("kandil-sandbox", path=str(Path(sys.executable).parent))


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.gguf").write_bytes(loadable.model())
    (tmp_path / "bad.gguf").write_bytes(loadable.no_layers())


def run(*args: str) -> subprocess.CompletedProcess[str]:
    assert PROGRAM is not None
    return subprocess.run([PROGRAM, "load-test", *args], capture_output=True, text=True, check=False)


def test_a_good_file() -> None:
    xllamacpp()
    done = run("good.gguf")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [re.sub(r"\d+ ms", "9 ms", line) for line in done.stdout.splitlines()]
    assert lines[0] == "good.gguf: passed in 9 ms"
    assert lines[1].startswith("  loader     xllamacpp ")
    assert lines[2:4] == [
        "  header     passed       14 keys and 12 tensors, as kandil's scan sees them (9 ms)",
        "  model      passed       loaded, 3 tokens decoded (9 ms)",
    ]
    assert lines[4].startswith("  sandbox    capabilities, landlock, ")


def test_a_bad_file() -> None:
    xllamacpp()
    done = run("bad.gguf")
    assert (done.returncode, done.stderr) == (8, "")
    assert "\n  KG-LOAD-CRASH malformed: the loader was ended by SIGABRT at step 'model: load: " in done.stdout


def test_json() -> None:
    xllamacpp()
    done = run("bad.gguf", "--json")
    assert done.returncode == 8
    said = json.loads(done.stdout)
    assert (said["schema"], said["status"], said["blocks"]) == ("kandil.sandbox/1", "failed", True)
    assert [level["name"] for level in said["levels"]] == ["header", "model"]
    assert [finding["id"] for finding in said["findings"]] == ["KG-LOAD-CRASH"]
    assert run("good.gguf", "--json", "--level", "1").returncode == 0


def test_nothing_to_load_with(tmp_path: Path) -> None:
    (tmp_path / "libllama.so").write_bytes(b"")
    done = run("good.gguf", "--runtime", ".")
    assert done.returncode == 1
    assert done.stdout.startswith("good.gguf: not-tested in ")
    assert "  none of the loaders on this machine can be used\nhint: pip install 'kandil[local]'" in done.stdout


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["none.gguf"], 1, "error: cannot read none.gguf: No such file or directory\n"),
        (["good.gguf", "--runtime", "none"], 1, "error: none cannot be loaded with: "),
        (["good.gguf", "--timeout", "0"], 2, "error: Invalid value for '--timeout'"),
        (["good.gguf", "--memory", "much"], 2, "error: Invalid value for '--memory'"),
        (["good.gguf", "--level", "3"], 2, "error: Invalid value for '--level'"),
    ],
)
def test_what_cannot_be_done(args: list[str], code: int, said: str) -> None:
    done = run(*args)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(said)


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1"])
def test_a_time_limit_is_a_number_of_seconds(seconds: str) -> None:
    done = run("good.gguf", "--timeout", seconds)
    assert done.returncode == 2
    assert "--timeout" in done.stderr


def test_the_version_is_shown() -> None:
    assert PROGRAM is not None
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"kandil-sandbox {__version__}\n"
