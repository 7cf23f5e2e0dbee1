"""Ctrl-C, a reader that goes away, and a terminal, with real processes."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import small_library
from tests.support.gguf_files import Entry, Kind

# In a shell's background job SIGINT is ignored, and would be by what it starts.
_START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from kandil.cli import main; sys.exit(main())"
)
DEADLINE_SECONDS = 60
ENDLESS = ("verify", "--max-rate", "20MB", "endless")
"""Says a line at once, of a small file, and would then read a large one for minutes."""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    small_library.write(tmp_path)
    endless = tmp_path / "endless"
    endless.mkdir()
    (endless / "small.gguf").write_bytes(small_library.gguf("small")[:4096])
    with (endless / "large.gguf").open("wb") as file:
        file.truncate(8 << 30)  # a hole: takes no room
    return tmp_path


def start(folder: Path, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _START, *args],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_stops_and_keeps_what_is_done(library: Path) -> None:
    process = start(library, *ENDLESS, "--json")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    last = json.loads(out.splitlines()[-1])
    assert last["error"] == {"code": "interrupted", "message": "interrupted", "hint": None}

    again = start(library, "verify", "--json", first["path"])
    out, _ = again.communicate(timeout=DEADLINE_SECONDS)
    assert json.loads(out.splitlines()[-1])["summary"]["bytes_read"] == 0, "the ledger has it"


def test_ctrl_c_says_how_far_it_came(library: Path) -> None:
    process = start(library, *ENDLESS)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 130, err
    said = r"interrupted: 1 of 2 files are done and kept, [\d.]+ [kM]?B of 8\.6 GB read; the next run does the rest\n"
    assert re.fullmatch(said, err), err


def test_sigterm_stops_as_ctrl_c_does(library: Path) -> None:
    process = start(library, *ENDLESS)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 143, err
    assert err.startswith("interrupted: 1 of 2 files")


def test_a_second_ctrl_c_ends_at_once_and_the_cursor_is_back(library: Path) -> None:
    twice = "import os, signal, sys; from kandil.cli import run\n"
    twice += "async def command():\n for _ in range(2): os.kill(os.getpid(), signal.SIGINT)\n"
    twice += "signal.signal(signal.SIGINT, signal.default_int_handler); run.run_async(command)"
    code, shown = in_terminal(library, code=twice)
    assert code == 130
    assert shown.endswith("\x1b[?25h")
    assert "Warning" not in shown


def test_a_reader_that_goes_away_is_no_error(library: Path) -> None:
    process = start(library, *ENDLESS)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait(timeout=DEADLINE_SECONDS) == 141


@pytest.mark.parametrize("args", [("inspect", "models/sound.Q8_0.gguf", "--metadata"), ("--help",), ("verify", "-h")])
def test_a_reader_that_never_was_is_no_error(library: Path, args: tuple[str, ...]) -> None:
    end, begin = os.pipe()
    os.close(end)
    with open(begin, "wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "kandil", *args], cwd=library, stdout=out, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (141, b"")


def in_terminal(
    folder: Path, *args: str, code: str = _START, piped: bool = False, environment: dict[str, str] | None = None
) -> tuple[int, str]:
    """The exit code of `kandil ARGS` and what a terminal received."""
    master, slave = pty.openpty()
    settings = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"} | (environment or {})
    process = subprocess.Popen(
        [sys.executable, "-c", code, *args],
        cwd=folder,
        env=settings,
        stdin=slave,
        stdout=subprocess.PIPE if piped else slave,
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            break
        if not chunk:
            break
        shown += chunk
    os.close(master)
    process.communicate(timeout=DEADLINE_SECONDS)
    return process.returncode, shown.decode()


def test_a_terminal_sees_a_picture_and_then_what_is_wrong(library: Path) -> None:
    code, shown = in_terminal(library, "verify", "--max-rate", "20MB", "models")
    assert code == 8
    assert "/9 files" in shown
    assert shown.rindex("\x1b[?25h") < shown.rindex("expected "), "the cursor is back before the results"
    assert "\x1b[1;31mmismatch  \x1b[0m  models/rotten.Q8_0.gguf" in shown
    assert shown.rstrip().splitlines()[-1].startswith("9 files, ")


def test_the_picture_does_not_cross_what_a_pipe_brings_to_the_terminal(library: Path) -> None:
    assert in_terminal(library, "verify", "models", piped=True) == (8, "")


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_a_terminal_without_colours_gets_none(library: Path, environment: dict[str, str]) -> None:
    code, shown = in_terminal(library, "verify", "models", environment=environment)
    assert code == 8
    assert "\x1b[1;31m" not in shown
    assert "mismatch" in shown


def test_a_template_is_escaped_on_a_terminal_and_raw_elsewhere(library: Path) -> None:
    template = "{{ x }}\n\x1b[2J\u202e"
    (library / "evil.gguf").write_bytes(
        small_library.gguf("evil", Entry("tokenizer.chat_template", Kind.STRING, template))
    )
    args = ("inspect", "--key", "tokenizer.chat_template", "evil.gguf")
    code, shown = in_terminal(library, *args)
    assert (code, shown) == (0, "{{ x }}\r\n\\x1b[2J\\u202e\r\n")
    out, _ = start(library, *args).communicate(timeout=DEADLINE_SECONDS)
    assert out == template
