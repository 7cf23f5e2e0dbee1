"""`kandil setup`, screen by screen, in a real terminal; and by a file of answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kandil import registry as records
from tests.cli.conftest import type_of_run
from tests.support import answering, secret_service
from tests.support.runtimes import xllamacpp
from tests.support.servers.llama import Llama
from tests.support.servers.registry import Registry, registry
from tests.support.terminal import Terminal, terminal

COMMAND = [sys.executable, "-m", "kandil", "setup"]
MODEL = "qwen2.5:0.5b"
"""One that the catalogue has; the registry of these tests has small weights for it."""


@pytest.fixture
def ollama(tmp_path_factory: pytest.TempPathFactory, run: type_of_run) -> Iterator[Registry]:
    xllamacpp()
    with registry(tmp_path_factory.mktemp("registry")) as server:
        server.push("library/qwen2.5", "0.5b", {"model": answering.model(), "license": b"MIT"})
        assert run("config", "set", "sources.ollama-registry.base_url", server.url).returncode == 0
        yield server


def begun(shown: Terminal) -> None:
    """The first two screens: Enter takes what is proposed, which is this machine."""
    shown.shows("1 of 5  This machine")
    screen = shown.shows("Which to use, by number or name [1]:")
    assert "memory" in screen
    assert "local" in screen
    shown.press("Enter")
    assert "none is needed" in shown.shows("4 of 5  A model")


@pytest.mark.usefixtures("ollama")
def test_from_nothing_to_a_first_answer(tmp_path: Path) -> None:
    with terminal(tmp_path, COMMAND) as shown:
        begun(shown)
        assert "recommended" in shown.shows("Which one, by number, or any other by its name")
        shown.press("no-such-model", "Enter")
        shown.shows("no model is called 'no-such-model'")
        shown.press(MODEL, "Enter")
        screen = shown.shows("and add it? [Y/n]:")
        assert "5 of 5  Get it, and ask it" in screen
        assert "MIT" not in screen
        assert "fits" in screen
        shown.press("Enter")
        screen = shown.shows(f"Use {MODEL} wherever no model is named?")
        for step in ("download", "digest", "structure", "sandbox", "answer", "record"):
            assert f"{step:<10} ok" in screen
        shown.press("Enter")
        screen = shown.shows("exit 0")
        assert f"you: Say hello in one short sentence.\n  {MODEL}: {answering.ANSWER}" in screen
        assert 'kandil ask "…"' in screen
    assert records.existing(MODEL).provenance
    with terminal(tmp_path, COMMAND) as shown:
        begun(shown)
        assert "here already" in shown.shows("Which one, by number")
        shown.press(MODEL, "Enter")
        shown.shows(f"Use {MODEL} wherever")
        shown.press("n", "Enter")
        assert "download" not in shown.shows("exit 0"), "what is there is seen"


@pytest.mark.usefixtures("ollama")
def test_leaving_breaks_nothing(tmp_path: Path) -> None:
    with terminal(tmp_path, COMMAND) as shown:
        shown.shows("Which to use")
        shown.press("C-c")
        shown.shows("exit 130")
    with terminal(tmp_path, COMMAND) as shown:
        begun(shown)
        shown.press(MODEL, "Enter")
        shown.shows("and add it? [Y/n]:")
        shown.press("C-c")
        assert "Traceback" not in shown.shows("exit 130")
    with terminal(tmp_path, COMMAND) as shown:
        begun(shown)
        shown.press("n", "Enter")
        assert "no model was chosen" in shown.shows("exit 0")
    assert not records.every().records


def test_a_key_is_checked_before_it_is_kept(
    tmp_path: Path, run: type_of_run, llama_server: Llama, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("config", "set", "api.openai.base_url", f"{llama_server.url}/v1").returncode == 0
    with secret_service.secret_service() as bus:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus)
        with terminal(tmp_path, COMMAND) as shown:
            shown.shows("Which to use, by number or name [1]:")
            shown.press("openai", "Enter")
            shown.shows("Key for OpenAI (it is not shown")
            shown.press("sk-wrong-" + "x" * 40, "Enter")
            shown.shows("Once more")
            shown.press("sk-wrong-" + "x" * 40, "Enter")
            shown.shows("Key for OpenAI", times=2)
            assert "openai does not take the key" in shown.screen()
            shown.press(llama_server.key, "Enter")
            shown.shows("Once more", times=2)
            shown.press(llama_server.key, "Enter")
            screen = shown.shows("4 of 5  A model")
            assert "openai: takes the key" in screen
            assert llama_server.key not in screen
            shown.press("n", "Enter")
            shown.shows("exit 0")
        assert "openai" in run("auth", "list", "-q").stdout
        with terminal(tmp_path, COMMAND) as shown:
            assert "(your key is kept)" in shown.shows("Which to use")
            shown.press("C-c")


@pytest.mark.usefixtures("ollama")
def test_a_file_answers_where_nobody_sits(run: type_of_run, tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text(f'providers = ["local"]\nmodel = "{MODEL}"\n')
    done = run("setup", "--answers", "answers.toml")
    assert done.returncode == 0, done.stderr
    assert f"{MODEL}: {answering.ANSWER}" in done.stdout
    assert run("ask", "-q", "hello").stdout == f"{answering.ANSWER}\n", "it is the default"
    done = run("setup", "--answers", "answers.toml", "--json")
    assert json.loads(done.stdout)["model"] == MODEL


def test_what_cannot_be_an_answer_is_said(run: type_of_run, tmp_path: Path) -> None:
    done = run("setup")
    assert (done.returncode, "--answers FILE" in done.stderr) == (2, True)
    answers = tmp_path / "answers.toml"
    for text, said in (
        ("providers = 5", "a list of names"),
        ('provider = "x"', "no such answer"),
        ("default = 1", "true or false"),
        ("[[[", "no TOML"),
        ('providers = ["nobody"]', "none is called 'nobody'"),
    ):
        answers.write_text(text)
        done = run("setup", "--answers", "answers.toml")
        assert done.returncode == 2, text
        assert said in done.stderr, text
    answers.write_text('providers = ["openai"]\nkey = "sk-proj-' + "a1B2" * 12 + '"\n')
    done = run("setup", "--answers", "answers.toml")
    assert done.returncode == 9
    assert "a1B2" not in done.stdout + done.stderr
