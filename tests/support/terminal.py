"""A terminal as a person has one: tmux, with keys to press and a screen to look at."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LONG_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Terminal:
    """Of one program."""

    socket: Path

    def screen(self) -> str:
        """All that was shown, with what has scrolled away."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-", "-t", "main")

    def press(self, *keys: str) -> None:
        """As tmux names them, ``Enter`` and ``C-c``, or text."""
        self._tmux("send-keys", "-t", "main", *keys)

    def shows(self, text: str, *, times: int = 1) -> str:
        """The screen, as soon as it has this text so many times."""
        late = time.monotonic() + LONG_SECONDS
        while (screen := self.screen()).count(text) < times:
            assert time.monotonic() < late, f"{text!r} does not come:\n{screen}"
            time.sleep(0.02)
        return screen

    def _tmux(self, *args: str) -> str:
        return subprocess.run(
            ["tmux", "-S", str(self.socket), *args], check=True, capture_output=True, text=True
        ).stdout


@contextmanager
def terminal(folder: Path, command: Sequence[str], *, columns: int = 110, lines: int = 50) -> Iterator[Terminal]:
    """Runs the program in it, and shows its exit code as ``exit N`` at its end. Skips the test without tmux."""
    parts.need("tmux")
    shown = Terminal(Path(tempfile.mkdtemp(), "tmux"))
    script = 'trap : INT; "$@"; echo "exit $?"; sleep 1000'
    environment = os.environ | {"TERM": "screen-256color", "LC_ALL": "C.UTF-8"}
    begun = [
        "new-session",
        "-d",
        "-s",
        "main",
        "-x",
        str(columns),
        "-y",
        str(lines),
        "sh",
        "-c",
        script,
        "sh",
        *command,
    ]
    subprocess.run(
        ["tmux", "-f", "/dev/null", "-S", str(shown.socket), *begun], check=True, env=environment, cwd=folder
    )
    try:
        yield shown
    finally:
        subprocess.run(["tmux", "-S", str(shown.socket), "kill-server"], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(shown.socket.parent)
