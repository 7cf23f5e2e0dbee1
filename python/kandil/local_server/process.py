"""The process of a server: started, ready, ended."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import trio

import kandil
from kandil.errors import ExtraMissing, FileReplaced, LocalServerFailed
from kandil.local_server.failure import failure
from kandil.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kandil.local_server.order import Order

_CHILD: Final = Path(__file__).with_name("child.py")
_ENVIRONMENT: Final = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
                       "ROCR_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES")  # fmt: skip
"""What the child has of this process's: what it finds GPUs with. llama.cpp reads settings from others (LLAMA_ARG_…)."""
_ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:\d{1,5}")
_LEAST_LOAD_SECONDS: Final = 60.0
_BYTES_A_SECOND: Final = 50_000_000
"""What the slowest disks read."""
_GRACE_SECONDS: Final = 1.0
_LOG_BYTES: Final = 16 << 10
_LARGEST_LINE: Final = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that has loaded its model. It ends with this process, or before, unless it is told to stay."""

    address: str
    secret: Secret
    pid: int
    layers: Mapping[str, str]
    """What holds it, layer by layer: `active`, or `absent: reason`."""
    _process: trio.Process

    @classmethod
    async def started(cls, order: Order, registration: Path | None = None) -> Self:
        """Raises: ExtraMissing, LocalServerFailed, FileReplaced."""
        process = await trio.lowlevel.open_process(
            _command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            cwd="/",
            start_new_session=True,
        )
        try:
            key = secrets.token_urlsafe(32)
            said = await _ready(process, order, key, registration)
        except BaseException:
            await _end(process)
            raise
        return cls(
            address=said["address"], secret=Secret(key), pid=said["pid"], layers=said["layers"], _process=process
        )

    async def stay(self) -> None:
        """It ends by itself, when nobody has used it for a while."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(b"stay\n")
        await _end(self._process, alone=True)

    async def end(self) -> None:
        """It runs no more."""
        await _end(self._process)


def _command() -> list[str]:
    """Raises: ExtraMissing."""
    found = find_spec("xllamacpp")
    if found is None or found.origin is None:
        raise ExtraMissing("running a model on this machine", "local")
    assert kandil.__file__ is not None
    folders = [os.path.dirname(os.path.dirname(os.path.abspath(path))) for path in (kandil.__file__, found.origin)]
    return [sys.executable, "-I", "-S", "-B", str(_CHILD), *dict.fromkeys(folders)]


async def _ready(process: trio.Process, order: Order, key: str, registration: Path | None) -> dict[str, Any]:
    """What it says when the model is loaded. Raises: LocalServerFailed, FileReplaced."""
    seconds = _LEAST_LOAD_SECONDS + order.size_bytes / _BYTES_A_SECOND
    told = {**order.fields, "key": key, "registration": str(registration) if registration else None}
    log = bytearray()
    with trio.move_on_after(seconds) as scope:
        said = await _said(process, json.dumps(told).encode() + b"\n", log)
    if scope.cancelled_caught:
        raise LocalServerFailed(order.model, f"it was not ready after {seconds:.0f} s", ())
    if "replaced" in said:
        raise FileReplaced(str(said["replaced"]))
    if not _ADDRESS.fullmatch(str(said.get("address"))):
        raise failure(order.model, str(said.get("failed", "")), process.returncode, bytes(log))
    return said


async def _said(process: trio.Process, order: bytes, log: bytearray) -> dict[str, Any]:
    """Its one line, decoded; nothing where it ended before: then its exit code is known, and all of its log."""
    assert process.stdin is not None
    assert process.stdout is not None
    line = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_keep_last, process, log)
        with suppress(trio.BrokenResourceError):  # it has ended, and its log says why
            await process.stdin.send_all(order)
        while not line.endswith(b"\n") and len(line) < _LARGEST_LINE and (more := await process.stdout.receive_some()):
            line += more
        said = json.loads(line) if line.endswith(b"\n") else {}
        if "address" in said:
            nursery.cancel_scope.cancel()  # nothing more comes, and one that stays closes it later
        else:
            await process.wait()
    return said if isinstance(said, dict) else {}


async def _keep_last(process: trio.Process, log: bytearray) -> None:
    assert process.stderr is not None
    while more := await process.stderr.receive_some():
        log += more
        del log[:-_LOG_BYTES]


async def _end(process: trio.Process, *, alone: bool = False) -> None:
    """The process has ended and its pipes are closed; `alone`: what it has started goes on."""
    with trio.CancelScope(shield=True):
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            await pipe.aclose()
        if alone:
            process.kill()
        with trio.move_on_after(_GRACE_SECONDS):
            await process.wait()
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
