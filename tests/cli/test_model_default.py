"""`kandil model use` and `kandil model default`: which model is used where none is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kandil import registry
from kandil.registry import Record, session
from tests.cli.conftest import type_of_run
from tests.support.stores import gguf, put

SONNET = "claude-sonnet-5-5"
COMMENTED = '# ours\nversion = 2\n\n[models."qwen3:8b"]\ntemperature = 0.1 # calm\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path / ".kandil.toml"


def test_a_model_is_used_in_this_session_alone(run: type_of_run) -> None:
    done = run("model", "use", "sonnet-5.5")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"this terminal session uses {SONNET}\n", "")
    assert session.model() == SONNET
    shown = run("model", "use")
    assert shown.stdout == f"{SONNET}: `kandil model use` in this terminal session named it\n"
    assert run("/model", "use", "-q").stdout == f"{SONNET}\n"
    elsewhere = subprocess.run(
        [sys.executable, "-m", "kandil", "model", "use", "gpt-5.5"],
        start_new_session=True, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "this session ends with this command" in elsewhere.stderr
    assert session.model() == SONNET
    assert "it was claude-sonnet-5-5" in run("model", "use", "--clear").stdout
    assert session.model() is None
    assert run("model", "use", "--clear").stdout == "this terminal session has no model of its own\n"


def test_a_file_is_used_by_its_whole_path(run: type_of_run, tmp_path: Path) -> None:
    put(tmp_path / "m.gguf", gguf())
    put(tmp_path / "no.gguf", b"text")
    assert run("model", "use", "m.gguf").returncode == 0
    assert session.model() == str(tmp_path / "m.gguf")
    assert run("model", "use", "no.gguf").returncode == 8
    missing = run("model", "use", "./gone.gguf", "--json")
    assert missing.returncode == 1
    assert json.loads(missing.stdout)["error"]["code"] == "file-unreadable"
    assert session.model() == str(tmp_path / "m.gguf")


@pytest.mark.parametrize("command", ["use", "default"])
def test_what_is_no_model_to_ask_is_refused(run: type_of_run, project: Path, command: str) -> None:
    assert run("model", command, "no-such-model-at-all").returncode == 3
    assert "its kind is embedding" in run("model", command, "text-embedding-3-small").stderr
    assert run("model", command, SONNET, "--clear").returncode == 2
    key = "sk-ant-api03-" + "a1B2" * 20
    refused = run("model", command, key)
    assert refused.returncode != 0
    assert key not in refused.stdout + refused.stderr
    assert not project.exists()
    assert session.model() is None


def test_a_project_s_default_is_in_the_repository_s_root(run: type_of_run, project: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "kandil", "model", "default", "sonnet-5.5"],
        cwd=tmp_path / "sub", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"{SONNET} is the default in {project}\n"
    assert run("model", "default").stdout == f"{SONNET}: this project's default, by {project}:4\n"
    assert sorted(os.listdir(tmp_path)) == [".git", ".kandil.toml", "sub"]
    assert project.stat().st_mode & 0o777 == 0o644


def test_what_else_is_in_the_file_stays(run: type_of_run, project: Path) -> None:
    project.write_text(COMMENTED)
    project.chmod(0o664)
    assert run("model", "default", SONNET, "-n").stdout == f"{SONNET} would be the default in {project}\n"
    assert project.read_text() == COMMENTED
    run("model", "default", "gpt-5.5")
    changed = json.loads(run("model", "default", SONNET, "--json").stdout)
    assert (changed["before"], changed["after"], changed["file"]) == ("gpt-5.5", SONNET, str(project))
    assert changed["in_force"]["said"] == "project"
    assert project.read_text().startswith(COMMENTED)
    assert project.stat().st_mode & 0o777 == 0o664
    run("model", "default", "--clear")
    assert project.read_text().startswith(COMMENTED)
    assert SONNET not in project.read_text()


def test_a_project_s_file_is_named_by_its_place_in_it(run: type_of_run, project: Path, tmp_path: Path) -> None:
    put(tmp_path / "models/m.gguf", gguf())
    outside = put(tmp_path.parent / "outside.gguf", gguf())
    assert run("model", "default", tmp_path / "models/m.gguf").returncode == 0
    assert 'model = "./models/m.gguf"' in project.read_text()
    assert run("model", "default", "-q").stdout == f"{tmp_path}/models/m.gguf\n"
    refused = run("model", "default", outside)
    assert refused.returncode == 2
    assert "--user" in refused.stderr
    assert run("model", "default", "--user", outside).returncode == 0


def test_the_user_s_default_is_in_force_where_no_other_is(run: type_of_run, home: Path, project: Path) -> None:
    file = home / ".config/kandil/config.toml"
    assert run("model", "default", "--user", "gpt-5.5").stdout == f"gpt-5.5 is the default in {file}\n"
    assert run("model", "default", "-q").stdout == "gpt-5.5\n"
    over = run("model", "default", SONNET)
    assert over.stderr == ""
    under = run("model", "default", "--user", "gpt-5.4")
    assert under.stderr == f"note: {SONNET} is in force: this project's default, by {project}:4\n"
    asked = run("model", "use", "gpt-5.2", KANDIL_DEFAULTS_MODEL="gpt-5.4")
    assert asked.stderr == "note: gpt-5.4 is in force: KANDIL_DEFAULTS_MODEL names it\n"


def test_the_home_folder_is_no_project(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kandil", "model", "default", SONNET], cwd=home, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--user" in done.stderr


def test_a_default_that_is_unknown_says_where_it_is_set(run: type_of_run, project: Path) -> None:
    project.write_text('version = 2\n[defaults]\nmodel = "claude-sonet-5-5"\n')
    done = run("model", "default", "--json")
    assert done.returncode == 3
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["where"]) == ("default-unusable", f"{project}:3")
    assert SONNET in error["candidates"]
    listed = run("model", "list", "--cloud")
    assert listed.returncode == 0
    assert f"warning: {project}:3 names 'claude-sonet-5-5'" in listed.stderr
    assert run("model", "default", SONNET).returncode == 0
    assert run("model", "default", "-q").stdout == f"{SONNET}\n"


def test_others_have_no_model_of_one_s_own(run: type_of_run, project: Path) -> None:
    described = {"provider": "mine", "protocol": "openai", "base_url": "https://llm.example.org/v1", "api_model": "m"}
    registry.add(Record(name="house", source="manual", profile=described))
    assert "others who have the project do not have it" in run("model", "default", "house").stderr
    assert run("model", "use", "house").stderr == ""


def test_the_list_marks_the_default(run: type_of_run, home: Path, project: Path) -> None:
    run("model", "default", "--user", "gpt-5.5")
    assert "gpt-5.5 (default)" in run("model", "list", "--cloud").stdout
    run("model", "use", SONNET)
    listed = run("model", "list", "--cloud").stdout
    assert "gpt-5.5 (default)" not in listed
    assert json.loads(run("model", "list", "--json").stdout)["default"] == SONNET
    assert run("model", "list", "--cloud", "-q").stdout == "gpt-5.5\n"
