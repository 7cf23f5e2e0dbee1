"""NVML's C functions, simulated: what `pynvml` calls where a driver is installed."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from kandil.hardware import nvidia

_FIRST_INSTANCE = 100


@dataclass(frozen=True)
class Card:
    """Memory is total and free in bytes, or the error that asking for it ends with."""

    name: str
    memory: tuple[int, int] | int = (24 << 30, 23 << 30)
    capability: tuple[int, int] = (8, 9)
    instances: tuple[tuple[str, int], ...] | None = None
    """Of a card that is divided: name, and bytes."""
    divisible: bool = False
    handle_error: int = 0


def install(patch: pytest.MonkeyPatch, cards: list[Card], *, init_error: int = 0) -> None:
    """From now on the driver is installed, and has these cards."""
    patch.setattr(nvidia, "_loaded", lambda _: True)
    patch.setattr(pynvml, "nvmlLib", SimpleNamespace(**_functions(cards, init_error)))
    patch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})


def _functions(cards: list[Card], init_error: int) -> dict[str, Callable[..., int]]:  # noqa: C901 (a table)
    def card(handle: Any) -> tuple[Card, int | None]:
        number = ctypes.cast(handle, ctypes.c_void_p).value or 0
        place, instance = divmod(number, _FIRST_INSTANCE)
        return cards[place - 1], instance - 1 if instance else None

    def get_handle(index: Any, handle: Any) -> int:
        error: int = cards[index.value].handle_error
        if error:
            return error
        return _point(handle, (index.value + 1) * _FIRST_INSTANCE)

    def get_instance(device: Any, index: Any, handle: Any) -> int:
        number = ctypes.cast(device, ctypes.c_void_p).value or 0
        if index.value >= len(card(device)[0].instances or ()):
            return int(pynvml.NVML_ERROR_NOT_FOUND)
        return _point(handle, number + index.value + 1)

    def get_name(handle: Any, text: Any, _: Any) -> int:
        whole, instance = card(handle)
        text.value = (whole.name if instance is None else (whole.instances or ())[instance][0]).encode()
        return 0

    def get_uuid(handle: Any, text: Any, _: Any) -> int:
        text.value = f"GPU-{ctypes.cast(handle, ctypes.c_void_p).value}".encode()
        return 0

    def get_memory(handle: Any, memory: Any) -> int:
        whole, instance = card(handle)
        if isinstance(whole.memory, int):
            return whole.memory
        total, free = whole.memory
        if instance is not None:
            total = free = (whole.instances or ())[instance][1]
        memory._obj.total, memory._obj.free, memory._obj.used = total, free, total - free
        return 0

    def get_mode(handle: Any, current: Any, pending: Any) -> int:
        whole, _ = card(handle)
        if not whole.divisible:
            return int(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return _set(current, int(whole.instances is not None)) or _set(pending, 0)

    def get_capability(handle: Any, major: Any, minor: Any) -> int:
        whole, _ = card(handle)
        return _set(major, whole.capability[0]) or _set(minor, whole.capability[1])

    def get_place(handle: Any, place: Any) -> int:
        number = ctypes.cast(handle, ctypes.c_void_p).value or 0
        place._obj.busId = f"00000000:{number // _FIRST_INSTANCE:02X}:00.0".encode()
        return 0

    def get_driver(text: Any, _: Any) -> int:
        text.value = b"580.95.05"
        return 0

    return {
        "nvmlInitWithFlags": lambda _: init_error,
        "nvmlShutdown": lambda: 0,
        "nvmlSystemGetDriverVersion": get_driver,
        "nvmlDeviceGetCount_v2": lambda count: _set(count, len(cards)),
        "nvmlDeviceGetHandleByIndex_v2": get_handle,
        "nvmlDeviceGetName": get_name,
        "nvmlDeviceGetUUID": get_uuid,
        "nvmlDeviceGetMemoryInfo": get_memory,
        "nvmlDeviceGetMigMode": get_mode,
        "nvmlDeviceGetMaxMigDeviceCount": lambda _, count: _set(count, 7),
        "nvmlDeviceGetMigDeviceHandleByIndex": get_instance,
        "nvmlDeviceGetCudaComputeCapability": get_capability,
        "nvmlDeviceGetPciInfo_v3": get_place,
    }


def _set(reference: Any, value: int) -> int:
    reference._obj.value = value
    return 0


def _point(reference: Any, number: int) -> int:
    ctypes.cast(reference, ctypes.POINTER(ctypes.c_void_p))[0] = number
    return 0
