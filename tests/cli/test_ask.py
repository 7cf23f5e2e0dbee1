"""`kandil ask` of a model in a file, which real llama.cpp runs."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import type_of_run
from tests.support import answering, loadable
from tests.support.runtimes import xllamacpp

KEY = "sk-proj-" + "a1B2" * 12


@pytest.fixture(autouse=True)
def model(tmp_path: Path) -> Path:
    xllamacpp()
    path = tmp_path / "tiny.gguf"
    path.write_bytes(answering.model())
    return path


def piped(folder: Path, content: bytes, *args: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "kandil", "ask", *args], cwd=folder, input=content, capture_output=True, check=False
    )


def test_a_file_answers(run: type_of_run) -> None:
    done = run("ask", "-m", "tiny.gguf", "hello")
    assert (done.returncode, done.stdout) == (0, f"{answering.ANSWER}\n")
    first, usage = done.stderr.splitlines()
    assert first == "loading tiny.gguf in the sandbox, as it was never loaded before"
    assert usage.startswith("tiny: 9 tokens in, 7 out, first token after ")
    again = run("/ask", "-m", "tiny.gguf", "hello", "-q")
    assert (again.returncode, again.stdout, again.stderr) == (0, f"{answering.ANSWER}\n", "")


def test_json_has_the_text_the_counts_and_the_times(run: type_of_run) -> None:
    said = json.loads(run("ask", "-m", "tiny.gguf", "hello", "--json").stdout)
    assert (said["schema"], said["model"], said["provider"]) == ("kandil.ask/1", "tiny", "local")
    assert (said["text"], said["stop"]["reason"], said["interrupted"]) == (answering.ANSWER, "end", False)
    assert (said["usage"]["input_tokens"], said["usage"]["output_tokens"]) == (9, 7)
    assert 0 < said["first_token_seconds"] <= said["total_seconds"]
    assert said["cost_usd"] is None


def test_what_a_model_thinks_goes_to_standard_error(run: type_of_run, tmp_path: Path) -> None:
    (tmp_path / "thinks.gguf").write_bytes(answering.model("<think>let me see</think>Yes, it is."))
    done = run("ask", "-m", "thinks.gguf", "is it?")
    assert (done.returncode, done.stdout) == (0, "Yes, it is.\n")
    assert "thinking:\nlet me see\n\n" in done.stderr
    said = json.loads(run("ask", "-m", "thinks.gguf", "is it?", "--json").stdout)
    assert (said["text"], said["reasoning"]) == ("Yes, it is.", "let me see")


def test_what_is_piped_in_is_sent(tmp_path: Path) -> None:
    counts = {}
    for name, content, args in (
        ("alone", b"hello", ()),
        ("with a question", b"hello", ("why?",)),
        ("as a file", b"hello", ("-f", "-", "why?")),
    ):
        done = piped(tmp_path, content, "-m", "tiny.gguf", "--json", *args)
        counts[name] = json.loads(done.stdout)["usage"]["input_tokens"]
    framed = len('<document name="standard input">\nhello\n</document>\n\nwhy?')
    assert counts == {"alone": 9, "with a question": framed + 4, "as a file": framed + 4}


def test_nothing_asked_is_an_error(run: type_of_run) -> None:
    done = run("ask", "-m", "tiny.gguf")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing was asked" in done.stderr


def test_what_a_project_tells_the_model_is_said(run: type_of_run, tmp_path: Path) -> None:
    (tmp_path / ".kandil.toml").write_text('[models.tiny]\nsystem = "say yes"\n')
    done = run("ask", "-m", "tiny.gguf", "hello")
    assert f"the system prompt is of {tmp_path}/.kandil.toml:2\n" in done.stderr
    assert "system prompt" not in run("ask", "-m", "tiny.gguf", "hello", "-s", "be brief").stderr


def test_a_context_that_the_model_does_not_have_is_said(run: type_of_run) -> None:
    done = run("ask", "-m", "tiny.gguf", "hello", "--ctx", "100000")
    assert (done.returncode, done.stdout) == (0, f"{answering.ANSWER}\n")
    assert "warning: the model's context is 2,048 tokens; more is not loaded\n" in done.stderr


def test_a_file_with_nothing_in_it_is_told_of(run: type_of_run, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_bytes(b"\n")
    done = run("ask", "-m", "tiny.gguf", "hello", "-q", "-f", "empty.txt")
    assert (done.returncode, done.stderr) == (0, "warning: empty.txt is empty\n")


def test_no_answer_comes_in_no_time(run: type_of_run) -> None:
    done = run("ask", "-m", "tiny.gguf", "hello", "--timeout", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--timeout" in done.stderr


def test_a_bad_file_is_never_loaded(run: type_of_run, tmp_path: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes(loadable.cut_in_its_weights())
    (tmp_path / "page.gguf").write_bytes(b"<html>")
    for name, code in (("cut.gguf", "file-not-trusted"), ("page.gguf", "not-gguf")):
        done = run("ask", "-m", name, "hello", "--json")
        assert done.returncode == 8
        assert json.loads(done.stdout)["error"]["code"] == code
    assert run("ask", "-m", "none.gguf", "hello").returncode == 1


def test_an_answer_that_is_cut_off_says_so(run: type_of_run) -> None:
    done = run("ask", "-m", "tiny.gguf", "hello", "--max-tokens", "3")
    assert (done.returncode, done.stdout) == (0, "Hello from a\n")
    assert "warning: the answer was cut off" in done.stderr


def test_a_prompt_that_cannot_fit_is_not_sent(run: type_of_run, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("word " * 20_000)
    done = run("ask", "-m", "tiny.gguf", "-f", "long.txt", "sum it up")
    assert done.returncode == 2
    assert "tiny takes 2,048: about" in done.stderr
    assert "too many" in done.stderr


def test_a_conversation_goes_on(run: type_of_run) -> None:
    assert run("ask", "--continue", "and?").returncode == 2
    run("ask", "-m", "tiny.gguf", "hello", "-s", "be brief")
    said = json.loads(run("ask", "--continue", "and?", "--json").stdout)
    assert said["usage"]["input_tokens"] > len("be brief" + "hello" + answering.ANSWER[:5] + "and?")
    run("ask", "-m", "tiny.gguf", "forget this", "--no-keep")
    assert (
        json.loads(run("ask", "-c", "more", "--json").stdout)["usage"]["input_tokens"] > said["usage"]["input_tokens"]
    )


def test_a_local_model_may_be_told_a_key_and_it_is_not_kept(run: type_of_run, home: Path) -> None:
    assert run("ask", "-m", "tiny.gguf", f"is {KEY} a key?").returncode == 0
    assert run("ask", "-c", "and?").returncode == 2
    assert not [path for path in home.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_pictures_need_eyes(run: type_of_run, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = run("ask", "-m", "tiny.gguf", "what is it?", "--image", "a.png")
    assert done.returncode == 2
    assert "tiny sees no pictures" in done.stderr


def until_it_serves(process: subprocess.Popen[str]) -> None:
    """Returns when llama.cpp's server of this process has worked for a while."""
    own = psutil.Process(process.pid)
    while True:
        assert process.poll() is None
        children = [one for one in own.children() if "local_server" in " ".join(one.cmdline())]
        if any(one.cpu_times().user > 0.5 for one in children):
            return
        time.sleep(0.01)


def test_ctrl_c_keeps_what_came(tmp_path: Path) -> None:
    (tmp_path / "endless.gguf").write_bytes(answering.model(endless=True, context=1 << 20))
    for json_too in ((), ("--json",)):
        process = subprocess.Popen(
            [sys.executable, "-m", "kandil", "ask", "-m", "endless.gguf", "go", "--ctx", "100000", *json_too],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        if json_too:
            until_it_serves(process)
        begun = "" if json_too else process.stdout.read(200)
        process.send_signal(signal.SIGINT)
        rest, told = process.communicate(timeout=60)
        assert (process.returncode, told) == (130, told)
        if json_too:
            said = json.loads(rest)
            assert said["interrupted"]
        else:
            assert (begun + rest).startswith("Hello from a tiny real model.Hello from a tiny")
            assert rest.endswith("\n")
        assert "Traceback" not in told


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "endless.gguf").write_bytes(answering.model(endless=True, context=1 << 20))
    done = subprocess.run(
        f"{sys.executable} -m kandil ask -q -m endless.gguf go --ctx 100000 | head -c 10; echo ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stdout == "Hello from141\n"
    assert done.stderr == ""


def test_on_a_terminal_markdown_is_rendered(tmp_path: Path) -> None:
    (tmp_path / "marked.gguf").write_bytes(answering.model("# Title\n\nSome **bold** text"))
    master, slave = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "kandil", "ask", "-q", "-m", "marked.gguf", "hello"],
        cwd=tmp_path, stdout=slave, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "60", "LINES": "20"},
    )  # fmt: skip
    os.close(slave)
    shown = os.read(master, 1 << 16).decode()
    os.close(master)
    assert done.returncode == 0
    assert "\x1b[1m" in shown
    assert "bold" in shown


def test_a_kept_model_answers_again_and_ends_when_nobody_asks(run: type_of_run, home: Path) -> None:
    first = json.loads(run("ask", "-m", "tiny.gguf", "one", "--keep-alive", "60s", "--json").stdout)
    assert first["text"] == answering.ANSWER
    servers = list((home / ".local/state/kandil/servers").glob("*.json"))
    kept = json.loads(servers[0].read_text())
    assert servers[0].stat().st_mode & 0o777 == 0o600
    run("ask", "-m", "tiny.gguf", "two", "--keep-alive", "1s")
    assert json.loads(servers[0].read_text())["pid"] == kept["pid"]
    command = Path(f"/proc/{kept['pid']}/cmdline")
    if command.parent.exists():
        assert kept["key"].encode() not in command.read_bytes()
        assert kept["key"].encode() not in Path(f"/proc/{kept['pid']}/environ").read_bytes()
    until = time.monotonic() + 30
    while Path(f"/proc/{kept['pid']}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{kept['pid']}").exists()
