"""Servers that stay when kandil has ended: `--keep-alive`.

Each has a registration, ``servers/<model>-<context>.json`` in kandil's state folder, readable by its owner alone: its
process, its address, and the key that it was given when it started: random, good for this server alone and for as long
as it lives. It is locked (`flock`) by one who starts or removes a server, and by all together who use one: no server
ends while it is used, and of two who want the same one starts it and the other waits. A server cannot remove its own
registration, since it can write nothing; who looks next does.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

from kandil import paths
from kandil.errors import FileUnwritable
from kandil.paths import make_private
from kandil.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

    from kandil.local_server.order import Order
    from kandil.local_server.process import Running

_LARGEST_BYTES: Final = 64 << 10
_GRACE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A server that runs and that no kandil waits for."""

    model: str
    """The path of the model's first file."""
    pid: int
    address: str
    secret: Secret
    context_tokens: int
    """As it was asked for; the model may have been made for fewer."""
    started_at: str
    keep_alive_seconds: float
    layers: dict[str, str]
    registration: Path


@asynccontextmanager
async def found(order: Order) -> AsyncGenerator[Kept | None]:
    """A server that has this model loaded, with as much context or more; it does not end within the context."""
    async with AsyncExitStack() as using:
        for place in sorted(_folder().glob(f"{order.identity}-*.json")):
            if _context(place) >= order.context_tokens and (kept := using.enter_context(_used(place, order))):
                yield kept
                return
        yield None


@asynccontextmanager
async def found_or_started(
    order: Order, start: Callable[[Order, Path], Awaitable[Running]]
) -> AsyncGenerator[tuple[Kept, bool]]:
    """As `found`, with True; or one that `start` starts and that stays, with False.

    Raises: what `start` raises; FileUnwritable: it could not be found again.
    """
    place = _folder() / f"{order.identity}-{order.context_tokens}.json"
    started = False
    while True:
        async with found(order) as kept:
            if kept:
                yield kept, not started
                return
        with _locked(place) as registration:
            if registration is not None:
                await _start(order, place, registration, start)
                started = True
                continue  # it is found
        await trio.sleep(_LOOK_SECONDS)  # somebody starts it now


async def _start(
    order: Order, place: Path, registration: int, start: Callable[[Order, Path], Awaitable[Running]]
) -> None:
    running: Running | None = None
    try:
        running = await start(order, place)
        said = {
            "model": order.model,
            "pid": running.pid,
            "born": _born(running.pid),
            "address": running.address,
            "key": running.secret.reveal(),
            "context_tokens": order.context_tokens,
            "started_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "keep_alive_seconds": order.keep_alive_seconds,
            "layers": dict(running.layers),
        }
        _write(registration, said)
        await running.stay()
    except BaseException as error:
        os.unlink(place)
        if running is not None:
            await running.end()
        if isinstance(error, OSError):
            raise FileUnwritable(str(place), error.strerror or str(error)) from error
        raise


def running() -> list[Kept]:
    """Every server that was kept and still runs; the registrations of those that ended are removed."""
    servers = []
    for place in sorted(_folder().glob("*.json")):
        with _used(place) as kept:
            if kept:
                servers.append(kept)
        if not kept:
            with suppress(FileUnwritable), _locked(place) as registration:
                if registration is not None:
                    place.unlink(missing_ok=True)
    return servers


async def stop(kept: Kept) -> None:
    """It runs no more. One that has ended meanwhile is left alone."""
    with suppress(ProcessLookupError):
        process = os.pidfd_open(kept.pid)
        try:
            said = _read(kept.registration)
            if said is None or said["born"] != _born(kept.pid):
                return
            for number in (signal.SIGTERM, signal.SIGKILL):
                signal.pidfd_send_signal(process, number)
                with trio.move_on_after(_GRACE_SECONDS):
                    await trio.lowlevel.wait_readable(process)
                    break
        finally:
            os.close(process)
    kept.registration.unlink(missing_ok=True)


def _folder() -> Path:
    return paths.state_dir() / "servers"


def _context(place: Path) -> int:
    """That the server at this place was started with; -1 for a name that is not ours."""
    number = place.stem.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else -1


@contextmanager
def _used(place: Path, order: Order | None = None) -> Iterator[Kept | None]:
    """The server that is registered there, and that does not end within the context; None where none runs.

    With an order it is used: its time begins anew, and is the order's where that has one.
    """
    try:
        registration = os.open(place, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        yield None
        return
    try:
        fcntl.flock(registration, fcntl.LOCK_SH | fcntl.LOCK_NB)
        said = _alive(registration)
    except OSError:
        said = None  # it starts, or it ends
    try:
        if (
            said is not None
            and order is not None
            and order.keep_alive_seconds not in (None, said["keep_alive_seconds"])
        ):
            said["keep_alive_seconds"] = order.keep_alive_seconds
            with suppress(OSError):  # then it stays for as long as it was to
                _write(registration, said)
        yield None if said is None else _kept(place, said)
    finally:
        if said is not None and order is not None:
            os.utime(registration)
        os.close(registration)


@contextmanager
def _locked(place: Path) -> Iterator[int | None]:
    """The registration, open, for this process alone; None where it is in use, or tells of a server that runs.

    Raises: FileUnwritable.
    """
    try:
        make_private(place.parent)
        registration = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise FileUnwritable(str(place), error.strerror or str(error)) from error
    try:
        yield registration if _is_ours(place, registration) else None
    finally:
        os.close(registration)


def _is_ours(place: Path, registration: int) -> bool:
    try:
        fcntl.flock(registration, fcntl.LOCK_EX | fcntl.LOCK_NB)
        same = os.path.samestat(os.stat(place), os.fstat(registration))  # else who had it has removed it
        return same and _alive(registration) is None
    except OSError:
        return False


def _read(registration: int | Path) -> dict[str, Any] | None:
    try:
        if isinstance(registration, Path):
            registration = os.open(registration, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                return _read(registration)
            finally:
                os.close(registration)
        said = json.loads(os.pread(registration, _LARGEST_BYTES, 0))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) and "born" in said else None


def _alive(registration: int) -> dict[str, Any] | None:
    """What the registration says of a server that runs."""
    said = _read(registration)
    try:
        return said if said is not None and said["born"] == _born(said["pid"]) else None
    except (ProcessLookupError, KeyError):
        return None


def _write(registration: int, said: dict[str, Any]) -> None:
    content = json.dumps(said).encode()
    os.pwrite(registration, content, 0)
    os.ftruncate(registration, len(content))


def _kept(place: Path, said: dict[str, Any]) -> Kept:
    known = {name: said[name] for name in Kept.__slots__ if name in said}
    return Kept(**known, secret=Secret(said["key"]), registration=place)


def _born(pid: int) -> str:
    """When the process started: its number may be another's later. Raises: ProcessLookupError."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        state, *fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError as error:
        raise ProcessLookupError(pid) from error
    if state in ("Z", "X"):
        raise ProcessLookupError(pid)
    return f"{boot} {fields[18]}"  # starttime: field 22 of proc_pid_stat(5)
