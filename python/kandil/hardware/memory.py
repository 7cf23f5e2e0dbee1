"""Memory: what the machine has, and what this process may have of it."""

from __future__ import annotations

from dataclasses import dataclass

from kandil.hardware.roots import Roots, text, whole


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes. `total` and `available` are what this process may use: the machine's, or its control groups' limit."""

    total_bytes: int
    available_bytes: int
    """What can be had without swapping: caches that the kernel would give up are counted."""
    host_total_bytes: int
    host_available_bytes: int
    swap_total_bytes: int = 0
    swap_free_bytes: int = 0
    limited_by: str | None = None
    """The control group whose limit is the smallest; None where the machine itself is."""


def read(roots: Roots) -> Memory:
    """From /proc/meminfo (Documentation/filesystems/proc.rst; its kB are KiB). In LXC it may be the container's own.

    Raises: OSError; ValueError where it does not say how much there is.
    """
    sizes: dict[str, int] = {}
    for row in text(roots.proc / "meminfo").splitlines():
        key, _, value = row.partition(":")
        words = value.split()
        size = whole(words[0]) if words else None
        if size is not None:
            sizes.setdefault(key, size << 10)
    total = sizes.get("MemTotal", 0)
    if not total:
        raise ValueError(f"no MemTotal in {roots.proc / 'meminfo'}")
    free = sizes.get("MemFree", 0) + sizes.get("Buffers", 0) + sizes.get("Cached", 0)
    available = min(sizes.get("MemAvailable", free), total)  # kernels before 3.14 have no estimate of their own
    return Memory(total, available, total, available, sizes.get("SwapTotal", 0), sizes.get("SwapFree", 0))


def portable() -> Memory:
    """What psutil knows, for systems that have no /proc."""
    import psutil  # noqa: PLC0415 (Linux does without)

    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return Memory(memory.total, memory.available, memory.total, memory.available, swap.total, swap.free)
