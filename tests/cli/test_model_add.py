"""`kandil model add --manual` and `kandil model rm`: what is taken, what is refused, what is asked."""

from __future__ import annotations

import errno
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kandil
from tests.cli.conftest import type_of_run

KEY = "gsk_" + "a1B2c3D4e5" * 5
SERVED = ("--provider", "vllm", "--protocol", "openai", "--base-url", "http://localhost:8000/v1", "--api-model", "qwen")


@pytest.fixture
def models(home: Path) -> Path:
    """Where the records are on Linux."""
    return home / ".local" / "share" / "kandil" / "models"


@pytest.fixture
def config(home: Path) -> Path:
    """The user's settings, which are not there yet."""
    folder = home / ".config" / "kandil"
    folder.mkdir(parents=True)
    return folder / "config.toml"


def in_terminal(answers: str, *args: str) -> tuple[int, str, str]:
    """The exit code of `kandil ARGS`, its standard output, and what a terminal showed; ended by Ctrl-D."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "kandil", *args], stdin=theirs, stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, answers.encode() + b"\x04\x04")
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError as error:  # the other end is closed
            if error.errno != errno.EIO:
                raise
        out = process.communicate()[0]
    os.close(ours)
    return process.returncode, out.decode(), shown.decode().replace("\r\n", "\n")


def kept(models: Path) -> dict[str, Any]:
    """The records, by name."""
    told = [json.loads(file.read_text()) for file in models.glob("*.metadata.json")]
    return {record["name"]: record for record in told}


def test_what_is_said_is_kept_and_shown(run: type_of_run, models: Path) -> None:
    options = ("--context", "32768", "--max-output", "8192", "--tools", "--no-vision", "--json-mode")
    prices = ("--price-input", "0.5", "--price-output", "1.5", "--note", "in the cellar")
    done = run("model", "add", "house", "--manual", *SERVED, *options, *prices)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"added house: {models}/house.metadata.json\n", "")
    record = kept(models)["house"]
    assert (record["schema_version"], record["source"], record["provider"]) == (2, "manual", "vllm")
    assert (record["capabilities"], record["context_window"], record["usage_count"]) == (["tools", "json"], 32768, 0)
    assert record["profile"] == {
        "provider": "vllm",
        "protocol": "openai",
        "base_url": "http://localhost:8000/v1",
        "api_model": "qwen",
        "context_window": 32768,
        "max_output_tokens": 8192,
        "supports_vision": False,
        "supports_tools": True,
        "supports_json": True,
        "price": {"input": 0.5, "output": 1.5},
        "note": "in the cellar",
    }
    shown = json.loads(run("model", "show", "House", "--json").stdout)["profile"]
    assert (shown["id"], shown["source"], shown["price"]["output"]) == ("house", "user", 1.5)


def test_a_known_provider_brings_its_own_address(run: type_of_run, models: Path) -> None:
    done = run("model", "add", "new", "--manual", "--provider", "groq", "--api-model", "new-1", "--json")
    told = json.loads(done.stdout)
    assert (told["schema"], told["kandil_version"]) == ("kandil.model.add/1", kandil.__version__)
    assert (told["path"], told["shadows"], told["dry_run"]) == (f"{models}/new.metadata.json", [], False)
    assert told["profile"]["base_url"] == "https://api.groq.com/openai/v1"
    assert told["profile"] == kept(models)["new"]["profile"]


def test_without_a_terminal_what_is_missing_is_named(run: type_of_run, models: Path) -> None:
    done = run("model", "add", "house", "--manual")
    assert (done.returncode, done.stdout) == (2, "")
    assert "say --provider, --protocol, --base-url, --api-model too" in done.stderr
    assert "say --api-model too" in run("model", "add", "house", "--manual", "--provider", "groq").stderr
    code, out, shown = in_terminal("x\n", "model", "add", "house", "--manual", "--no-input")
    assert (code, out) == (2, "")
    assert "say --provider, --protocol" in shown
    assert not models.exists()


def test_a_dry_run_shows_what_would_be_and_writes_nothing(run: type_of_run, models: Path) -> None:
    args = ("--manual", "--provider", "groq", "--api-model", "x", "--base-url", "https://llm.example/v1", "--tools")
    done = run("model", "add", "house", *args, "-n")
    assert (done.returncode, done.stderr) == (0, "")
    lines = {line.strip() for line in done.stdout.splitlines()}
    assert {
        "supports tools      yes",
        "note: groq's own base URL is https://api.groq.com/openai/v1; a key that you keep for it goes to this one too",
        f"would add house: {models}/house.metadata.json",
    } <= lines
    assert not models.exists()


def test_what_nobody_knows_is_not_added(run: type_of_run, models: Path) -> None:
    done = run("model", "add", "house", "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (3, "name-unknown")
    assert not models.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--base-url", "http://llm.example/v1"), "base_url:"),
        (("--base-url", "https://me:hunter2@llm.example"), "base_url: the address alone"),
        (("--base-url", "https://llm.example?key=hunter2"), "base_url: the address alone"),
        (("--context", "0"), "context_window:"),
        (("--price-input", "-1"), "price.input:"),
        (("--price-output", "nan"), "price.output:"),
        (("--context", "9" * 30), "large"),
        (("--note", "two\nlines"), "note:"),
        (("--provider", ""), "provider:"),
        (("--provider", "local"), "provider:"),
        (("--protocol", "grpc"), "'--protocol'"),
    ],
)
def test_what_is_wrong_is_said(run: type_of_run, models: Path, change: tuple[str, str], said: str) -> None:
    done = run("model", "add", "house", "--manual", *SERVED, *change)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "hunter2" not in done.stderr
    assert not models.exists()


def test_every_mistake_is_told_at_once(run: type_of_run) -> None:
    wrong = ("--base-url", "ftp://x", "--context", "-4", "--price-input", "-1")
    error = json.loads(run("model", "add", "house", "--manual", *SERVED, *wrong, "--json").stdout)["error"]
    assert [field for field, _ in error["mistakes"]] == ["base_url", "context_window", "price.input"]


@pytest.mark.parametrize("option", ["--provider", "--base-url", "--protocol", "--context", "--note"])
@pytest.mark.parametrize("around", ["{}", "https://llm.example/{}/v1", "https://llm.example/v1?key={}"])
def test_a_key_is_refused_and_not_repeated(run: type_of_run, models: Path, option: str, around: str) -> None:
    value = around.format(KEY)
    for given in ((option, value), (f"{option}={value}",)):
        done = run("model", "add", "house", "--manual", *SERVED, *given)
        assert (done.returncode, done.stdout) == (2, "")
        assert KEY not in done.stderr
        assert f"given as {option} looks" in done.stderr
        assert "kandil auth set" in done.stderr
    assert not models.exists()


def test_a_key_is_no_name(run: type_of_run) -> None:
    for args in ((KEY, "--manual"), ("--manual", KEY), ("house", "--manual", KEY), ("house", f"--no-such={KEY}")):
        done = run("model", "add", *args, *SERVED)
        assert done.returncode == 2
        assert KEY not in done.stderr
        assert "given as NAME looks" in done.stderr


@pytest.mark.parametrize("name", ["", "a  b", "a\x1b[2Jb", "x" * 201])
def test_what_can_be_no_name_is_refused(run: type_of_run, models: Path, name: str) -> None:
    error = json.loads(run("model", "add", name, "--manual", *SERVED, "--json").stdout)["error"]
    assert error["code"] == "name-unusable"
    assert not models.exists()


def test_what_was_added_is_not_lost_silently(run: type_of_run, models: Path) -> None:
    assert run("model", "add", "house", "--manual", *SERVED).returncode == 0
    before = kept(models)
    again = ("model", "add", "house", "--manual", *SERVED, "--note", "anew")
    done = run(*again)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--replace" in done.stderr
    assert kept(models) == before
    assert run(*again, "--replace").returncode == 0
    assert kept(models)["house"]["profile"]["note"] == "anew"


@pytest.mark.parametrize("name", ["claude-sonnet-5-5", "Claude Sonnet 5.5", "gpt-4-turbo"])
def test_kandil_s_own_names_keep_their_meaning_unless_told(run: type_of_run, models: Path, name: str) -> None:
    done = run("model", "add", name, "--manual", *SERVED)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--shadow" in done.stderr
    assert not models.exists()
    assert json.loads(run("model", "add", name, "--manual", *SERVED, "--shadow", "--json").stdout)["shadows"]
    shown = run("model", "show", name)
    assert "vllm, http://localhost:8000/v1" in shown.stdout
    assert "goes before kandil's own" in shown.stderr


def test_an_alias_of_the_user_s_is_not_hidden(run: type_of_run, models: Path, config: Path) -> None:
    config.write_text('version = 2\n[aliases]\n"my house" = "gpt-5"\n')
    for name in ("my house", "My-House"):
        done = run("model", "add", name, "--manual", *SERVED, "--shadow")
        assert (done.returncode, done.stdout) == (2, "")
        assert "kandil model alias --rm" in done.stderr
    assert not models.exists()


def test_a_broken_record_stays(run: type_of_run, models: Path) -> None:
    models.mkdir(parents=True)
    (models / "house.metadata.json").write_text("{")
    for args in (("add", "house", "--manual", *SERVED, "--replace"), ("rm", "house", "--yes")):
        done = run("model", *args)
        assert (done.returncode, done.stdout) == (9, "")
        assert f"{models}/house.metadata.json: it is no JSON" in done.stderr
    assert (models / "house.metadata.json").read_text() == "{"


def test_a_person_is_asked_for_the_rest(models: Path) -> None:
    answers = "vllm\nopenai\nhttp://localhost:8000/v1\n\n4096\ny\n"
    code, out, shown = in_terminal(answers, "model", "add", "house", "--manual", "--tools")
    assert (code, out) == (0, f"added house: {models}/house.metadata.json\n")
    record = kept(models)["house"]
    assert (record["profile"]["api_model"], record["context_window"], record["capabilities"]) == (
        "house",
        4096,
        ["tools"],
    )
    assert "context window      4096" in shown, "the plan is shown before it is asked for"
    assert "Add it? [Y/n]" in shown


def test_a_provider_s_own_values_are_proposed(models: Path) -> None:
    code, _, shown = in_terminal("groq\n\n\nnew-1\n\n\n", "model", "add", "new", "--manual")
    assert code == 0
    assert "Base URL [https://api.groq.com/openai/v1]:" in shown
    assert kept(models)["new"]["profile"] == {
        "provider": "groq",
        "protocol": "openai",
        "base_url": "https://api.groq.com/openai/v1",
        "api_model": "new-1",
    }


def test_what_cannot_be_is_asked_for_again(models: Path) -> None:
    answers = f"vllm\ngrpc\nopenai\nhttp://llm.example\n{KEY}\nhttps://llm.example\n\n\ny\n"
    code, _, shown = in_terminal(answers, "model", "add", "house", "--manual")
    assert code == 0
    assert shown.count("Base URL:") == 3
    assert "kandil auth set" in shown
    assert kept(models)["house"]["profile"]["base_url"] == "https://llm.example"
    assert KEY not in (models / "house.metadata.json").read_text()


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_without_consent_nothing_is_written(models: Path, answer: str) -> None:
    code, out, shown = in_terminal(answer, "model", "add", "house", "--manual", *SERVED)
    assert (code, out) == (130, "")
    assert "http://localhost:8000/v1" in shown
    assert not models.exists()


def test_yes_is_consent(models: Path) -> None:
    code, out, shown = in_terminal("", "model", "add", "house", "--manual", *SERVED, "--yes")
    assert (code, out, "?" in shown) == (0, f"added house: {models}/house.metadata.json\n", False)


def test_a_model_is_removed_with_consent(run: type_of_run, models: Path) -> None:
    run("model", "add", "house", "--manual", *SERVED)
    done = run("model", "rm", "house")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--yes" in done.stderr
    assert in_terminal("n\n", "model", "rm", "house")[0] == 130
    assert run("model", "rm", "house", "-n").stdout.startswith("would remove house: ")
    assert list(kept(models)) == ["house"]
    code, out, shown = in_terminal("y\n", "model", "rm", "house")
    assert (code, out) == (0, f"removed house: {models}/house.metadata.json; nothing else is touched\n")
    assert "house, added on 2" in shown
    assert "Remove house?" in shown
    assert kept(models) == {}


def test_what_still_names_a_removed_model_is_said(run: type_of_run, models: Path, config: Path) -> None:
    run("model", "add", "house", "--manual", *SERVED)
    config.write_text('version = 2\n[defaults]\nmodel = "house"\n[aliases]\nhome = "house"\nother = "gpt-5"\n')
    told = json.loads(run("model", "rm", "house", "--yes", "--json").stdout)
    assert (told["schema"], told["meanings"]) == ("kandil.model.rm/1", ["defaults.model", "aliases.home"])
    assert kept(models) == {}


def test_only_what_was_added_can_be_removed(run: type_of_run) -> None:
    run("model", "add", "house", "--manual", *SERVED)
    done = run("model", "rm", "hose", "--yes")
    assert (done.returncode, done.stdout) == (3, "")
    assert "did you mean house?" in done.stderr
    assert run("model", "rm", "gpt-5", "--yes").returncode == 3


def test_two_at_once_cannot_both_add_one_name(models: Path) -> None:
    command = [sys.executable, "-m", "kandil", "model", "add", "house", "--manual", *SERVED]
    started = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(4)]
    assert sorted(process.wait() for process in started) == [0, 2, 2, 2]
    assert list(kept(models)) == ["house"]


@pytest.mark.parametrize("command", ["add", "rm"])
def test_help_has_an_example(run: type_of_run, command: str) -> None:
    done = run("model", command, "--help")
    assert done.returncode == 0
    assert f"kandil model {command} house" in done.stdout
