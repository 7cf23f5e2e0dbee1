"""Runs the probes: attacks from within the sandbox, each in a child of its own.

A probe that fails proves nothing unless it succeeds where the sandbox is not: the control run leaves all layers out.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from kandil.errors import SandboxUnavailable
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
    """The outcome of each probe, or of those `names`, as they come; with the layers of `without` left out.

    Raises: SandboxUnavailable, and in a group where it shows only then.
    """
    if sys.platform != "linux":
        raise SandboxUnavailable("the attacks are made for Linux")
    table = probes()
    limits = Limits(memory_bytes=_MEMORY_BYTES, cpu_seconds=_CPU_SECONDS, allow_weaker=allow_weaker, without=without)
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
        end = await run_child(bait.model, "kandil.sandbox.payloads", task, limits, timeout_seconds=probe.seconds)
        effects = bait.effects()
    if end.how == "refused":
        raise SandboxUnavailable(end.reason or "", hint="--allow-weaker does without what this system does not give")
    succeeded = end.report is not None and end.report.get("succeeded") is True
    held = end.step is not None and end.how != "failed" and not succeeded and not effects
    how = "; ".join(effects) or ("had its way" if succeeded else _stopped(end))
    return Outcome(probe, held=held, how=how, layers=end.layers)


def _stopped(end: ChildEnd) -> str:
    """In what way the child was kept from it."""
    if end.how == "reported":
        number = (end.report or {}).get("errno")
        return f"refused: {errno.errorcode.get(number, number)}" if isinstance(number, int) else "without effect"
    if end.how == "crashed":
        by_filter = "the filter of system calls"
        return f"ended by {by_filter if end.signal == 'SIGSYS' else end.signal or f'exit code {end.exit_code}'}"
    said = {
        "timed-out": "ended after its time",
        "over-long": "ended for what it wrote",
        "invalid": f"report not taken: {end.reason}",
    }
    return said.get(end.how, f"not tried: {end.reason}")
