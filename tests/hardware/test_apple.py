"""Macs, from what their programs print: simulated, the programs are macOS's."""

from __future__ import annotations

import json
import sys

import pytest

from kandil.hardware import apple
from tests.support.recorded import GIB

# The keys that system_profiler has on macOS 15 (M3 Pro), and on macOS 12 (Intel, with a Radeon beside).
M3 = [
    {
        "_name": "Apple M3 Pro",
        "spdisplays_mtlgpufamilysupport": "spdisplays_metal3",
        "spdisplays_ndrvs": [{"_name": "Color LCD", "_spdisplays_pixels": "3024 x 1964"}],
        "spdisplays_vendor": "sppci_vendor_Apple",
        "sppci_bus": "spdisplays_builtin",
        "sppci_cores": "18",
        "sppci_device_type": "spdisplays_gpu",
        "sppci_model": "Apple M3 Pro",
    }
]
MACBOOK = [
    {
        "_name": "kHW_IntelUHDGraphics630Item",
        "_spdisplays_vram": "1536 MB",
        "spdisplays_vendor": "Intel",
        "spdisplays_vram_shared": "1536 MB",
        "sppci_model": "Intel UHD Graphics 630",
    },
    {
        "_name": "kHW_AMDRadeonPro5300MItem",
        "spdisplays_vendor": "sppci_vendor_amd",
        "spdisplays_vram": "4 GB",
        "sppci_model": "AMD Radeon Pro 5300M",
    },
]
SYSCTL = """hw.logicalcpu: 11
hw.physicalcpu: 11
hw.memsize: {memory}
hw.optional.neon: 1
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 1
hw.optional.arm.FEAT_SME: 0
machdep.cpu.brand_string: Apple M3 Pro
iogpu.wired_limit_mb: {limit}
"""


def _profile(listed: object) -> str:
    return json.dumps({"SPDisplaysDataType": listed})


@pytest.mark.parametrize(
    ("memory_gib", "limit_mib", "total"),
    [(18, 0, 12 * GIB), (36, 0, 24 * GIB), (64, 0, 48 * GIB), (18, 16384, 16 * GIB)],
)
def test_a_simulated_mac_lends_its_gpu_a_part_of_its_memory(memory_gib: int, limit_mib: int, total: int) -> None:
    known = apple.settings(SYSCTL.format(memory=memory_gib * GIB, limit=limit_mib))
    [gpu] = apple.gpus(_profile(M3), known).gpus
    assert (gpu.vendor, gpu.name, gpu.unified, gpu.total_bytes) == ("apple", "Apple M3 Pro", True, total)


def test_a_simulated_mac_of_intel_has_two() -> None:
    within, card = apple.gpus(_profile(MACBOOK), {}).gpus
    assert (within.vendor, within.name, within.unified, within.total_bytes) == (
        "intel",
        "Intel UHD Graphics 630",
        True,
        None,
    )
    assert (card.vendor, card.unified, card.total_bytes) == ("amd", False, 4 * GIB)


def test_a_simulated_macs_processor() -> None:
    cpu = apple.cpu(apple.settings(SYSCTL.format(memory=0, limit=0)))
    assert (cpu.model, cpu.logical_cores, cpu.physical_cores) == ("Apple M3 Pro", 11, 11)
    assert cpu.features == {"neon", "dotprod", "i8mm"}


@pytest.mark.parametrize("answer", ["", "[]", "{}", '{"SPDisplaysDataType": {}}'])
def test_an_answer_that_is_no_list_is_an_error(answer: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        apple.gpus(answer, {})


@pytest.mark.skipif(sys.platform != "darwin", reason="not a Mac")
def test_this_mac() -> None:
    assert apple.read_gpus(60).gpus
    assert apple.read_cpu(60).logical_cores
