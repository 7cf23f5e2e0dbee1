"""The program of the child that becomes another: put the layers on, say which, and be it.

Run as `python -I -S -B program_child.py FOLDER…`, as the leader of a session; the folders are where kandil is. Standard
input has one line, the order as JSON, and then stays open for as long as the supervisor lives. The first line of
standard output is ours, `{"layers": …}` or `{"refused": …}`; all that follows is the program's.
"""

from __future__ import annotations

import json
import os
import signal
import sys

LAYERS, REFUSED = "layers", "refused"
REFUSED_EXIT = 3


def main(folders: list[str]) -> int:
    """The exit code where the program cannot be started; else this does not return."""
    sys.path += folders
    from kandil._core import confine_program  # noqa: PLC0415 (after the path is known)

    order = json.loads(sys.stdin.buffer.readline())
    try:
        layers = confine_program(**order["confinement"])
        os.chdir(order["folder"])
        _say(LAYERS, layers)
    except OSError as error:
        _say(REFUSED, str(error))
        return REFUSED_EXIT
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and the program would go on to
    try:
        os.execve(order["command"][0], order["command"], order["environment"])  # noqa: S606 - it is held already
    except OSError as error:
        sys.stderr.write(f"{order['command'][0]}: {error.strerror}\n")
        return 127


def _say(kind: str, value: object) -> None:
    os.write(1, json.dumps({kind: value}).encode() + b"\n")


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
