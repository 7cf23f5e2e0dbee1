"""NVIDIA's GPUs, from their driver's own library (NVML), through `pynvml`.

Without the library nothing of a GPU is known; whether there is one, PCI, WSL's device and a Jetson's device tree tell.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from kandil.hardware import pci
from kandil.hardware.gpu import Found, Gpu
from kandil.hardware.roots import Roots, content

_Value = TypeVar("_Value")
_LIBRARY = "libnvidia-ml.so.1"
_WSL_LIBRARY = "/usr/lib/wsl/lib/libnvidia-ml.so.1"
_SHARING = ("GB10", "Orin", "Xavier", "Thor", "Tegra", "Jetson")
"""In the names of those that have no memory of their own: NVML has no number for it. Grace with a GPU beside has."""
_MAX_GPUS = 256


def read(roots: Roots) -> Found:
    """What NVML says; nothing, and no problem, where neither it nor a GPU is there.

    Raises: OSError; pynvml.NVMLError.
    """
    seen, problems = _seen(roots)
    if not _loaded(roots):
        return Found(problems=(*problems, *([f"{seen}, but the driver's library is not installed"] if seen else [])))
    import pynvml  # noqa: PLC0415 (20 ms that nobody else needs)

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        if error.value == pynvml.NVML_ERROR_DRIVER_NOT_LOADED and seen is None:
            return Found(problems=tuple(problems))  # as in images of containers, started where there is no GPU
        return Found(problems=(*problems, f"{seen or 'the driver is installed'}, but: {error}"))
    try:
        return _Library(pynvml).found(seen)
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _loaded(roots: Roots) -> bool:
    """Whether the library is there; once it is loaded from wherever it lies, `pynvml` finds it by its bare name."""
    for library in (_LIBRARY, _WSL_LIBRARY) if (roots.dev / "dxg").exists() else (_LIBRARY,):
        with contextlib.suppress(OSError):
            ctypes.CDLL(library)
            return True
    return False


def _seen(roots: Roots) -> tuple[str | None, list[str]]:
    """Where a GPU shows itself without the library, and why there may be more."""
    devices, problems = pci.devices(roots, pci.NVIDIA)
    if devices:
        listed = ", ".join(f"{pci.name(roots, device)} at {device.address}" for device in devices[:_MAX_GPUS])
        return f"PCI has {listed}", problems
    if (roots.dev / "dxg").exists():
        return "Windows offers a GPU of some vendor through /dev/dxg", problems
    try:
        machine = content(roots.sys / "firmware/devicetree/base/compatible")
    except OSError:
        machine = b""
    return "this is a Tegra, whose GPU is on the chip" if b"nvidia,tegra" in machine else None, problems


class _Library:
    """NVML, started."""

    def __init__(self, pynvml: Any) -> None:  # noqa: ANN401 (a module)
        self.nvml = pynvml
        self.problems: list[str] = []

    def found(self, seen: str | None) -> Found:
        self.driver = self._or_none(self.nvml.nvmlSystemGetDriverVersion)
        gpus: list[Gpu] = []
        count = min(self.nvml.nvmlDeviceGetCount(), _MAX_GPUS)
        for index in range(count):
            try:
                gpus += self._gpus(index, self.nvml.nvmlDeviceGetHandleByIndex(index))
            except self.nvml.NVMLError as error:
                self.problems.append(f"GPU {index}: {error}")
        if not count and seen:
            self.problems.append(f"{seen}, but the driver has no GPU for this process")
        return Found(tuple(gpus), tuple(self.problems))

    def _gpus(self, index: int, handle: Any) -> Iterator[Gpu]:  # noqa: ANN401 (a C pointer)
        """The GPU; in its place, its instances where it is divided: it cannot be used as a whole then."""
        mode = self._or_none(self.nvml.nvmlDeviceGetMigMode, handle)
        divided = None if mode is None else mode[0] == self.nvml.NVML_DEVICE_MIG_ENABLE
        whole = self._gpu(handle, index, divided, self._or_none(self.nvml.nvmlDeviceGetCudaComputeCapability, handle))
        if not divided:
            yield whole
            return
        instances = list(self._instances(handle))
        if not instances:
            self.problems.append(f"GPU {index}: MIG is on, and there is no instance for this process")
        for number, instance in instances:
            yield self._gpu(instance, index, divided, whole.compute_capability, number)

    def _instances(self, handle: Any) -> Iterator[tuple[int, Any]]:  # noqa: ANN401
        for number in range(self._or_none(self.nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
            instance = self._or_none(self.nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, number)
            if instance is not None:
                yield number, instance

    def _gpu(
        self,
        handle: Any,  # noqa: ANN401
        index: int,
        divided: bool | None,  # noqa: FBT001
        capability: tuple[int, int] | None,
        instance: int | None = None,
    ) -> Gpu:
        name = str(self.nvml.nvmlDeviceGetName(handle))[:200]
        total, free, unified = self._memory(handle, name, index)
        place = self._or_none(self.nvml.nvmlDeviceGetPciInfo, handle) if instance is None else None
        return Gpu(
            vendor="nvidia",
            name=name,
            total_bytes=total,
            free_bytes=free,
            unified=unified,
            index=index,
            uuid=self._or_none(self.nvml.nvmlDeviceGetUUID, handle),
            pci_address=_address(place.busId) if place else None,
            driver=self.driver,
            compute_capability=capability,
            mig=divided,
            instance=instance,
        )

    def _memory(self, handle: Any, name: str, index: int) -> tuple[int | None, int | None, bool]:  # noqa: ANN401
        """Total, free, and whether it is the machine's RAM (then the numbers are not NVML's to give)."""
        shares = any(part in name for part in _SHARING)
        try:
            memory = self.nvml.nvmlDeviceGetMemoryInfo(handle)
        except self.nvml.NVMLError as error:
            if not (shares and error.value == self.nvml.NVML_ERROR_NOT_SUPPORTED):
                self.problems.append(f"GPU {index}: its memory: {error}")
            return None, None, shares
        if shares:
            return None, None, True  # some drivers give 0, or the RAM without what others hold of it
        return int(memory.total), int(memory.free), False

    def _or_none(self, ask: Callable[..., _Value], *arguments: object) -> _Value | None:
        """What is asked, where this GPU and this driver know it."""
        try:
            return ask(*arguments)
        except self.nvml.NVMLError:
            return None


def _address(bus_id: bytes | str) -> str:
    """As sysfs writes it: NVML has eight digits for the domain, where four are enough."""
    written = bus_id.decode("ascii", "replace") if isinstance(bus_id, bytes) else bus_id
    return written.lower().removeprefix("0000")
