"""All sources at once, each with its deadline and its own error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import trio

from kandil import paths
from kandil.hardware import amd, apple, cgroup, cpu, disk, intel, memory, nvidia
from kandil.hardware.cgroup import Allowance
from kandil.hardware.cpu import Cpu
from kandil.hardware.disk import Disk
from kandil.hardware.gpu import Found, Gpu
from kandil.hardware.memory import Memory
from kandil.hardware.roots import Roots, reason

DEADLINE_SECONDS = 2.0
_SLOW = {"nvidia": 5, "apple": 5}
"""Who has so many times as long: a driver that must wake its cards first, and a program that must start."""
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Source:
    """What came of asking one source."""

    name: str
    state: Literal["found", "none", "unknown"]
    """`none`: asked, and there is nothing. `unknown`: it failed, or there may be more than it told."""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hardware:
    """What this process may use of the machine it runs on. What could not be learned is None, and has its reason."""

    cpu: Cpu | None
    memory: Memory | None
    disk: Disk | None
    gpus: tuple[Gpu, ...]
    sources: tuple[Source, ...]

    @property
    def problems(self) -> tuple[Source, ...]:
        """The sources that do not know all that they should."""
        return tuple(source for source in self.sources if source.state == "unknown")

    def to_json(self) -> dict[str, object]:
        """The fields by their names, sizes in bytes, features in order."""
        shown = asdict(self)
        if self.cpu is not None:
            shown["cpu"] |= {"features": sorted(self.cpu.features), "usable_cores": self.cpu.usable_cores}
        return shown


async def detect(
    *,
    roots: Roots | None = None,
    models: Path | None = None,
    deadline_seconds: float = DEADLINE_SECONDS,
    system: str = sys.platform,
) -> Hardware:
    """The machine. What a source has not told after its deadline is unknown; drivers that wake cards have five of it.

    `roots` are where Linux shows its state; `models` is where models will be kept (:func:`kandil.paths.models_dir`);
    `system` is as :data:`sys.platform`.
    """
    asked = _Asked()
    async with trio.open_nursery() as nursery:
        for name, ask in _sources(roots or Roots(), models, deadline_seconds, system).items():
            nursery.start_soon(asked.ask, name, ask, _SLOW.get(name, 1) * deadline_seconds)
    return asked.hardware()


def _sources(
    roots: Roots, models: Path | None, deadline_seconds: float, system: str
) -> dict[str, Callable[[], object]]:
    everywhere: dict[str, Callable[[], object]] = {"disk": lambda: disk.read(models or paths.models_dir())}
    if system == "darwin":
        return everywhere | {
            "cpu": partial(apple.read_cpu, deadline_seconds),
            "memory": memory.portable,
            "apple": partial(apple.read_gpus, _SLOW["apple"] * deadline_seconds),
        }
    if system != "linux":
        return everywhere | {"cpu": cpu.portable, "memory": memory.portable}
    readers = {"cpu": cpu, "memory": memory, "cgroup": cgroup, "nvidia": nvidia, "amd": amd, "intel": intel}
    return everywhere | {name: partial(module.read, roots) for name, module in readers.items()}


class _Asked:
    """Answers as they come in."""

    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(16)  # one that hangs holds its place for as long as it does
        self._answers: dict[str, object] = {}
        self._sources: dict[str, Source] = {}

    async def ask(self, name: str, source: Callable[[], object], deadline_seconds: float) -> None:
        with trio.move_on_after(deadline_seconds) as deadline:
            try:
                answer = await trio.to_thread.run_sync(
                    source, thread_name=f"kandil-{name}", abandon_on_cancel=True, limiter=self._threads
                )
            except Exception as error:  # noqa: BLE001 (one source's failure, of whatever kind, is not the others')
                self._sources[name] = Source(name, "unknown", (reason(error),))
            else:
                self._answers[name] = answer
                self._sources[name] = _outcome(name, answer)
        if deadline.cancelled_caught:
            self._sources[name] = Source(name, "unknown", (f"no answer within {deadline_seconds:g} s",))

    def hardware(self) -> Hardware:
        allowance = self._answer("cgroup", Allowance) or Allowance()
        processor, ram = self._answer("cpu", Cpu), self._answer("memory", Memory)
        if ram is not None:
            ram = allowance.memory(ram)
        found = [self._answer(name, Found) or Found() for name in ("nvidia", "amd", "intel", "apple")]
        return Hardware(
            cpu=allowance.cpu(processor) if processor else None,
            memory=ram,
            disk=self._answer("disk", Disk),
            gpus=tuple(_sharing(gpu, ram) for answer in found for gpu in answer.gpus),
            sources=tuple(self._sources[name] for name in sorted(self._sources)),
        )

    def _answer(self, name: str, kind: type[_Value]) -> _Value | None:
        answer = self._answers.get(name)
        return answer if isinstance(answer, kind) else None


def _outcome(name: str, answer: object) -> Source:
    match answer:
        case Found(gpus, problems):
            return Source(name, "unknown" if problems else "found" if gpus else "none", problems)
        case Allowance(levels, quota, problems):
            return Source(name, "unknown" if problems else "found" if levels or quota else "none", problems)
        case _:
            return Source(name, "found")


def _sharing(gpu: Gpu, ram: Memory | None) -> Gpu:
    """A GPU without memory of its own has the process's, at the most."""
    if not gpu.unified or ram is None:
        return gpu
    total = min(ram.total_bytes, gpu.total_bytes if gpu.total_bytes is not None else ram.total_bytes)
    free = min(ram.available_bytes, total, gpu.free_bytes if gpu.free_bytes is not None else total)
    return replace(gpu, total_bytes=total, free_bytes=free)
