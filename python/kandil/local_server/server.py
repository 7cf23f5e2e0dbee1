"""A server for as long as somebody wants it."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kandil import http
from kandil.errors import KandilError, LocalServerFailed
from kandil.local_server import kept
from kandil.local_server.order import Order, known
from kandil.local_server.process import Running
from kandil.secret import Secret

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from pathlib import Path

_ANSWER: Final = http.Timeouts(connect_seconds=5, first_byte_seconds=10, total_seconds=15)
_LARGEST_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server that answers for a model."""

    base_url: str
    """`http://127.0.0.1:PORT`, with OpenAI's paths below `/v1`."""
    secret: Secret
    """The server's own: made for it, and known to nobody else."""
    pid: int
    context_tokens: int
    """That it has: what was asked for, or what the model was made for where that is less; more where it was there."""
    reused: bool = False
    """It was there."""
    layers: Mapping[str, str] = field(default_factory=dict)
    """What holds it, layer by layer: `active`, or `absent: reason`."""


@asynccontextmanager
async def serve(
    files: Sequence[Path],
    *,
    context_tokens: int,
    gpu_layers: int | None = None,
    threads: int | None = None,
    memory_bytes: int | None = None,
    projector: Path | None = None,
    keep_alive_seconds: float | None = None,
    slots: int = 1,
    verified: Mapping[Path, os.stat_result] | None = None,
) -> AsyncGenerator[Served]:
    """A server for the model in `files` (its parts, the first first), ready; it ends with the context.

    One that was kept and serves is used. With `keep_alive_seconds` one that is started stays, until nobody has used it
    for so long. `slots` requests are answered at once, each within `context_tokens`; a server with more than one is for
    its caller alone. `verified`: the files as they were when they were verified; none but these is loaded.
    `memory_bytes`: what it is thought to need, so that it gets no more than a multiple of it.

    Raises:
        ExtraMissing: there is no llama.cpp: the extra ``local`` brings one.
        LocalServerFailed: it does not load the model; LoadOutOfMemory, LocalModelBroken where that is known to be why.
        FileReplaced: a file is not the one that was verified.
        FileUnwritable: it cannot be kept.
    """
    order = _order(
        files,
        projector,
        verified,
        context_tokens=context_tokens,
        gpu_layers=gpu_layers,
        threads=threads,
        memory_bytes=memory_bytes,
        keep_alive_seconds=keep_alive_seconds,
        slots=slots,
    )
    if slots == 1 and keep_alive_seconds is not None:
        async with kept.found_or_started(order, Running.started) as (server, reused):
            yield await _answering(order, server, reused=reused)
        return
    if slots == 1:
        async with kept.found(order) as known:
            if known is not None:
                yield await _answering(order, known, reused=True)
                return
    running = await Running.started(order)
    try:
        yield await _answering(order, running)
    finally:
        await running.end()


@asynccontextmanager
async def found(
    files: Sequence[Path],
    *,
    context_tokens: int,
    projector: Path | None = None,
    keep_alive_seconds: float | None = None,
    verified: Mapping[Path, os.stat_result] | None = None,
) -> AsyncGenerator[Served | None]:
    """The server that `serve` would find, or None; for it the model needs no room that it does not have already.

    Raises: LocalServerFailed: it is there and does not answer.
    """
    order = _order(files, projector, verified, context_tokens=context_tokens, keep_alive_seconds=keep_alive_seconds)
    async with kept.found(order) as server:
        yield None if server is None else await _answering(order, server, reused=True)


def _order(
    files: Sequence[Path],
    projector: Path | None,
    verified: Mapping[Path, os.stat_result] | None,
    *,
    context_tokens: int,
    keep_alive_seconds: float | None,
    gpu_layers: int | None = None,
    threads: int | None = None,
    memory_bytes: int | None = None,
    slots: int = 1,
) -> Order:
    return Order(
        model=str(files[0]),
        projector=str(projector) if projector else None,
        files=known([*files, *([projector] if projector else [])], verified or {}),
        context_tokens=context_tokens,
        gpu_layers=gpu_layers,
        threads=threads,
        memory_bytes=memory_bytes,
        keep_alive_seconds=keep_alive_seconds,
        slots=slots,
    )


async def _answering(order: Order, server: kept.Kept | Running, *, reused: bool = False) -> Served:
    """With what it says of itself, asked with its key. Raises: LocalServerFailed."""
    try:
        async with (
            http.open_client(_ANSWER) as client,
            client.send(
                "GET", f"{server.address}/props", auth=("authorization", "Bearer"), secret=server.secret
            ) as response,
        ):
            said = json.loads(await response.read(_LARGEST_BYTES))
            context_tokens = int(said["default_generation_settings"]["n_ctx"])
    except (KandilError, ValueError, KeyError, TypeError) as error:
        reason = f"it is loaded, but does not answer: {error}"
        hint = "`kandil model stop` ends it, and the next question starts it anew" if reused else None
        raise LocalServerFailed(order.model, reason, (), hint=hint) from error
    return Served(
        base_url=server.address,
        secret=server.secret,
        pid=server.pid,
        context_tokens=context_tokens,
        reused=reused,
        layers=server.layers,
    )
