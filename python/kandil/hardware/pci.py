"""PCI devices that compute or draw, as sysfs shows them (Documentation/ABI/testing/sysfs-bus-pci)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kandil.hardware.gpu import Found, Gpu
from kandil.hardware.roots import Roots, line, names, number, text

NVIDIA, AMD, INTEL = 0x10DE, 0x1002, 0x8086
_DISPLAY, _ACCELERATOR = 0x03, 0x12
"""Base classes of PCI's Code and ID Assignment: display controllers, and processing accelerators."""
_PCI_IDS_BYTES = 8 << 20
_CARD = re.compile(r"card\d+")


@dataclass(frozen=True, slots=True)
class Device:
    folder: Path
    vendor: int
    device: int
    driver: str | None
    """The kernel's module that drives it; None where none does."""

    @property
    def address(self) -> str:
        """As 0000:01:00.0."""
        return os.path.basename(self.folder)

    def number(self, name: str) -> int | None:
        return number(self.folder / name)


def devices(roots: Roots, vendor: int) -> tuple[list[Device], list[str]]:
    """The vendor's devices that compute or draw, in the order of their addresses, and why there may be more.

    Raises: OSError where there is no sysfs.
    """
    if not names(roots.sys):
        raise FileNotFoundError(0, "nothing is there", str(roots.sys))
    found: dict[Path, Device] = {}
    problems: dict[str, None] = {}
    for folder, drawing in _folders(roots):
        real = Path(os.path.realpath(folder))
        made_by, kind = number(real / "vendor"), number(real / "class")
        if made_by not in (None, vendor) or not real.exists():
            continue
        if made_by is None or (kind is None and not drawing):
            problems[f"{real.name} cannot be read"] = None
        elif drawing or (kind or 0) >> 16 in (_DISPLAY, _ACCELERATOR):  # beside a GPU are its sound card, its USB port
            driver = real / "driver"
            bound = os.path.basename(os.path.realpath(driver)) if os.path.lexists(driver) else None
            found[real] = Device(real, vendor, number(real / "device") or 0, bound)
    return [found[real] for real in sorted(found)], list(problems)


def found(roots: Roots, vendor: int, ask: Callable[[Roots, Device, int], tuple[Gpu, str | None]]) -> Found:
    """The vendor's GPUs, each as `ask` tells of it, with what it could not tell. Raises: OSError as `devices`."""
    listed, problems = devices(roots, vendor)
    told = [ask(roots, device, index) for index, device in enumerate(listed)]
    return Found(tuple(gpu for gpu, _ in told), (*problems, *(problem for _, problem in told if problem)))


def _folders(roots: Roots) -> Iterator[tuple[Path, bool]]:
    """All of the bus, and what is known to draw: some containers see only one of the two."""
    bus, cards = roots.sys / "bus/pci/devices", roots.sys / "class/drm"
    yield from ((bus / name, False) for name in names(bus))
    for name in names(cards):
        device = cards / name / "device"
        if _CARD.fullmatch(name) and os.path.lexists(device / "vendor"):  # those that are no PCI devices have none
            yield device, True


def name(roots: Roots, device: Device) -> str:
    """Its name in hwdata's list, else its numbers."""
    for place in ("hwdata/pci.ids", "misc/pci.ids"):
        try:
            listed = _listed(text(roots.share / place, _PCI_IDS_BYTES), device)
        except OSError:
            continue
        if listed:
            return listed
    return line(device.folder / "product_name") or f"{device.vendor:04x}:{device.device:04x}"


def _listed(ids: str, device: Device) -> str | None:
    """Vendors begin a line; their devices follow with one tab before them."""
    start = ids.find(f"\n{device.vendor:04x}  ")
    if start < 0:
        return None
    row = re.compile(rf"^\t{device.device:04x}  (.+)$", re.MULTILINE).search(ids, start)
    next_vendor = re.compile(r"^[0-9a-f]{4}  ", re.MULTILINE).search(ids, start + 1)
    following = re.compile(r"^[0-9a-f]{4}  ", re.MULTILINE).search(ids, next_vendor.end()) if next_vendor else None
    if row is None or (following and row.start() > following.start()):
        return None
    return row[1].strip()[:200]
