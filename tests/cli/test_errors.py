"""How a command ends that cannot do what it was asked: the words, the JSON, the exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import kandil
from kandil.cli import group
from kandil.cli import run as cli_run
from kandil.errors import KeyUnknown
from tests.cli.conftest import type_of_run

KEY = "sk-proj-" + "a1B2" * 12


def test_a_wrong_option_is_a_usage_error(run: type_of_run) -> None:
    done = run("verify", "--ful")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: No such option '--ful'. Did you mean '--full'?\nhint: `kandil verify --help` says what there is\n"
    )


@pytest.mark.parametrize("args", [("model", "show", "x" * 90_000), ("x" * 90_000,), ("doctor", "\x1b" * 90_000)])
def test_what_was_given_is_not_repeated_without_end(run: type_of_run, args: tuple[str, ...]) -> None:
    done = run(*args)
    assert done.returncode in (2, 3)
    assert 1000 < len(done.stderr) < 3000
    assert "…\nhint: " in done.stderr


@pytest.mark.parametrize("name", ["verfy", "/verfy"])
def test_a_mistyped_command_names_the_nearest(run: type_of_run, name: str) -> None:
    done = run(name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: No such command 'verfy'. Did you mean 'verify'?\n")


def test_with_json_an_error_is_one_object(run: type_of_run) -> None:
    done = run("verify", "--max-rate", "fast", "--json")
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads(done.stdout) == {
        "schema": "kandil.error/1",
        "kandil_version": kandil.__version__,
        "error": {
            "code": "usage",
            "message": "Invalid value for '--max-rate': 'fast' is not a size such as 500MB or 2GiB.",
            "hint": "`kandil verify --help` says what there is",
        },
    }


@pytest.mark.parametrize(
    "args",
    [
        (KEY,),
        ("model", KEY),
        ("doctor", KEY),
        ("config", "show", KEY),
        ("model", "show", "gpt-5", f"--{KEY}"),
        ("model", "show", "gpt-5", "--ctx", KEY),
        ("model", "fit", f"--task={KEY}"),
        ("model", "show", KEY),
        ("model", "fit", KEY),
        ("model", "alias", "mine", KEY),
        ("model", "alias", "--rm", KEY),
        ("model", "rm", KEY),
        ("rules", KEY),
    ],
)
@pytest.mark.parametrize("option", ["--json", "--debug"])
def test_errors_of_usage_and_of_names_repeat_no_key(run: type_of_run, args: tuple[str, ...], option: str) -> None:
    done = run(*args, option)
    assert done.returncode in (2, 3)
    assert "[a key]" in done.stdout + done.stderr
    assert KEY[12:20] not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("verify", ""),
        ("inspect", ""),
        ("verify", "--scan-only", "--full", "m.gguf"),
        ("verify", "--scan-only", "--sha256", "m.gguf"),
        ("verify", "--scan-only", "--scrub", "5%", "m.gguf"),
        ("inspect", "m.gguf", "--key", "x", "--metadata"),
        ("inspect", "m.gguf", "--key", "x", "--tensors"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(run: type_of_run, args: tuple[str, ...]) -> None:
    done = run(*args)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_path_that_cannot_be_read_is_no_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_args, **_options: False)
    assert group.GivenPath().convert("/", None, None) == "/"


def test_without_a_command_the_help_is_shown(run: type_of_run) -> None:
    done = run()
    assert done.returncode == 2
    assert "kandil model fit           what this machine can run\n" in done.stderr


@pytest.mark.parametrize("args", [("verify", "-h"), ("/verify", "--help"), ("inspect", "-h")])
def test_help_is_a_result(run: type_of_run, args: tuple[str, ...]) -> None:
    done = run(*args)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: kandil {args[0].removeprefix('/')} [OPTIONS]" in done.stdout
    assert "\nExamples:\n" in done.stdout.replace("  Examples", "Examples")


def test_version_is_a_result(run: type_of_run) -> None:
    import kandil

    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"kandil {kandil.__version__}\n", "")


def test_escapes_in_an_argument_are_not_sent_to_the_terminal(run: type_of_run) -> None:
    assert r"error: No such command '\x1b[2J'" in run("\x1b[2J").stderr.replace(r"\\x1b", r"\x1b")


def fail(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def main(*_args: object, **_options: object) -> int:
        raise error

    monkeypatch.setattr(group.kandil, "main", main)


def test_a_bug_is_said_briefly_and_the_traceback_is_a_flag_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail(RuntimeError("wires\x1b crossed"), monkeypatch)
    assert cli_run.main(["verify"]) == 70
    assert capsys.readouterr().err == (
        "error: kandil has a bug: RuntimeError: wires\\x1b crossed\n"
        "hint: please report it, with what `kandil --debug …` prints\n"
    )
    assert cli_run.main(["--debug", "verify"]) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_an_error_ends_with_its_own_code_and_fields(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = KeyUnknown("tokenizer.chat_templat", ("tokenizer.chat_template",))
    fail(error, monkeypatch)
    assert cli_run.main(["inspect"]) == 3
    assert capsys.readouterr().err == (
        "error: no metadata key tokenizer.chat_templat\nhint: did you mean tokenizer.chat_template?\n"
    )
    assert cli_run.main(["inspect", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"] == {
        "code": "key-unknown",
        "message": "no metadata key tokenizer.chat_templat",
        "hint": "did you mean tokenizer.chat_template?",
        "key": "tokenizer.chat_templat",
        "near": ["tokenizer.chat_template"],
    }


def test_of_several_errors_the_one_that_decides_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    group = BaseExceptionGroup("nursery", [RuntimeError("late"), BaseExceptionGroup("inner", [KeyboardInterrupt()])])
    fail(BaseExceptionGroup("outer", [group]), monkeypatch)
    assert cli_run.sole_error(group).__class__ is KeyboardInterrupt


def test_a_full_disk_behind_stdout_is_said(run: type_of_run) -> None:
    with open("/dev/full", "wb") as full:
        for arguments in (["verify", "none.gguf"], ["--json", "verify", "none.gguf"]):
            done = subprocess.run(
                [sys.executable, "-m", "kandil", *arguments],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            assert done.returncode == 1
            assert done.stderr == "error: standard output cannot be written: No space left on device\n"


def test_a_kernel_that_is_not_there_is_a_usage_error(run: type_of_run) -> None:
    done = run("verify", "none.gguf", KANDIL_SHA256="sha-ni")
    assert done.returncode == 2
    assert "KANDIL_SHA256=sha-ni: not a set of kernels of this machine" in done.stderr
    assert run("verify", "none.gguf", KANDIL_SHA256="portable").returncode == 10
