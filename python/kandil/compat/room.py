"""What a model may take of this machine: memory, less what is left to everything else, and disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kandil.hardware import Hardware

_MIB: Final = 1 << 20
RAM_RESERVE_SHARE: Final = 20
"""One part in so many of the RAM is left to the system, within the bounds below: caches are counted as available."""
RAM_RESERVE_LEAST_BYTES: Final = 512 * _MIB
RAM_RESERVE_MOST_BYTES: Final = 4096 * _MIB
VRAM_RESERVE_BYTES: Final = 1024 * _MIB
"""Of each GPU, for the driver's context and the display: what llama.cpp's own fitting leaves (``--fit-target``)."""
_GPU_SOURCES: Final = frozenset({"nvidia", "amd", "intel", "apple"})


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU whose free memory is known."""

    name: str
    free_bytes: int
    usable_bytes: int
    unified: bool = False
    """Its memory is the machine's RAM."""


@dataclass(frozen=True, slots=True)
class Room:
    """In bytes; None is not known."""

    ram_usable_bytes: int | None
    ram_total_bytes: int | None
    devices: tuple[Device, ...]
    disk_free_bytes: int | None
    unknown_gpus: tuple[str, ...] = ()
    """Those whose free memory is not known, and sources that may know of more: they are not counted on."""


def room_of(
    hardware: Hardware, ram_bytes: int | None = None, vram_bytes: int | None = None, disk_bytes: int | None = None
) -> Room:
    """What is free less the reserve. What the caller says may be used is taken as it is, of one GPU."""
    memory, gpus = hardware.memory, hardware.gpus
    total = memory.total_bytes if memory else None
    usable = memory.available_bytes - ram_reserve_bytes(memory.total_bytes) if memory else None
    if ram_bytes is not None:
        usable, total = ram_bytes, max(ram_bytes, total or 0)
    known = [(gpu, gpu.free_bytes) for gpu in gpus if gpu.free_bytes is not None]
    devices = tuple(Device(gpu.name, free, max(free - VRAM_RESERVE_BYTES, 0), gpu.unified) for gpu, free in known)
    unsure = (f"what {source.name} has" for source in hardware.problems if source.name in _GPU_SOURCES)
    unknown = (*(f"the free memory of {gpu.name}" for gpu in gpus if gpu.free_bytes is None), *unsure)
    if vram_bytes is not None:
        name = gpus[0].name if gpus else "GPU"
        devices, unknown = (
            (Device(name, vram_bytes, vram_bytes, bool(gpus) and gpus[0].unified),) if vram_bytes else (),
            (),
        )
    disk = hardware.disk.free_bytes if hardware.disk and disk_bytes is None else disk_bytes
    return Room(None if usable is None else max(usable, 0), total, devices, disk, unknown)


def ram_reserve_bytes(total_bytes: int) -> int:
    """What is left to the system and other programs."""
    return min(max(total_bytes // RAM_RESERVE_SHARE, RAM_RESERVE_LEAST_BYTES), RAM_RESERVE_MOST_BYTES)
