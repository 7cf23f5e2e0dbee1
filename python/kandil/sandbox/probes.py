"""Runs the probes: attacks from within the sandbox, each in a child of its own.

A probe that fails proves nothing unless it succeeds where the sandbox is not: the control run leaves all layers out.
"""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from kandil.sandbox.bait import laid
from kandil.sandbox.layers import LAYERS
from kandil.sandbox.payloads import Probe, load
from kandil.sandbox.supervisor import ChildEnd, Limits, run_child

_MEMORY_BYTES = 256 << 20
_CPU_SECONDS = 1
EVERY_LAYER = tuple(name for name in LAYERS if name != "cgroup")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one probe. `held` says that it had no effect; `how` in what way it was stopped."""

    probe: Probe
    held: bool
    how: str
    layers: Mapping[str, str]


def probes() -> dict[str, Probe]:
    """The table, by name."""
    return load()


@asynccontextmanager
async def outcomes(
    names: Collection[str] | None = None, *, without: tuple[str, ...] | None = None, allow_weaker: bool = False
) -> AsyncIterator[trio.MemoryReceiveChannel[Outcome]]:
    """The outcome of each probe, or of those `names`, as they come; with the layers of `without` left out."""
    table = probes()
    limits = Limits(
        memory_bytes=_MEMORY_BYTES, cpu_seconds=_CPU_SECONDS, allow_weaker=allow_weaker, without=without
    )
    send, receive = trio.open_memory_channel[Outcome](len(table))
    at_once = trio.CapacityLimiter(2 * (os.cpu_count() or 1))  # some wait

    async def one(probe: Probe) -> None:
        async with at_once:
            await send.send(await _outcome(probe, limits))

    async def each() -> None:
        async with send, trio.open_nursery() as running:
            for name in table if names is None else names:
                running.start_soon(one, table[name])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(each)
        async with receive:
            yield receive
        nursery.cancel_scope.cancel()


async def _outcome(probe: Probe, limits: Limits) -> Outcome:
    with laid() as bait:
        task = {"in": probe.payload.__module__, "probe": probe.name, "bait": bait.task()}
        end = await run_child(
            bait.model.fileno(), "kandil.sandbox.payloads", task, limits, timeout_seconds=probe.seconds
        )
        effects = bait.effects()
    succeeded = end.report is not None and end.report.get("succeeded") is True
    if effects:
        how = "; ".join(effects)
    else:
        how = "had its way" if succeeded else _stopped(end)
    tried = end.step is not None
    return Outcome(probe, held=tried and end.how != "failed" and not succeeded and not effects, how=how, layers=end.layers)


def _stopped(end: ChildEnd) -> str:
    """In what way the child was kept from it."""
    match end.how:
        case "reported":
            number = (end.report or {}).get("errno")
            return f"refused: {errno.errorcode.get(number, number)}" if isinstance(number, int) else "without effect"
        case "crashed" if end.signal == "SIGSYS":
            return "ended by the filter of system calls"
        case "crashed":
            return f"ended by {end.signal or f'exit code {end.exit_code}'}"
        case "timed-out":
            return "ended after its time"
        case "over-long":
            return "ended for what it wrote"
        case "invalid":
            return f"report not taken: {end.reason}"
        case "refused" | "failed":
            return f"NOT TRIED: {end.reason}"
