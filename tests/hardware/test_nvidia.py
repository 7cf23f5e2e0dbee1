"""NVIDIA's GPUs, on a simulated library: `pynvml` itself is the real one, its C functions are not."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path

import pynvml
import pytest

from kandil import hardware
from kandil.hardware import nvidia
from tests.support import nvml, recorded
from tests.support.recorded import GIB

ADA = nvml.Card("NVIDIA GeForce RTX 4090")
H100 = nvml.Card("NVIDIA H100 80GB HBM3", (80 * GIB, 79 * GIB), (9, 0), divisible=True)


def test_simulated_cards_have_all_that_the_driver_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.install(monkeypatch, [ADA, ADA])
    found = nvidia.read(recorded.grown(tmp_path, recorded.workstation()))
    assert found.problems == ()
    first, second = found.gpus
    assert first == hardware.Gpu(
        vendor="nvidia",
        name="NVIDIA GeForce RTX 4090",
        total_bytes=24 * GIB,
        free_bytes=23 * GIB,
        index=0,
        uuid="GPU-100",
        pci_address="0000:01:00.0",
        driver="580.95.05",
        compute_capability=(8, 9),
    )
    assert (second.index, second.pci_address) == (1, "0000:02:00.0")


def test_simulated_instances_stand_in_for_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instances = (("NVIDIA H100 80GB HBM3 MIG 3g.40gb", 40 * GIB), ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", 10 * GIB))
    nvml.install(monkeypatch, [replace(H100, instances=instances)])
    found = nvidia.read(recorded.grown(tmp_path, recorded.h100()))
    assert [(gpu.name, gpu.total_bytes, gpu.instance, gpu.index, gpu.mig) for gpu in found.gpus] == [
        (name, size, number, 0, True) for number, (name, size) in enumerate(instances)
    ]
    assert {gpu.compute_capability for gpu in found.gpus} == {(9, 0)}
    assert len({gpu.uuid for gpu in found.gpus}) == 2


def test_a_simulated_card_that_could_be_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.install(monkeypatch, [H100])
    [gpu] = nvidia.read(recorded.grown(tmp_path, recorded.h100())).gpus
    assert (gpu.mig, gpu.instance, gpu.total_bytes) == (False, None, 80 * GIB)


def test_simulated_mig_without_instances_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.install(monkeypatch, [replace(H100, instances=())])
    found = nvidia.read(recorded.grown(tmp_path, recorded.h100()))
    assert found.gpus == ()
    assert found.problems == ("GPU 0: MIG is on, and there is no instance for this process",)


@pytest.mark.parametrize("memory", [int(pynvml.NVML_ERROR_NOT_SUPPORTED), (0, 0)])
async def test_a_simulated_gb10_has_the_memory_of_the_machine(
    memory: int | tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.install(monkeypatch, [nvml.Card("NVIDIA GB10", memory, (12, 1))])
    found = await hardware.detect(roots=recorded.grown(tmp_path, recorded.jetson()), system="linux")
    [gpu] = found.gpus
    assert (gpu.unified, gpu.total_bytes, gpu.free_bytes) == (True, 8 * GIB, 6 * GIB)
    assert found.problems == ()


def test_a_simulated_lost_card_does_not_hide_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = replace(ADA, handle_error=int(pynvml.NVML_ERROR_GPU_IS_LOST))
    nvml.install(monkeypatch, [lost, ADA])
    found = nvidia.read(recorded.grown(tmp_path, recorded.workstation()))
    assert [gpu.index for gpu in found.gpus] == [1]
    assert found.problems == ("GPU 0: GPU is lost",)


def test_memory_that_a_simulated_card_does_not_tell_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.install(monkeypatch, [replace(ADA, memory=int(pynvml.NVML_ERROR_NO_PERMISSION))])
    found = nvidia.read(recorded.grown(tmp_path, recorded.workstation()))
    assert [(gpu.total_bytes, gpu.free_bytes, gpu.unified) for gpu in found.gpus] == [(None, None, False)]
    assert found.problems == ("GPU 0: its memory: Insufficient Permissions",)


@pytest.mark.parametrize(
    ("machine", "error", "problems"),
    [
        (recorded.laptop, pynvml.NVML_ERROR_DRIVER_NOT_LOADED, 0),  # the library is in an image, and there is no GPU
        (recorded.h100, pynvml.NVML_ERROR_DRIVER_NOT_LOADED, 1),
        (recorded.laptop, pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, 1),  # updated, and not started again
    ],
)
def test_a_simulated_library_that_does_not_start(
    machine: recorded.Machine, error: int, problems: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.install(monkeypatch, [], init_error=int(error))
    found = nvidia.read(recorded.grown(tmp_path, machine()))
    assert found.gpus == ()
    assert len(found.problems) == problems


def test_a_simulated_driver_that_hides_the_card_from_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.install(monkeypatch, [])
    found = nvidia.read(recorded.grown(tmp_path, recorded.h100()))
    assert found.problems == ("PCI has 10de:2330 at 0000:19:00.0, but the driver has no GPU for this process",)


def _absent() -> bool:
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return True
    return False


without_library = pytest.mark.skipif(not _absent(), reason="this machine has NVIDIA's library")


@without_library
@pytest.mark.parametrize("machine", [recorded.laptop, recorded.radeons, recorded.docker, recorded.arm_server])
def test_no_library_and_no_card_is_none(machine: recorded.Machine, tmp_path: Path) -> None:
    found = nvidia.read(recorded.grown(tmp_path, machine()))
    assert (found.gpus, found.problems) == ((), ())


@without_library
@pytest.mark.parametrize(
    ("machine", "why"),
    [
        (recorded.workstation, "AD102 [GeForce RTX 4090] at 0000:41:00.0"),
        (recorded.wsl, "/dev/dxg"),
        (recorded.jetson, "Tegra"),
    ],
)
def test_a_card_without_its_library_is_unknown(machine: recorded.Machine, why: str, tmp_path: Path) -> None:
    found = nvidia.read(recorded.grown(tmp_path, machine()))
    [problem] = found.problems
    assert why in problem
    assert "library is not installed" in problem
