"""Machines to fit models on, and profiles of models to fit."""

from __future__ import annotations

from typing import Any

from kandil._core import Header
from kandil.compat import shape_of
from kandil.hardware import Disk, Gpu, Hardware, Memory
from kandil.profiles import Profile
from kandil.profiles.profile import Weights

GIB = 1 << 30


def machine(
    ram_gib: float | None, *vram_gib: float | None, unified: bool = False, disk_gib: float | None = None
) -> Hardware:
    """With so much RAM free, and an eighth more in all; with GPUs with so much free. None: it is not known."""
    free = None if ram_gib is None else round(ram_gib * GIB)
    memory = None if free is None else Memory(free * 9 // 8, free, free * 9 // 8, free)
    sizes = [None if one is None else round(one * GIB) for one in vram_gib]
    gpus = tuple(Gpu("nvidia", f"GPU {number}", size, size, unified) for number, size in enumerate(sizes))
    disk = None if disk_gib is None else Disk("/models", round(disk_gib * GIB), round(disk_gib * GIB) * 2)
    return Hardware(None, memory, disk, gpus, ())


def profile(name: str = "model:7b", *, cloud: bool = False, context: int | None = None, **weights: Any) -> Profile:
    """A profile with these weights."""
    return Profile(
        id=name,
        name=name,
        source="cloud" if cloud else "ollama",
        provider="openai" if cloud else "ollama",
        protocol="openai" if cloud else "ollama",
        base_url="https://example.invalid" if cloud else "http://localhost:11434",
        api_model=name,
        context_window=context,
        weights=None if cloud else Weights(**weights),
        date="2026-11-22",
    )


def profile_of(header: Header) -> Profile:
    """What somebody who has read the header would record."""
    return profile(
        size_bytes=header.file_size_bytes, architecture=str(header["general.architecture"]), shape=shape_of(header)
    )
