"""Attacks on the supervisor: by what is said, and by not ending."""

from __future__ import annotations

import json
import os
import time

from kandil.sandbox.payloads import Bait, probe
from kandil.sandbox.payloads.calls import call


@probe("keep what the supervisor's environment says", "never")
def environment(_bait: Bait) -> bool:
    return bool(os.environ.keys() - {"LC_CTYPE"})  # Python sets that one itself


@probe("use a descriptor that it was not given", "never")
def inherited_descriptors(bait: Bait) -> bool:
    return any(_is_open(fd) for fd in range(3, 1000) if fd != bait.fd)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@probe("report more than can be kept", "never")
def long_report(_bait: Bait) -> bool:
    while True:
        os.write(1, b"!" * 65536)


@probe("write errors for ever", "never")
def long_errors(_bait: Bait) -> bool:
    while True:
        os.write(2, b"!" * 65536)


@probe("report what nests too deep", "never")
def deep_report(_bait: Bait) -> bool:
    os.write(1, b'{"report": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n")
    os._exit(0)


@probe("report no text", "never")
def binary_report(_bait: Bait) -> bool:
    os.write(1, b"\xff\xfe\x00\x1b[2J\n")
    os._exit(0)


@probe("report layers that it does not have", "never")
def layers_again(_bait: Bait) -> bool:
    os.write(1, json.dumps({"layers": {"seccomp": "active"}}).encode() + b"\n")
    return False


@probe("report twice", "never")
def report_twice(_bait: Bait) -> bool:
    os.write(1, b'{"report": {}}\n')
    return False


@probe("never end", "never", seconds=4)
def sleep(_bait: Bait) -> bool:
    while True:
        time.sleep(100)


@probe("stop, and never go on", "never", seconds=4)
def stop(_bait: Bait) -> bool:
    call("tgkill", os.getpid(), os.getpid(), 19)
    return False


@probe("close its report and go on", "never", seconds=4)
def close_report(_bait: Bait) -> bool:
    os.close(1)
    os.close(2)
    while True:
        time.sleep(100)
