"""Programs of somebody's, run apart: without a network, keys, or files but those that they are given.

Unlike a file that is tried by loading it, a program may start others, and they are held as it is.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import trio

from kandil.errors import SandboxUnavailable
from kandil.sandbox import cgroup, program_child
from kandil.sandbox.supervisor import Watched, folders, signal_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CHILD: Final = Path(__file__).with_name("program_child.py")
_MOST_BYTES: Final = 4 << 20
"""Of what it prints."""
_SYSTEM: Final = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/crypto-policies",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ssl/certs",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
)
"""What is the same for all who use a machine, and holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a program may use: each of its processes, and all of them where a control group can be made."""

    memory_bytes: int
    cpu_seconds: int
    seconds: float
    """Until it is ended, by the clock."""
    file_bytes: int = 64 << 20
    processes: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Which files a program may use, beside the system's."""

    readable: tuple[str, ...]
    writable: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramEnd:
    """How a program ended. All that it printed is untrusted."""

    how: Literal["ended", "timed-out", "over-long"]
    exit_code: int | None
    signal: str | None
    output: bytes
    errors: bytes
    layers: Mapping[str, str]
    seconds: float


async def run_program(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    access: Access,
    bounds: Bounds,
    *,
    allow_weaker: bool = False,
) -> ProgramEnd:
    """How it ended; nothing of it runs any more. `command` begins with an absolute path.

    Raises: SandboxUnavailable: and it was not started.
    """
    if sys.platform != "linux":
        raise SandboxUnavailable(f"kandil has none for programs on {sys.platform}")
    began = time.perf_counter()
    order = {
        "command": list(command),
        "environment": dict(environment),
        "folder": str(folder),
        "confinement": {
            "readable": [*_SYSTEM, *access.readable],
            "writable": list(access.writable),
            "allow_weaker": allow_weaker,
            **{name: value for name, value in asdict(bounds).items() if name != "seconds"},
        },
    }
    with cgroup.own(bounds.memory_bytes) as group:
        watched = Watched(await _started(), _MOST_BYTES)
        try:
            grouped = group.add(watched.process.pid)
            with trio.move_on_after(bounds.seconds) as scope:
                await watched.talk(json.dumps(order).encode() + b"\n")
        finally:
            with trio.CancelScope(shield=True):
                await watched.end()
    return _end(watched, grouped, timed_out=scope.cancelled_caught, seconds=time.perf_counter() - began)


async def _started() -> trio.Process:
    """Raises: SandboxUnavailable."""
    try:
        return await trio.lowlevel.open_process(
            [sys.executable, "-I", "-S", "-B", str(_CHILD), *folders()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxUnavailable(f"no process can be started: {error.strerror or error}") from error


def _end(watched: Watched, grouped: str, *, timed_out: bool, seconds: float) -> ProgramEnd:
    """Raises: SandboxUnavailable."""
    first, _, output = bytes(watched.said).partition(b"\n")
    try:
        said = json.loads(first)
    except ValueError:  # it was ended before it could say anything, or could not begin
        said = {}
    if program_child.LAYERS not in said and not timed_out:
        reason = said.get(program_child.REFUSED) or bytes(watched.stderr).decode(errors="replace").strip()[-300:]
        raise SandboxUnavailable(reason, hint="--allow-weaker does with less, where that is enough")
    code = watched.process.returncode
    assert code is not None
    return ProgramEnd(
        how="timed-out" if timed_out else "over-long" if watched.over_long else "ended",
        exit_code=code if code >= 0 else None,
        signal=signal_name(-code) if code < 0 else None,
        output=output,
        errors=bytes(watched.stderr),
        layers={**said.get(program_child.LAYERS, {}), "cgroup": grouped},
        seconds=seconds,
    )
