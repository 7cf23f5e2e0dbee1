"""Intel's GPUs, from PCI and, where a card has memory of its own, from the driver.

Sysfs has a card's memory only where the driver is Intel's own build (`lmem_total_bytes`, `lmem_avail_bytes`), or an
early xe (`tile0/physical_vram_size_bytes`); the kernel's are asked with an ioctl: see `drm`.
"""

from __future__ import annotations

from kandil.hardware import drm, pci
from kandil.hardware.gpu import Found, Gpu
from kandil.hardware.roots import Roots, names, number, reason

_INTEGRATED = "0000:00:02.0"
"""Where the processor's own is, in every generation."""


def read(roots: Roots) -> Found:
    """Raises: OSError."""
    return pci.found(roots, pci.INTEL, _gpu)


def _gpu(roots: Roots, device: pci.Device, index: int) -> tuple[Gpu, str | None]:
    unified = device.address == _INTEGRATED
    total, free, problem = (None, None, None) if unified else _memory(roots, device)
    gpu = Gpu(
        vendor="intel",
        name=pci.name(roots, device),
        total_bytes=total,
        free_bytes=free,
        unified=unified,
        index=index,
        pci_address=device.address,
        driver=device.driver,
    )
    return gpu, f"{device.address} has no driver" if device.driver is None else problem


def _memory(roots: Roots, device: pci.Device) -> tuple[int | None, int | None, str | None]:
    """Total, free, and why there is nothing."""
    cards = [device.folder / "drm" / name for name in names(device.folder / "drm") if name.startswith("card")]
    for card in cards:
        total = number(card / "lmem_total_bytes")
        if total is not None:
            return total, number(card / "lmem_avail_bytes"), None
    try:
        node = drm.render_node(roots, device)
        total, free = drm.video_memory(node, device.driver or "")
    except (OSError, ValueError) as error:
        tiles = [name for name in names(device.folder) if name.startswith("tile")]
        sizes = [size for tile in tiles if (size := device.number(f"{tile}/physical_vram_size_bytes")) is not None]
        return (sum(sizes), None, None) if sizes else (None, None, f"{device.address}: {reason(error)}")
    return total, free, None
