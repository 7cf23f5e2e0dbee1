"""The processor: what it is called, how many cores it has, what it can do that models are computed with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kandil.hardware.roots import Roots, line, numbers, text

_CPUINFO_BYTES = 8 << 20
"""A server with a thousand threads has about two."""
_FEATURES = {
    # For x86, of arch/x86/include/asm/cpufeatures.h;
    **{name: name for name in ("ssse3", "avx", "avx2", "fma", "f16c", "bmi2", "sha_ni", "avx_vnni", "avx512f")},
    **{name: name for name in ("avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16")},
    **{name: name for name in ("amx_tile", "amx_int8", "amx_bf16")},
    "pni": "sse3",
    # for arm64, of Documentation/arch/arm64/elf_hwcaps.rst.
    **{name: name for name in ("i8mm", "bf16", "sve", "sve2", "sme", "sha2", "neon")},
    "asimd": "neon",
    "asimddp": "dotprod",
    "asimdhp": "fp16",
}
"""What the kernel calls them, and what they are called here: compilers' names."""
_ARM_PARTS = {
    # arch/arm64/include/asm/cputype.h
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD41): "Cortex-A78",
    (0x41, 0xD42): "Cortex-A78AE",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x41, 0xD84): "Neoverse-V3",
    (0x41, 0xD8E): "Neoverse-N3",
    (0xC0, 0xAC3): "Ampere-1",
    (0xC0, 0xAC4): "Ampere-1A",
}


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor as this process may use it."""

    model: str | None
    logical_cores: int
    """Threads that the system has online."""
    physical_cores: int | None
    """Of those; None where the system does not say."""
    allowed_cores: int
    """Logical ones that this process may run on: its affinity, and the `cpuset` of its control group."""
    features: frozenset[str]
    """As `avx2`, `avx512_vnni`, `dotprod`: what every core can do."""
    quota_cores: float | None = None
    """The time of so many cores is what the control group allows; None where it sets no quota."""

    @property
    def usable_cores(self) -> int:
        """So many threads make sense: allowed, and within the quota; at least one."""
        quota = math.inf if self.quota_cores is None else max(1, math.ceil(self.quota_cores))
        return int(min(self.allowed_cores, quota))


def read(roots: Roots) -> Cpu:
    """From /proc/cpuinfo, /proc/self/status (`Cpus_allowed_list`) and /sys/devices/system/cpu.

    Documentation/filesystems/proc.rst and Documentation/ABI/testing/sysfs-devices-system-cpu.

    Raises: OSError; ValueError where it names no processor.
    """
    entries = _entries(text(roots.proc / "cpuinfo", _CPUINFO_BYTES))
    online = numbers(line(roots.sys / "devices/system/cpu/online"))
    logical = len(online) if online else len(entries)
    if not logical:
        raise ValueError(f"no processor in {roots.proc / 'cpuinfo'}")
    allowed = _allowed(roots)
    if allowed is not None and online:
        allowed &= online  # the kernel's list has processors that could still be plugged in
    return Cpu(
        model=_model(entries),
        logical_cores=logical,
        physical_cores=_physical(roots, online) or _physical_by_id(entries),
        allowed_cores=min(len(allowed), logical) if allowed else logical,
        features=_features(entries),
    )


def _entries(cpuinfo: str) -> list[dict[str, str]]:
    """The keys of each processor; those of the whole machine, which some write at the end, count for the last."""
    entries: list[dict[str, str]] = []
    for row in cpuinfo.splitlines():
        key, colon, value = (part.strip() for part in row.partition(":"))
        if key == "processor" and value.isdigit():
            entries.append({})
        if colon and entries:
            entries[-1].setdefault(key, value)
    return entries


def _model(entries: list[dict[str, str]]) -> str | None:
    for key in ("model name", "cpu", "uarch"):
        for entry in entries:
            if entry.get(key):
                return entry[key][:200]
    cores = dict.fromkeys(name for entry in entries if (name := _arm(entry)))
    return " + ".join(cores)[:200] or None


def _arm(entry: dict[str, str]) -> str | None:
    try:
        part = int(entry["CPU implementer"], 16), int(entry["CPU part"], 16)
    except (KeyError, ValueError):
        return None
    return _ARM_PARTS.get(part) or f"ARM implementer {part[0]:#04x} part {part[1]:#05x}"


def _features(entries: list[dict[str, str]]) -> frozenset[str]:
    flags = [set(entry.get("flags", entry.get("Features", "")).split()) for entry in entries]
    shared = set.intersection(*flags) if flags else set()
    return frozenset(_FEATURES[flag] for flag in shared if flag in _FEATURES)


def _allowed(roots: Roots) -> frozenset[int] | None:
    try:
        status = text(roots.proc / "self/status")
    except OSError:
        return None
    rows = (row.partition(":") for row in status.splitlines())
    return next((numbers(value) for key, _, value in rows if key == "Cpus_allowed_list"), None)


def _physical(roots: Roots, online: frozenset[int] | None) -> int | None:
    """Threads of one core list each other."""
    folder = roots.sys / "devices/system/cpu"
    siblings = [line(folder / f"cpu{cpu}/topology/thread_siblings_list") for cpu in sorted(online or ())]
    return len(set(siblings)) if siblings and None not in siblings else None


def _physical_by_id(entries: list[dict[str, str]]) -> int | None:
    cores = {(entry.get("physical id"), entry.get("core id")) for entry in entries}
    return len(cores) if not any(None in core for core in cores) and cores else None


def portable() -> Cpu:
    """What psutil knows, for systems that have no /proc."""
    import platform  # noqa: PLC0415 (Linux does without)

    import psutil  # noqa: PLC0415

    logical = psutil.cpu_count() or 1
    physical = psutil.cpu_count(logical=False)
    return Cpu(platform.processor() or None, logical, physical, allowed_cores=logical, features=frozenset())
