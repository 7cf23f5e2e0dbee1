"""The Mac: its GPU from `system_profiler`, its processor from `sysctl`, both asked as programs that end in time.

Keys of `system_profiler -json` are not documented; those read here are in the output of macOS 12 to 15.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping

from kandil.hardware.cpu import Cpu
from kandil.hardware.gpu import Found, Gpu

_PROFILER = ("/usr/sbin/system_profiler", "-json", "SPDisplaysDataType")
_SYSCTL = ("/usr/sbin/sysctl", "hw", "machdep.cpu", "iogpu")
_VENDORS = {"apple": "apple", "amd": "amd", "ati": "amd", "intel": "intel", "nvidia": "nvidia"}
_UNITS = {"MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_FEATURES = {
    "hw.optional.neon": "neon",
    "hw.optional.AdvSIMD": "neon",
    "hw.optional.arm.FEAT_DotProd": "dotprod",
    "hw.optional.arm.FEAT_FP16": "fp16",
    "hw.optional.arm.FEAT_I8MM": "i8mm",
    "hw.optional.arm.FEAT_BF16": "bf16",
    "hw.optional.arm.FEAT_SME": "sme",
    "hw.optional.arm.FEAT_SHA256": "sha2",
    "hw.optional.avx1_0": "avx",
    "hw.optional.avx2_0": "avx2",
    "hw.optional.avx512f": "avx512f",
    "hw.optional.f16c": "f16c",
    "hw.optional.fma": "fma",
}
_LARGE = 36 << 30


def read_gpus(deadline_seconds: float) -> Found:
    """Raises: OSError; subprocess.SubprocessError; ValueError where the answer is none."""
    return gpus(_output(_PROFILER, deadline_seconds), settings(_output(_SYSCTL, deadline_seconds)))


def read_cpu(deadline_seconds: float) -> Cpu:
    """Raises: OSError; subprocess.SubprocessError; ValueError where the answer is none."""
    return cpu(settings(_output(_SYSCTL, deadline_seconds)))


def _output(command: tuple[str, ...], deadline_seconds: float) -> str:
    # `sysctl` ends with 1 where one of the names is unknown to it (iogpu, on Intel's), after all the others.
    ran = subprocess.run(  # noqa: S603 (programs of the system, by their full path)
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=deadline_seconds,
        check=False,
    )  # fmt: skip
    return ran.stdout.decode("utf-8", "replace")


def settings(output: str) -> dict[str, str]:
    """What `sysctl` prints, `name: value` by line."""
    rows = (row.partition(": ") for row in output.splitlines())
    return {name: value.strip() for name, colon, value in rows if colon}


def cpu(known: Mapping[str, str]) -> Cpu:
    """Raises: ValueError where the number of cores is missing."""
    logical = int(known.get("hw.logicalcpu", ""))
    physical = known.get("hw.physicalcpu", "")
    return Cpu(
        model=known.get("machdep.cpu.brand_string"),
        logical_cores=logical,
        physical_cores=int(physical) if physical.isdigit() else None,
        allowed_cores=logical,
        features=frozenset(feature for name, feature in _FEATURES.items() if known.get(name) == "1"),
    )


def gpus(profile: str, known: Mapping[str, str]) -> Found:
    """What `system_profiler` lists. Raises: ValueError where that is no list."""
    answer = json.loads(profile)
    listed = answer.get("SPDisplaysDataType") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise ValueError("system_profiler lists no displays")  # noqa: TRY004 (of an answer, not of an argument)
    items = [item for item in listed if isinstance(item, dict)]
    return Found(tuple(_gpu(item, index, known) for index, item in enumerate(items)))


def _gpu(item: Mapping[str, object], index: int, known: Mapping[str, str]) -> Gpu:
    name = str(item.get("sppci_model") or item.get("_name") or "unnamed")[:200]
    maker = f"{item.get('spdisplays_vendor', '')} {name}".lower()
    vendor = next((vendor for word, vendor in _VENDORS.items() if re.search(rf"\b{word}|_{word}", maker)), "unknown")
    shared = vendor == "apple" or any(f"{key}spdisplays_vram_shared" in item for key in ("", "_"))
    own = str(item.get("spdisplays_vram") or item.get("_spdisplays_vram") or "")
    total = _working_set(known) if vendor == "apple" else None if shared else _size(own)
    return Gpu(vendor, name, total_bytes=total, unified=shared, index=index)


def _size(words: str) -> int | None:
    """As `4 GB`."""
    matched = re.fullmatch(r"(\d{1,6})\s*([MGT]B)", words.strip())
    return int(matched[1]) * _UNITS[matched[2]] if matched else None


def _working_set(known: Mapping[str, str]) -> int | None:
    """What Metal lets one program keep on Apple's GPU.

    `iogpu.wired_limit_mb` where it is set; else the share of the RAM that Metal reports as
    `recommendedMaxWorkingSetSize`: two thirds up to 36 GiB, three quarters above.
    """
    limit, memory = (known.get(name, "") for name in ("iogpu.wired_limit_mb", "hw.memsize"))
    if limit.isdigit() and int(limit):
        return int(limit) << 20
    if not memory.isdigit():
        return None
    whole = int(memory)
    return whole * 2 // 3 if whole <= _LARGE else whole * 3 // 4
