"""Starts llama.cpp's server in a child process, and ends it."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import trio

from kandil.errors import ExtraMissing, FileReplaced, LocalServerFailed
from kandil.local_server import kept
from kandil.local_server.order import Order
from kandil.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

_CHILD: Final = Path(__file__).with_name("child.py")
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES",
                       "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES")  # fmt: skip
"""What the child has of this process's: what it finds GPUs with. llama.cpp reads settings from others (LLAMA_ARG_…)."""
_ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:\d{1,5}")
_LEAST_LOAD_SECONDS: Final = 60.0
_BYTES_A_SECOND: Final = 50_000_000
"""What the slowest disks read."""
_GRACE_SECONDS: Final = 2.0
_LOG_BYTES: Final = 16 << 10
_LOG_LINES: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server that answers for a model."""

    base_url: str
    """`http://127.0.0.1:PORT`, with OpenAI's paths below `/v1`."""
    secret: Secret
    """The server's own: made for it, and known to nobody else."""
    pid: int
    context_tokens: int
    reused: bool = False
    """It was there."""


@asynccontextmanager
async def serve(
    files: Sequence[Path],
    *,
    context_tokens: int,
    gpu_layers: int | None = None,
    projector: Path | None = None,
    keep_alive_seconds: float | None = None,
    verified: Mapping[Path, os.stat_result] | None = None,
) -> AsyncGenerator[Served]:
    """A server for the model in `files` (its parts, the first first), ready; it ends with the context.

    With `keep_alive_seconds` it stays until nobody has asked it anything for so long, and one that stayed is found
    again. `verified`: the files as they were when they were verified.

    Raises:
        ExtraMissing: there is no llama.cpp: the extra ``local`` brings one.
        LocalServerFailed: it does not load the model.
        FileReplaced: a file is not the one that was verified.
    """
    if find_spec("xllamacpp") is None:
        raise ExtraMissing("running a model on this machine", "local")
    order = Order.of(files, context_tokens, gpu_layers, projector, keep_alive_seconds)
    _check(verified or {})
    if keep_alive_seconds is not None:
        yield await kept.found_or_started(order, _started)
        return
    served, process = await _started(order)
    try:
        yield served
    finally:
        with trio.CancelScope(shield=True):
            await _ended(process)


def _check(verified: Mapping[Path, os.stat_result]) -> None:
    for path, before in verified.items():
        now = os.stat(path)
        names = ("st_dev", "st_ino", "st_size", "st_mtime_ns")
        if any(getattr(now, name) != getattr(before, name) for name in names):
            raise FileReplaced(str(path))


async def _started(order: Order) -> tuple[Served, trio.Process]:
    """Raises: LocalServerFailed."""
    key = secrets.token_urlsafe(32)
    with tempfile.TemporaryFile() as log:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-I", "-B", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            cwd="/",
            start_new_session=True,
        )
        try:
            served = await _ready(order, key, process, log)
        except BaseException:
            with trio.CancelScope(shield=True):
                await _ended(process)
            raise
    return served, process


async def _ready(order: Order, key: str, process: trio.Process, log: IO[bytes]) -> Served:
    """Waits until the model is loaded, or its loading has failed."""
    assert process.stdin is not None
    assert process.stdout is not None
    said = b""
    seconds = _LEAST_LOAD_SECONDS + order.size_bytes / _BYTES_A_SECOND
    with trio.move_on_after(seconds) as scope:
        try:
            await process.stdin.send_all(json.dumps({**order.fields, "key": key}).encode() + b"\n")
            while not said.endswith(b"\n") and (more := await process.stdout.receive_some()):
                said += more
        except trio.BrokenResourceError:
            pass  # it has ended, and its log says why
    if scope.cancelled_caught:
        raise LocalServerFailed(order.model, f"it was not ready after {seconds:.0f} s", ())
    answer = json.loads(said) if said.endswith(b"\n") else {}
    address = str(answer.get("address", ""))
    if not _ADDRESS.fullmatch(address):
        ended = "it ended while it loaded the model" if not answer else "it could not load the model"
        raise LocalServerFailed(order.model, ended, _last_lines(log))
    return Served(base_url=address, secret=Secret(key), pid=process.pid, context_tokens=order.context_tokens)


def _last_lines(log: IO[bytes]) -> tuple[str, ...]:
    """What llama.cpp said of errors, without its clock."""
    size = log.seek(0, os.SEEK_END)
    log.seek(max(size - _LOG_BYTES, 0))
    lines = log.read().decode("utf-8", "replace").splitlines()
    told = [match[1] for line in lines if (match := re.match(r"[\d.]+ E (.*)", line))]
    return tuple(dict.fromkeys(told or lines))[-_LOG_LINES:]


async def _ended(process: trio.Process) -> None:
    """It runs no more: its input ends, and it is killed where that is not enough."""
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdin.aclose()
    await process.stdout.aclose()
    with trio.move_on_after(_GRACE_SECONDS):
        await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
