"""Servers that stay when kandil has ended: `ask --keep-alive`.

Each has a file ``servers/<identity>.json`` in kandil's state folder, readable by its owner alone, with its process, its
address, and the key that it was given when it started: random, good for this server alone and as long as it lives.
"""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import trio

from kandil import files, paths
from kandil.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from kandil.local_server.order import Order
    from kandil.local_server.server import Served

_LARGEST_BYTES: Final = 64 << 10
_GRACE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A server that runs and that no kandil waits for."""

    model: str
    """The path of the model's first file."""
    pid: int
    address: str
    context_tokens: int
    started_at: str
    keep_alive_seconds: float
    identity: str


async def found_or_started(order: Order, start: Callable[[Order], Awaitable[tuple[Served, trio.Process]]]) -> Served:
    """The server for this order: the one that runs, or one that `start` starts and that stays.

    Two that ask at once get the same. Raises: what `start` raises; FileUnwritable: it could not be found again.
    """
    from kandil.local_server.server import Served  # noqa: PLC0415 - which imports this

    place = _folder() / f"{order.identity}.json"
    with files.locked(place):
        if said := _alive(place):
            return Served(
                base_url=said["address"],
                secret=Secret(said["key"]),
                pid=said["pid"],
                context_tokens=said["context_tokens"],
                reused=True,
            )
        served, process = await start(order)
        said = {
            "model": order.model,
            "pid": served.pid,
            "born": _born(served.pid),
            "address": served.base_url,
            "key": served.secret.reveal(),
            "context_tokens": served.context_tokens,
            "started_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "keep_alive_seconds": order.keep_alive_seconds,
        }
        try:
            files.write(place, json.dumps(said).encode())
        except BaseException:
            process.kill()
            raise
    return served


def running() -> list[Kept]:
    """Every server that was kept and still runs; the files of those that ended are removed."""
    found = []
    for place in sorted(_folder().glob("*.json")):
        said = _alive(place)
        if said is None:
            with suppress(OSError):
                place.unlink()
            continue
        known = {name: said[name] for name in Kept.__slots__ if name in said}
        found.append(Kept(**known, identity=place.stem))
    return found


async def stop(kept: Kept) -> None:
    """It runs no more. One that has ended meanwhile is left alone."""
    place = _folder() / f"{kept.identity}.json"
    said = _alive(place)
    if said is None or said["pid"] != kept.pid:
        return
    os.kill(kept.pid, signal.SIGTERM)
    with trio.move_on_after(_GRACE_SECONDS):
        while _alive(place):
            await trio.sleep(0.02)
    if _alive(place):
        os.kill(kept.pid, signal.SIGKILL)
    with suppress(OSError):
        place.unlink()


def _folder() -> Path:
    return paths.state_dir() / "servers"


def _alive(place: Path) -> dict[str, Any] | None:
    """What the file says of a server that runs."""
    try:
        said = json.loads(files.read(place, _LARGEST_BYTES))
        return said if isinstance(said, dict) and said["born"] == _born(said["pid"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _born(pid: int) -> float:
    """When the process started: its number may be another's later. Raises: ProcessLookupError."""
    import psutil  # noqa: PLC0415 - for those that were kept alone

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            raise ProcessLookupError(pid)
        return float(process.create_time())
    except psutil.Error as error:
        raise ProcessLookupError(pid) from error
