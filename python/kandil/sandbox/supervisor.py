"""Starts a child, hands it one file and one task, watches it, ends it, and says how it ended.

The child gets the file's descriptor and three pipes, and nothing else: an empty environment, `/` for a folder, a
session and process group of its own. Its standard input ends when this process does, and then it is ended too.

The file is shared, with its position: who reads it here meanwhile reads by offset. Linux has all layers, macOS some
(`macos`), untested; for Windows there is no sandbox, as kandil does not run there.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import trio

from kandil.errors import SandboxUnavailable
from kandil.sandbox import cgroup
from kandil.sandbox.child import REFUSED_EXIT
from kandil.sandbox.report import MAX_BYTES, Report, parse

MAX_STDERR_BYTES = 64 << 10
_CHILD = Path(__file__).with_name("child.py")

How = Literal["reported", "refused", "failed", "crashed", "timed-out", "over-long", "invalid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a child may use. `memory_bytes` count beyond what it has when it enters the sandbox.

    Linux demands every layer of `layers.REQUIRED`. With `allow_weaker`, what the system does not give may be absent,
    but for the filter of system calls and either Landlock or namespaces.
    """

    memory_bytes: int
    cpu_seconds: int
    threads: bool = False
    allow_weaker: bool = False
    without: tuple[str, ...] | None = None
    """The layers to leave out, and none demanded: for the self-test, which shows what they are for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEnd:
    """How a child ended, and what it said until then. Everything that came from it is untrusted.

    - `reported`: it has done its task, and `report` is what it found.
    - `refused`: the sandbox or the work could not be prepared, and nothing was tried; `reason` says why.
    - `failed`: the work raised an error, in `reason`.
    - `crashed`: a signal ended it (`signal`), or it ended with `exit_code` and without a report.
    - `timed-out`, `over-long`: it was ended, for its time or for what it wrote.
    - `invalid`: its report is none; `reason` says why.
    """

    how: How
    step: str | None
    layers: Mapping[str, str]
    seconds: float
    report: dict[str, object] | None = None
    reason: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    stderr: bytes = b""


async def run_child(
    fd: int, module: str, task: Mapping[str, object], limits: Limits, *, timeout_seconds: float
) -> ChildEnd:
    """How it ended: `module`'s work on `task` and the file `fd`, in a sandbox. Nothing of it runs any more.

    What `module` and `task` say is trusted; see `kandil.sandbox` for what a work module is.

    Raises: SandboxUnavailable on a system that kandil has no sandbox for.
    """
    began = time.perf_counter()
    order = json.dumps({"module": module, "task": task, "limits": asdict(limits)}).encode() + b"\n"
    with cgroup.own(limits.memory_bytes) as group:
        process = await _started(fd)
        watched = Watched(process)
        try:
            grouped = group.add(process.pid)
            with trio.move_on_after(timeout_seconds) as scope:
                await watched.talk(order)
        finally:
            with trio.CancelScope(shield=True):
                await watched.end()
    said = parse(bytes(watched.said), cut=watched.over_long or process.returncode != 0)
    if said.layers:
        said.layers = {**said.layers, "cgroup": grouped}
    return _end(watched, said, timed_out=scope.cancelled_caught, seconds=time.perf_counter() - began)


async def _started(fd: int) -> trio.Process:
    """Raises: SandboxUnavailable."""
    try:
        return await trio.lowlevel.open_process(
            [*_confined(), sys.executable, "-I", "-S", "-B", str(_CHILD), *folders(), str(fd)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[fd],
            env={},
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:  # no Python at that place, no more processes or descriptors to be had
        raise SandboxUnavailable(f"no process can be started: {error.strerror or error}") from error


class Watched:
    """A running child, which leads a process group, and what it has written, up to `most_bytes`."""

    def __init__(self, process: trio.Process, most_bytes: int = MAX_BYTES) -> None:
        self.process, self._most_bytes = process, most_bytes
        self.said = bytearray()
        self.stderr = bytearray()
        self.over_long = False

    async def talk(self, order: bytes) -> None:
        """Returns when the child has ended, or has written too much."""
        assert self.process.stdin is not None and self.process.stdout is not None and self.process.stderr is not None  # noqa: PT018
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read, self.process.stdout, self.said, self._most_bytes, nursery.cancel_scope)
            nursery.start_soon(self._read, self.process.stderr, self.stderr, MAX_STDERR_BYTES, nursery.cancel_scope)
            with contextlib.suppress(trio.BrokenResourceError):  # it has ended already, and says itself how
                await self.process.stdin.send_all(order)
        if not self.over_long:
            await _gone(self.process)

    async def _read(
        self, stream: trio.abc.ReceiveStream, into: bytearray, most: int, everything: trio.CancelScope
    ) -> None:
        async for chunk in stream:
            into += chunk
            if len(into) > most:
                del into[most:]
                self.over_long = True
                everything.cancel()

    async def end(self) -> None:
        """Nothing of the child runs any more. It is reaped only then: until then its number is nobody else's."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                await stream.aclose()


async def _gone(process: trio.Process) -> None:
    """Returns when the process has ended. Where the system can tell, it is not reaped."""
    try:
        fd = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # another system, an old kernel, a container that filters it
        await process.wait()
        return
    try:
        await trio.lowlevel.wait_readable(fd)
    finally:
        os.close(fd)


def _end(watched: Watched, said: Report, *, timed_out: bool, seconds: float) -> ChildEnd:
    code = watched.process.returncode
    assert code is not None
    how: How
    if timed_out or watched.over_long:
        how = "timed-out" if timed_out else "over-long"
    elif said.invalid:
        how = "invalid"
    elif said.refused is not None and code == REFUSED_EXIT:
        how = "refused"
    elif said.error is not None:
        how = "failed"
    else:
        how = "reported" if said.report is not None and code == 0 else "crashed"
    return ChildEnd(
        how=how,
        step=said.step,
        layers=said.layers,
        seconds=seconds,
        report=said.report if how == "reported" else None,
        reason={"invalid": said.invalid, "refused": said.refused, "failed": said.error}.get(how),
        exit_code=code if code >= 0 else None,
        signal=signal_name(-code) if code < 0 and how == "crashed" else None,
        stderr=bytes(watched.stderr),
    )


def signal_name(number: int) -> str:
    """SIGSEGV for 11; SIG35 where there is no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


@cache
def _confined() -> list[str]:
    """What the child is started with on this system: Linux's puts its layers on by itself."""
    system: str = sys.platform
    if system == "linux":
        return []
    if system == "darwin":
        from kandil.sandbox import macos  # noqa: PLC0415 (one system's)

        return macos.command(sys.executable, folders())
    raise SandboxUnavailable(f"kandil has none for {system}")


@cache
def folders() -> tuple[str, ...]:
    """Where the child finds kandil, and cffi with what it needs."""
    specs = (find_spec(name) for name in ("kandil", "cffi", "_cffi_backend", "pycparser"))
    origins = (Path(spec.origin) for spec in specs if spec is not None and spec.origin is not None)
    return tuple(dict.fromkeys(str(_root(origin)) for origin in origins))


def _root(origin: Path) -> Path:
    return origin.parent.parent if origin.name == "__init__.py" else origin.parent
