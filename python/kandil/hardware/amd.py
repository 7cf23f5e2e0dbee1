"""AMD's GPUs, from the files of the kernel's amdgpu driver (Documentation/gpu/amdgpu/driver-misc.rst)."""

from __future__ import annotations

import struct

from kandil.hardware import pci
from kandil.hardware.gpu import Found, Gpu
from kandil.hardware.roots import Roots, content, line

_APU_METRICS = (2, 3)
"""Formats of `gpu_metrics` that APUs have; cards have 1 (drivers/gpu/drm/amd/include/kgd_pp_interface.h)."""
_SMALL = 2 << 30


def read(roots: Roots) -> Found:
    """Raises: OSError."""
    return pci.found(roots, pci.AMD, _gpu)


def _gpu(roots: Roots, device: pci.Device, index: int) -> tuple[Gpu, str | None]:
    sizes = {pool: _pool(device, pool) for pool in ("vram", "gtt")}
    unified = _shares(device, sizes["vram"][0], sizes["gtt"][0])
    total, free = _sum(sizes["vram"], sizes["gtt"]) if unified else sizes["vram"]
    serial = line(device.folder / "unique_id")
    gpu = Gpu(
        vendor="amd",
        name=line(device.folder / "product_name") or pci.name(roots, device),
        total_bytes=total,
        free_bytes=free,
        unified=unified,
        index=index,
        uuid=f"GPU-{serial[:64]}" if serial else None,
        pci_address=device.address,
        driver=device.driver,
    )
    if device.driver is None:
        return gpu, f"{device.address} has no driver"
    return gpu, None if total is not None else f"{device.address}: {device.driver} does not say how much memory it has"


def _pool(device: pci.Device, pool: str) -> tuple[int | None, int | None]:
    """Total and free."""
    total, used = device.number(f"mem_info_{pool}_total"), device.number(f"mem_info_{pool}_used")
    return total, None if total is None or used is None else max(0, total - used)


def _sum(own: tuple[int | None, int | None], shared: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
    """An APU computes on its carve-out and on the RAM that the kernel maps for it (GTT: half of RAM, unless set)."""
    total, free = ([part for part in parts if part is not None] for parts in zip(own, shared, strict=True))
    return sum(total) if total else None, sum(free) if len(free) == len(total) and free else None


def _shares(device: pci.Device, vram: int | None, gtt: int | None) -> bool:
    """Whether this is an APU. Without its metrics (an old kernel): little memory of its own, and more of the RAM."""
    try:
        size, revision = struct.unpack_from("<HB", content(device.folder / "gpu_metrics", 4))
    except (OSError, struct.error):
        return vram is not None and gtt is not None and vram < _SMALL and gtt > vram
    return bool(size) and revision in _APU_METRICS
