"""The program of the child: import, prepare, put the layers on, work, report.

Run as `python -I -S -B child.py FOLDER… FD` with an empty environment. FOLDERs are where kandil and cffi are; FD is the
model file. Standard input has one line, the task, and then stays open for as long as the supervisor lives. Standard
output takes JSON lines: one `{"layers": …}` (or `{"refused": …}`), any number of `{"step": …}`, one `{"report": …}`
(or `{"error": …}`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

LAYERS, STEP, REPORT, REFUSED, ERROR = "layers", "step", "report", "refused", "error"
REFUSED_EXIT, ERROR_EXIT = 3, 4
OUT = 1


def say(kind: str, value: object) -> None:
    """Writes one line of the report, at once: a crash that follows takes nothing of it away."""
    line = json.dumps({kind: value}).encode() + b"\n"
    while line:
        line = line[os.write(OUT, line) :]


def step(name: str) -> None:
    """Says what is about to be done."""
    say(STEP, name)


def main(folders: list[str], fd: int) -> int:
    """The exit code. Under it nothing runs any more: the caller ends the process without Python's own clean-up."""
    sys.path += folders
    from importlib import import_module  # noqa: PLC0415 (after the path is known)

    order = json.loads(sys.stdin.buffer.readline())
    try:
        work: Callable[[Callable[[str], None]], object] = import_module(order["module"]).prepare(order["task"], fd)
        layers = enter(order, fd)
    except Exception as error:  # noqa: BLE001 (each is a reason why nothing was tried)
        say(REFUSED, f"{type(error).__name__}: {error}")
        return REFUSED_EXIT
    say(LAYERS, layers)
    try:
        report = work(step)
    except Exception as error:  # noqa: BLE001 (each is told)
        say(ERROR, f"{type(error).__name__}: {error}"[:2000])
        return ERROR_EXIT
    say(REPORT, report)
    return 0


def enter(order: dict[str, object], fd: int) -> dict[str, str]:
    """The layers that this process now runs under.

    Raises: OSError where too few could be put on.
    """
    limits = order["limits"]
    assert isinstance(limits, dict)
    if sys.platform == "darwin":
        from kandil.sandbox.macos import enter as enter_macos  # noqa: PLC0415 (one system's)

        return enter_macos(**limits)
    from kandil._core import enter_sandbox  # noqa: PLC0415 (found now)

    return enter_sandbox(keep_fds=[fd], **limits)


if __name__ == "__main__":
    os._exit(main(sys.argv[1:-1], int(sys.argv[-1])))
