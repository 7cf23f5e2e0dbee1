"""What xe and i915 answer when asked for a card's memory (include/uapi/drm/xe_drm.h and i915_drm.h).

Both fill a buffer: once with no buffer, to learn its size, and once with it. Asking changes nothing on the card, and
every user who may compute on it may ask.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import Self

from kandil.hardware.pci import Device
from kandil.hardware.roots import Roots, names

_XE_QUERY = 0xC028_6440
"""DRM_IOCTL_XE_DEVICE_QUERY: _IOWR('d', 0x40, 40 bytes)."""
_XE_MEM_REGIONS = 1
_I915_QUERY = 0xC010_6479
"""DRM_IOCTL_I915_QUERY: _IOWR('d', 0x79, 16 bytes)."""
_I915_MEMORY_REGIONS = 4
_VIDEO = 1
"""The class of a card's own memory, in both: DRM_XE_MEM_REGION_CLASS_VRAM, I915_MEMORY_CLASS_DEVICE."""
_ANSWER_BYTES = 64 << 10
_I915_UNKNOWN = (1 << 64) - 1


def render_node(roots: Roots, device: Device) -> Path:
    """Raises: OSError where the device has none."""
    nodes = [name for name in names(device.folder / "drm") if name.startswith("renderD")]
    if not nodes:
        raise FileNotFoundError(0, "no render node", str(device.folder / "drm"))
    return roots.dev / "dri" / nodes[0]


def video_memory(node: Path, driver: str) -> tuple[int, int | None]:
    """Total and free bytes of the card's own memory; free is None where the kernel tells only root.

    Raises: OSError; ValueError where the driver is another, or its answer has no such memory.
    """
    if driver not in ("xe", "i915"):
        raise ValueError(f"the driver {driver} is not known to say how much memory there is")
    fd = os.open(node, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return xe_regions(_ask_xe(fd)) if driver == "xe" else i915_regions(_ask_i915(fd))
    finally:
        os.close(fd)


def _ask_xe(fd: int) -> bytes:
    asked = bytearray(struct.pack("=QIIQQQ", 0, _XE_MEM_REGIONS, 0, 0, 0, 0))
    fcntl.ioctl(fd, _XE_QUERY, asked)
    size = struct.unpack_from("=I", asked, 12)[0]
    with _Buffer(size) as buffer:
        fcntl.ioctl(fd, _XE_QUERY, bytearray(struct.pack("=QIIQQQ", 0, _XE_MEM_REGIONS, size, buffer.address, 0, 0)))
        return buffer.content()


def _ask_i915(fd: int) -> bytes:
    size = 0
    with _Buffer(24) as item:  # id, length, flags, pointer
        for _ in range(2):
            with _Buffer(max(size, 1)) as buffer:
                item.fill(struct.pack("=QiIQ", _I915_MEMORY_REGIONS, size, 0, buffer.address if size else 0))
                fcntl.ioctl(fd, _I915_QUERY, bytearray(struct.pack("=IIQ", 1, 0, item.address)))
                answered = struct.unpack_from("=i", item.content(), 8)[0]
                if answered <= 0:
                    raise OSError(-answered, os.strerror(-answered))
                if size:
                    return buffer.content()
                size = answered
    raise AssertionError("asked twice")


class _Buffer:
    """Memory that the kernel writes to."""

    def __init__(self, size: int) -> None:
        import cffi  # noqa: PLC0415 (few machines have such a card)

        if not 0 < size <= _ANSWER_BYTES:
            raise ValueError(f"the driver's answer would have {size} bytes")
        self._ffi = cffi.FFI()
        self._memory = self._ffi.new("char[]", size)
        self.address = int(self._ffi.cast("uintptr_t", self._memory))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ffi.release(self._memory)

    def fill(self, written: bytes) -> None:
        self._ffi.buffer(self._memory)[: len(written)] = written

    def content(self) -> bytes:
        return bytes(self._ffi.buffer(self._memory))


def xe_regions(answer: bytes) -> tuple[int, int | None]:
    """Of a `drm_xe_query_mem_regions`: u32 count, u32; each u16 class, u16, u32, u64 total, u64 used, in 88 bytes.

    `used` is 0 to those without CAP_PERFMON. Raises: ValueError.
    """
    total = used = 0
    for kind, size, taken in _regions(answer, 8, 88, "=H6xQQ"):
        if kind == _VIDEO:
            total, used = total + size, used + taken
    if not total:
        raise ValueError("the driver xe names no memory of the card")
    return total, max(0, total - used) if used else None


def i915_regions(answer: bytes) -> tuple[int, int | None]:
    """Of a `drm_i915_query_memory_regions`: 4 u32, the first a count; each u16 class, 6 bytes, u64 size, u64 free: 88.

    Free is all of it to those without CAP_PERFMON, or 2**64 - 1. Raises: ValueError.
    """
    total = free = 0
    for kind, size, left in _regions(answer, 16, 88, "=H6xQQ"):
        if kind == _VIDEO:
            total, free = total + size, free + left
    if not total or total >= _I915_UNKNOWN:
        raise ValueError("the driver i915 names no memory of the card")
    return total, free if free < total else None


def _regions(answer: bytes, first: int, stride: int, layout: str) -> list[tuple[int, int, int]]:
    if len(answer) < first:
        raise ValueError("the driver's answer is cut")
    count = struct.unpack_from("=I", answer)[0]
    if count > (len(answer) - first) // stride:
        raise ValueError("the driver's answer is cut")
    return [struct.unpack_from(layout, answer, first + place * stride) for place in range(count)]
