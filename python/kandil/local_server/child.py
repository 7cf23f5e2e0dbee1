"""The child: llama.cpp's server. Run as `python -I -B child.py`.

Standard input has one line, the order as JSON, with the key that requests must bear. Standard output takes one line:
`{"address": …, "context_tokens": …}`, or `{"failed": …}`. After that a server that is not kept lives until standard
input ends, as it does when the process at its other end dies, however it dies; one that is kept, until nobody has asked
it anything for a while.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import Any

LOOK_SECONDS = 1.0
FAILED_EXIT = 3


def main() -> int:
    """The exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's; who started this ends it
    order = json.loads(sys.stdin.buffer.readline())
    try:
        import xllamacpp  # noqa: PLC0415 - the order is read first: a pipe is not left full

        server = xllamacpp.Server(_parameters(xllamacpp, order))
    except Exception as error:  # noqa: BLE001 (each is told)
        _say(failed=f"{type(error).__name__}: {error}"[:2000])
        return FAILED_EXIT
    _say(address=server.listening_address)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # nobody reads the log of a server that runs
    idle_seconds = order["keep_alive_seconds"]
    if idle_seconds is None:
        while sys.stdin.buffer.read(1 << 16):
            pass
    else:
        _until_idle(server, idle_seconds)
    return 0


def _parameters(xllamacpp: Any, order: dict[str, Any]) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = order["model"]
    parameters.model_alias = {order["alias"]}
    if order["projector"]:
        parameters.mmproj.path = order["projector"]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0  # any that is free
    parameters.api_keys = [order["key"]]
    parameters.n_ctx = order["context_tokens"]
    parameters.n_parallel = 1
    if order["gpu_layers"] is not None:
        parameters.n_gpu_layers = order["gpu_layers"]
    parameters.use_jinja = True
    parameters.warmup = False
    parameters.offline = True
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.endpoint_metrics = True
    parameters.verbosity = 1  # errors
    return parameters


def _say(**what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _until_idle(server: Any, idle_seconds: float) -> None:
    """Returns when nobody has asked anything for so long."""
    seen, since = "", time.monotonic()
    while time.monotonic() - since < idle_seconds:
        threading.Event().wait(min(LOOK_SECONDS, idle_seconds))
        now = str(server.handle_metrics())
        if now != seen:
            seen, since = now, time.monotonic()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # without Python's own clean-up: nothing is to be kept
