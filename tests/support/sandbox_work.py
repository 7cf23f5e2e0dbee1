"""Work modules' part for the tests of the supervisor: what a loader may do, good and bad. Runs in the child."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable

Step = Callable[[str], None]
_libc = ctypes.CDLL(None, use_errno=True)


def prepare(task: dict[str, object], fd: int) -> Callable[[Step], object]:
    if task["do"] == "refuse":
        raise ValueError("not today")
    if task["do"] == "have threads":
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    return lambda step: _WORK[str(task["do"])](step, fd)


def read(step: Step, fd: int) -> object:
    step("read")
    return {"bytes": os.pread(fd, 4, 0).decode(), "descriptors": _open_descriptors(), "environment": [*os.environ]}


def _open_descriptors() -> list[int]:
    def is_open(fd: int) -> bool:
        try:
            os.fstat(fd)
        except OSError:
            return False
        return True

    return [fd for fd in range(2000) if is_open(fd)]


def abort(step: Step, _fd: int) -> object:
    step("about to abort")
    _libc.abort()
    return None


def crash(step: Step, _fd: int) -> object:
    step("about to crash")
    return ctypes.string_at(1)


def call(step: Step, _fd: int) -> object:
    step("about to call what is not there")
    return _libc.socket(1, 1, 0)


def stop(step: Step, _fd: int) -> object:
    step("about to leave")
    os._exit(7)


def fail(step: Step, _fd: int) -> object:
    step("about to fail")
    raise LookupError("nothing \x1b[2J here")


def complain(_step: Step, _fd: int) -> object:
    os.write(2, b"something is odd\n")
    return {}


def hold(step: Step, fd: int) -> object:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    step("about to wait")
    os.write(fd, b"here")
    while True:
        time.sleep(60)


def start_threads(_step: Step, _fd: int) -> object:
    done: list[int] = []
    threads = [threading.Thread(target=done.append, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"done": sorted(done)}


def fill(_step: Step, _fd: int) -> object:
    return {"text": "!" * (1 << 20)}


_WORK: dict[str, Callable[[Step, int], object]] = {
    "read": read,
    "abort": abort,
    "crash": crash,
    "call": call,
    "stop": stop,
    "fail": fail,
    "complain": complain,
    "hold": hold,
    "start threads": start_threads,
    "fill": fill,
}
