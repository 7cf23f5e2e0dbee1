"""`kandil doctor`: what is shown of the checks, and what the exit code says."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kandil
from kandil import paths
from kandil.cli import doctor
from kandil.cli.group import COMMANDS
from kandil.registry.diagnosis import SECTIONS
from tests.cli.conftest import type_of_run
from tests.support import stores
from tests.support.diagnosed import leave

KEY = "sk-proj-" + "a1B2c3D4e5F6g7H8i9J0" * 2


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    leave(monkeypatch, home)


def test_the_sections_that_help_names_are_those_that_there_are() -> None:
    assert tuple(SECTIONS) == doctor.SECTIONS
    assert ", ".join(SECTIONS) in doctor.HELP
    assert all(len(probe.name) <= doctor._NAME for probes in SECTIONS.values() for probe in probes)
    assert doctor.command.short_help == COMMANDS["doctor"]


def test_sections_in_order_with_a_line_for_each_check(run: type_of_run) -> None:
    done = run("doctor", "records", "config")
    assert (done.returncode, done.stderr) == (0, "")
    *lines, empty, counts = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["config", "records"]
    assert [line.split()[1] for line in lines if line.startswith(" ")] == [
        probe.id for name in ("config", "records") for probe in SECTIONS[name]
    ]
    assert (empty, counts) == ("", "11 ok, 0 warn, 0 fail, 0 unknown")
    assert "\x1b" not in done.stdout


def test_what_is_wrong_and_what_mends_it(run: type_of_run, tmp_path: Path) -> None:
    stores.put(paths.config_file(), b"version = 2\n[defaults]\nmodel = 'no-such-model-at-all'\nmodell = 'x'\n")
    done = run("doctor", "-q", "config")
    assert done.returncode == 11
    first, *lines = done.stdout.splitlines()
    assert first == "config"
    shown = [re.sub(r" {2,}", "|", line.strip()) for line in lines]
    assert shown[0].startswith("warn|KD-CFG-002|settings|")
    assert shown[1] == "mend: kandil config edit"
    assert shown[2].startswith("fail|KD-CFG-007|default model|")
    assert shown[3] == "mend: kandil config set defaults.model NAME"
    assert len(shown) == 4


def test_warnings_count_with_strict(run: type_of_run) -> None:
    environment = {"OPENAI_API_KEY": KEY}
    assert run("doctor", "keys", **environment).returncode == 0
    done = run("doctor", "keys", "--strict", **environment)
    assert done.returncode == 11
    assert run("doctor", "keys", "-q").stdout == ""
    assert run("doctor", "keys", "--strict").returncode == 0


def test_json(run: type_of_run) -> None:
    done = run("doctor", "keys", "--json", OPENAI_API_KEY=KEY)
    assert (done.returncode, done.stderr) == (0, "")
    assert KEY[:12] not in done.stdout
    said = json.loads(done.stdout)
    assert (said["schema"], said["kandil_version"]) == ("kandil.doctor/1", kandil.__version__)
    states = [one["state"] for one in said["checks"] if one["id"] != "KD-KEY-005"]  # this machine's keyring
    assert states == ["warn", "ok", "ok", "ok"]
    assert sum(said["counts"].values()) == len(said["checks"])
    first = said["checks"][0]
    assert set(first) == {"id", "section", "name", "state", "found", "mend"}
    assert (first["id"], first["section"], first["state"]) == ("KD-KEY-001", "keys", "warn")
    quiet = json.loads(run("doctor", "keys", "--json", "-q", OPENAI_API_KEY=KEY).stdout)["checks"]
    assert [one for one in quiet if one["id"] != "KD-KEY-005"] == [first]


def test_every_check_is_listed(run: type_of_run) -> None:
    done = run("doctor", "--list")
    assert (done.returncode, done.stderr) == (0, "")
    everything = [(name, probe) for name, probes in SECTIONS.items() for probe in probes]
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith(" ")]
    assert listed == [probe.id for _, probe in everything]
    assert all(probe.what in done.stdout for _, probe in everything)
    said = json.loads(run("doctor", "--list", "--json").stdout)
    assert said["schema"] == "kandil.doctor.list/1"
    assert said["checks"] == [
        {"section": name, "id": probe.id, "name": probe.name, "what": probe.what} for name, probe in everything
    ]
    assert run("doctor", "--list", "gpu").stdout.startswith("gpu\n  KD-GPU-001")


def test_the_network_is_named_and_not_checked(run: type_of_run) -> None:
    done = run("doctor", "network")
    assert done.returncode == 0
    assert done.stdout.count("not checked without --check") == len(SECTIONS["network"])
    assert "network" not in run("doctor", "--json").stdout.partition('"counts"')[0]


def test_an_unknown_section(run: type_of_run) -> None:
    done = run("doctor", "attic")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'network'" in done.stderr


def test_control_characters_are_escaped(run: type_of_run, tmp_path: Path) -> None:
    evil = tmp_path / "a\x1b[2Jb"
    stores.put(evil / "config.toml", b"version = 9\n")
    done = run("doctor", "config", KANDIL_CONFIG_DIR=str(evil))
    assert done.returncode == 11
    assert "\x1b" not in done.stdout
    assert r"a\x1b[2Jb" in done.stdout


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_lines_are_no_longer_than_the_terminal(columns: int, tmp_path: Path) -> None:
    long = tmp_path / ("word " * 30).strip()
    stores.put(long / "config.toml", b"version = 9\n")
    ours, theirs = pty.openpty()
    environment = os.environ | {
        "COLUMNS": str(columns),
        "LINES": "50",
        "TERM": "xterm-256color",
        "KANDIL_CONFIG_DIR": str(long),
    }
    command = [sys.executable, "-m", "kandil", "doctor", "config"]
    with subprocess.Popen(
        command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment, cwd=tmp_path
    ) as process:
        os.close(theirs)
        shown = b""
        while part := _read(ours):
            shown += part
    os.close(ours)
    assert process.returncode == 11
    text = shown.decode()
    assert "  \x1b[1;31mfail\x1b[0m     KD-CFG-001  " in text
    lines = re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()
    assert max(len(line) for line in lines if "/" not in line) <= columns


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux's way to say that nobody has it open any more
        return b""
