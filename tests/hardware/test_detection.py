"""All sources at once: none waits for another, and none fails another."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import trio.testing

from kandil import hardware
from kandil.hardware import Roots
from tests.support import recorded


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The driver does not come back until the test is over; the event says that it was asked."""
    asked, over = threading.Event(), threading.Event()

    def read(_: Roots) -> None:
        asked.set()
        over.wait()

    monkeypatch.setattr("kandil.hardware.nvidia.read", read)
    yield asked
    over.set()


async def test_a_simulated_driver_that_hangs_is_unknown_after_its_deadline(
    hanging: threading.Event, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    roots = recorded.grown(tmp_path, recorded.laptop())
    started = trio.current_time()
    found = await hardware.detect(roots=roots, models=tmp_path, system="linux", deadline_seconds=1.5)
    assert trio.current_time() - started == pytest.approx(7.5)
    assert hanging.wait(60), "it was asked"
    [nvidia] = [source for source in found.sources if source.name == "nvidia"]
    assert (nvidia.state, nvidia.reasons) == ("unknown", ("no answer within 7.5 s",))


async def test_a_simulated_fault_of_one_source_is_not_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Roots) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("kandil.hardware.cpu.read", fail)
    found = await hardware.detect(roots=recorded.grown(tmp_path, recorded.docker()), models=tmp_path, system="linux")
    assert [(source.name, source.reasons) for source in found.problems] == [("cpu", ("ZeroDivisionError: a bug",))]
    assert found.cpu is None
    assert found.memory is not None


async def test_the_disk_is_that_of_the_nearest_folder(tmp_path: Path) -> None:
    found = await hardware.detect(models=tmp_path / "not" / "yet")
    assert found.disk is not None
    assert found.disk.folder == str(tmp_path)
    room = os.statvfs(tmp_path)
    assert found.disk.total_bytes == room.f_blocks * room.f_frsize
    assert 0 <= found.disk.free_bytes <= found.disk.total_bytes


async def test_models_are_kept_where_kandil_keeps_them(home: Path) -> None:
    found = await hardware.detect()
    assert found.disk is not None
    assert Path(found.disk.folder) in (home, *home.parents)


async def test_this_machine_is_what_psutil_says() -> None:
    found = await hardware.detect()
    assert found.cpu is not None
    assert found.memory is not None
    assert found.memory.host_total_bytes == psutil.virtual_memory().total
    assert found.memory.swap_total_bytes == psutil.swap_memory().total
    assert 0 < found.memory.available_bytes <= found.memory.total_bytes <= found.memory.host_total_bytes
    assert found.cpu.logical_cores == psutil.cpu_count()
    assert found.cpu.physical_cores == psutil.cpu_count(logical=False)
    assert found.cpu.allowed_cores == len(psutil.Process().cpu_affinity() or range(found.cpu.logical_cores))
    assert {"cpu", "memory", "disk"}.isdisjoint(source.name for source in found.problems)


async def test_systems_without_proc_are_asked_through_psutil(tmp_path: Path) -> None:
    found = await hardware.detect(system="freebsd14", models=tmp_path)
    assert {source.name: source.state for source in found.sources} == dict.fromkeys(("cpu", "disk", "memory"), "found")
    assert found.memory is not None
    assert found.memory.total_bytes == psutil.virtual_memory().total


@pytest.mark.skipif(os.path.exists("/usr/sbin/system_profiler"), reason="this is a Mac")
async def test_a_mac_without_its_programs_is_unknown(tmp_path: Path) -> None:
    found = await hardware.detect(system="darwin", models=tmp_path)
    assert {source.name for source in found.problems} == {"apple", "cpu"}
    assert found.memory is not None
