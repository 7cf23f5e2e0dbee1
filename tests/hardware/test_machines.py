"""What is said of recorded machines, each a tree of files that stands for a simulated /proc, /sys and /dev."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kandil import hardware
from kandil.hardware import Hardware
from tests.support import recorded
from tests.support.recorded import GIB


async def _seen(machine: recorded.Machine, folder: Path) -> Hardware:
    roots = recorded.grown(folder, machine())
    return await hardware.detect(roots=roots, models=folder / "models", system="linux")


def _states(found: Hardware) -> dict[str, str]:
    return {source.name: source.state for source in found.sources}


@pytest.mark.parametrize("machine", recorded.EVERY)
async def test_every_machine_can_be_told_as_json(machine: recorded.Machine, tmp_path: Path) -> None:
    found = await _seen(machine, tmp_path)
    shown = json.loads(json.dumps(found.to_json()))
    assert set(shown) == {"cpu", "memory", "disk", "gpus", "sources"}
    assert set(_states(found)) == {"amd", "cgroup", "cpu", "disk", "intel", "memory", "nvidia"}
    assert all(source.reasons for source in found.problems)


@pytest.mark.parametrize(
    ("machine", "cores"),
    [  # logical, physical, allowed, usable
        (recorded.laptop, (12, 8, 12, 12)),
        (recorded.workstation, (48, 24, 48, 48)),
        (recorded.docker, (16, 8, 16, 2)),  # 1.5 of them
        (recorded.kubernetes, (4, 2, 4, 1)),  # half of one
        (recorded.nested, (8, 4, 8, 2)),
        (recorded.lxc, (2, 2, 2, 2)),
        (recorded.arm_server, (80, 80, 80, 80)),
        (recorded.scope, (16, 8, 2, 2)),
    ],
)
async def test_cores(machine: recorded.Machine, cores: tuple[int, int, int, int], tmp_path: Path) -> None:
    seen = (await _seen(machine, tmp_path)).cpu
    assert seen is not None
    assert (seen.logical_cores, seen.physical_cores, seen.allowed_cores, seen.usable_cores) == cores


@pytest.mark.parametrize(
    ("machine", "model", "has", "lacks"),
    [
        (recorded.laptop, "12th Gen Intel(R) Core(TM) i5-1240P", {"avx2", "f16c", "fma", "sha_ni"}, {"avx512f"}),
        (recorded.h100, "Intel(R) Xeon(R) Platinum 8480+", {"amx_int8", "avx512_fp16"}, {"avx_vnni"}),
        (recorded.workstation, "AMD Ryzen Threadripper PRO 7965WX 24-Cores", {"avx512_vnni", "avx_vnni"}, {"amx_tile"}),
        (recorded.arm_server, "Neoverse-N1", {"neon", "dotprod", "fp16", "sha2"}, {"sve", "i8mm"}),
        (recorded.jetson, "Cortex-A78AE", {"neon", "dotprod"}, {"sve"}),
    ],
)
async def test_processors(
    machine: recorded.Machine, model: str, has: set[str], lacks: set[str], tmp_path: Path
) -> None:
    processor = (await _seen(machine, tmp_path)).cpu
    assert processor is not None
    assert processor.model == model
    assert processor.features >= has
    assert not processor.features & lacks


@pytest.mark.parametrize(
    ("machine", "total", "available", "limited_by"),
    [
        (recorded.laptop, 16 * GIB, 9 * GIB, None),
        (recorded.docker, 4 * GIB, 2 * GIB, "cgroup"),  # 3 of 4 are held, and 1 of those is cache
        (recorded.kubernetes, 2 * GIB, 2 * GIB - (500 << 20), "cgroup/memory"),
        (recorded.nested, 5 * GIB, 3 * GIB // 2, "cgroup/work.slice"),  # the grandparent's, not the child's 8
        (recorded.lxc, 2 * GIB, 3 * GIB // 2, None),
        (recorded.wsl, 16 * GIB, 15 * GIB, None),
        (recorded.scope, 3 * GIB, 3 * GIB - (200 << 20), "run-r1f.scope"),
    ],
)
async def test_memory(
    machine: recorded.Machine, total: int, available: int, limited_by: str | None, tmp_path: Path
) -> None:
    found = await _seen(machine, tmp_path)
    assert found.memory is not None
    assert (found.memory.total_bytes, found.memory.available_bytes) == (total, available)
    assert (found.memory.limited_by or "").endswith(limited_by or "")
    assert (found.memory.limited_by is None) == (limited_by is None)
    assert _states(found)["cgroup"] != "unknown"


async def test_the_machine_itself_is_told_beside_what_is_allowed(tmp_path: Path) -> None:
    memory = (await _seen(recorded.docker, tmp_path)).memory
    assert memory is not None
    assert (memory.host_total_bytes, memory.host_available_bytes) == (64 * GIB, 60 * GIB)


async def test_a_gpu_within_the_processor_has_the_memory_of_the_machine(tmp_path: Path) -> None:
    [gpu] = (await _seen(recorded.laptop, tmp_path)).gpus
    assert (gpu.vendor, gpu.name, gpu.driver) == ("intel", "Alder Lake-P GT2 [Iris Xe Graphics]", "i915")
    assert (gpu.unified, gpu.total_bytes, gpu.free_bytes) == (True, 16 * GIB, 9 * GIB)


async def test_an_apu_and_a_card_of_amd(tmp_path: Path) -> None:
    found = await _seen(recorded.radeons, tmp_path)
    card, apu = found.gpus
    assert card.name == "Navi 31 [Radeon RX 7900 XT/7900 XTX/7900M]"
    assert (card.unified, card.total_bytes, card.free_bytes) == (False, 24 * GIB, 23 * GIB)
    assert (card.pci_address, card.uuid, card.driver) == ("0000:03:00.0", "GPU-5f1c2d3e4a5b6c7d", "amdgpu")
    assert (apu.unified, apu.total_bytes, apu.free_bytes) == (True, 31 * GIB + GIB // 2, 30 * GIB + GIB // 4)
    assert found.problems == ()


async def test_a_card_of_intel_whose_driver_tells_its_memory(tmp_path: Path) -> None:
    [gpu] = (await _seen(recorded.arm_server, tmp_path)).gpus
    assert (gpu.unified, gpu.total_bytes, gpu.free_bytes) == (False, 16 * GIB, 15 * GIB)
    assert gpu.name == "8086:56a0"  # the machine has no list of names


async def test_what_cannot_be_read_is_unknown_with_its_reason(tmp_path: Path) -> None:
    found = await _seen(recorded.broken, tmp_path)
    assert _states(found) == dict.fromkeys(_states(found), "unknown") | {"disk": "found"}
    assert (found.cpu, found.memory) == (None, None)
    reasons = {source.name: " ".join(source.reasons) for source in found.sources}
    assert "0000:04:00.0 cannot be read" in reasons["nvidia"]
    assert "0000:04:00.0 cannot be read" in reasons["intel"]
    assert "0000:05:00.0" not in reasons["amd"], "what is gone is not there"
    assert "0000:06:00.0: amdgpu does not say how much memory it has" in reasons["amd"]
    assert "memory.max has no number" in reasons["cgroup"]
    assert "quota" in reasons["cgroup"]
    [gpu] = found.gpus
    assert (gpu.vendor, gpu.total_bytes) == ("amd", None)


async def test_without_sysfs_no_gpu_is_ruled_out(tmp_path: Path) -> None:
    roots = recorded.grown(tmp_path, {"proc/meminfo": "MemTotal: 1024 kB\n"})
    found = await hardware.detect(roots=roots, models=tmp_path, system="linux")
    assert {name: _states(found)[name] for name in ("amd", "intel", "nvidia")} == dict.fromkeys(
        ("amd", "intel", "nvidia"), "unknown"
    )
