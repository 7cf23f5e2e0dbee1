"""The program of the child: llama.cpp's server.

Run as `python -I -S -B child.py FOLDER…`; the folders are where kandil and xllamacpp are. Standard input has one line,
the order as JSON, with the key that requests must bear; the child lives for as long as it stays open, also while it
loads, however the process at its other end dies; or, after a second line, `stay`, until nobody has used it for a while.
Standard output takes one line: `{"address": …, "pid": …, "layers": …}`, or `{"failed": …}`, or `{"replaced": PATH}`.
Standard error is llama.cpp's.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from glob import glob
from typing import Any

LOOK_SECONDS = 1.0
REPLACED_EXIT, FAILED_EXIT = 3, 4
_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/sys/devices/system")
_SYSTEM_WITH_DEVICES = ("/usr", "/opt", "/etc", "/proc", "/sys")
_DEVICES = ("/dev/nvidia*", "/dev/dri", "/dev/kfd", "/dev/shm")  # noqa: S108 (what drivers share memory by)
_SPARE_BYTES = 4 << 30
"""For threads' stacks and requests; beside twice what the model needs, as llama.cpp may pack weights anew."""


def main() -> int:
    """The exit code. What it does not return from, nothing needs to be cleaned up after."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's; who started this ends it
    order = json.loads(_line())
    if order["registration"]:
        _fork()
    _end_with_input()
    out = os.dup(1)
    os.dup2(2, 1)  # what llama.cpp prints is no answer of ours
    registration = os.open(order["registration"], os.O_RDONLY) if order["registration"] else None
    opened = {path: os.open(path, os.O_RDONLY) for path, *_ in order["files"]}
    if replaced := _replaced(order, opened):
        _say(out, replaced=replaced)
        return REPLACED_EXIT
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        import xllamacpp  # noqa: PLC0415 - the order is read first: a pipe is not left full

        layers = _confined(order, opened, os.path.dirname(xllamacpp.__file__))
        server = xllamacpp.Server(_parameters(xllamacpp, order))
    except Exception as error:  # noqa: BLE001 (each is told)
        _say(out, failed=f"{type(error).__name__}: {error}"[:2000])
        return FAILED_EXIT
    if replaced := _replaced(order, opened):
        _say(out, replaced=replaced)
        return REPLACED_EXIT
    fcntl.fcntl(0, fcntl.F_SETFL, 0)  # from here on it is read
    _say(out, address=server.listening_address, pid=os.getpid(), layers=layers)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)  # nobody reads the log of a server that runs
    if _line() == b"stay\n" and registration is not None:
        os.close(out)
        _until_unused(registration)
    return 0


def _line() -> bytes:
    """The next of standard input, and no byte more; what there is of it where it ends."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


def _fork() -> None:
    """Returns in a child of its own; this process waits for it, and ends as it does.

    So whoever started this learns how loading ends, and then takes this process away: the child is nobody's.
    """
    child = os.fork()
    if not child:
        return
    os.close(0)
    os.close(1)
    os.close(2)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        with suppress(OSError):  # SIGKILL cannot be set
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else FAILED_EXIT)


def _end_with_input() -> None:
    """The kernel ends this process when standard input ends, whatever it does then: SIGIO, which is not handled.

    A thread would not do, since loading holds Python's lock; nor would PR_SET_PDEATHSIG, which goes by the thread that
    started this process, and trio's come and go.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, os.O_ASYNC)
    ended = select.poll()
    ended.register(0, select.POLLIN)
    if ended.poll(0):  # before there was a signal
        os._exit(FAILED_EXIT)


def _replaced(order: dict[str, Any], opened: dict[str, int]) -> str | None:
    """A file that is not what it was."""
    for path, *known in order["files"]:
        for stat in (os.fstat(opened[path]), os.stat(path)):
            if [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns] != known:
                return str(path)
    return None


def _confined(order: dict[str, Any], opened: dict[str, int], library: str) -> dict[str, str]:
    """The layers that hold this process from here on. They allow the files that are open, whatever names they have."""
    try:
        from kandil._core import confine_server  # noqa: PLC0415 (found now)
    except ImportError:
        return {"landlock": "absent: Linux alone has it"}
    devices = [path for pattern in _DEVICES for path in glob(pattern)] if order["gpu_layers"] != 0 else []
    devices = [] if devices == ["/dev/shm"] else devices  # noqa: S108 (shared by no driver)
    own = [f"/proc/{os.getpid()}", "/proc/cpuinfo", "/proc/meminfo"]
    needed = order["memory_bytes"]
    return confine_server(
        files=[f"/proc/self/fd/{descriptor}" for descriptor in opened.values()],
        folders=[*_SYSTEM, *own, sys.base_prefix, library, *(_SYSTEM_WITH_DEVICES if devices else ())],
        devices=devices,
        data_bytes=_SPARE_BYTES + 2 * needed if needed and not devices else None,
    )


def _parameters(xllamacpp: Any, order: dict[str, Any]) -> Any:  # noqa: ANN401 (it has no types)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = order["model"]
    parameters.model_alias = {order["alias"]}
    if order["projector"]:
        parameters.mmproj.path = order["projector"]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0  # any that is free
    parameters.api_keys = [order["key"]]
    parameters.n_ctx = order["context_tokens"] * order["slots"]
    parameters.n_parallel = order["slots"]
    if order["gpu_layers"] is not None:
        parameters.n_gpu_layers = order["gpu_layers"]
    if order["threads"] is not None:
        parameters.cpuparams.n_threads = order["threads"]
    parameters.use_jinja = True
    parameters.warmup = False
    parameters.offline = True
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.verbosity = 1  # errors
    return parameters


def _say(out: int, **what: object) -> None:
    os.write(out, json.dumps(what).encode() + b"\n")


def _until_unused(registration: int) -> None:
    """Returns when nobody has used the server for so long as the registration says, and nobody can any more.

    Who uses it has the registration locked, with others, and changes its time at the end: so it counts for nothing how
    long an answer takes, and who is killed is no user any more.
    """
    idle_seconds = 0.0
    while True:
        with suppress(ValueError, KeyError, TypeError):  # it is being written
            idle_seconds = float(json.loads(os.pread(registration, 1 << 16, 0))["keep_alive_seconds"])
        left = os.fstat(registration).st_mtime + idle_seconds - time.time()
        if left > 0:
            time.sleep(min(left, LOOK_SECONDS))
            continue
        try:
            fcntl.flock(registration, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(LOOK_SECONDS)
            continue
        if os.fstat(registration).st_mtime + idle_seconds <= time.time():
            return  # still locked: who comes now finds it ended
        fcntl.flock(registration, fcntl.LOCK_UN)


if __name__ == "__main__":
    sys.path += sys.argv[1:]
    os._exit(main())  # without Python's own clean-up
