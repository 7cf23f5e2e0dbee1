"""Checks of the machine, on recorded ones: each has a state where all is right, and one where it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pynvml
import pytest

from kandil import hardware, paths
from kandil.hardware import Disk, Gpu, Hardware, Memory
from kandil.registry.diagnosis import disk
from tests.support import nvml, recorded
from tests.support.diagnosed import checks, machine, sole

GIB = 1 << 30


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (recorded.laptop(), "12th Gen Intel(R) Core(TM) i5-1240P, 12 logical cores, 8 physical"),
        (recorded.docker(), "of which the control group's quota leaves this process 2"),
        (recorded.scope(), "of which its affinity leaves this process 2"),
    ],
)
async def test_the_processor_and_what_is_left_of_it(tmp_path: Path, files: recorded.Files, found: str) -> None:
    one = await sole("KD-HW-001", "hardware", around=machine(tmp_path, files))
    assert one.state == "ok"
    assert one.found.endswith(found)


@pytest.mark.parametrize(
    ("flags", "state"), [("avx2 fma f16c", "ok"), ("avx", "warn"), ("asimd", "warn"), ("asimd asimddp", "ok")]
)
async def test_instructions_that_models_run_slowly_without(tmp_path: Path, flags: str, state: str) -> None:
    cpuinfo = {"proc/cpuinfo": f"processor : 0\nmodel name : one\nflags : {flags}\n"}
    one = await sole("KD-HW-002", "hardware", around=machine(tmp_path, recorded.laptop() | cpuinfo))
    assert one.state == state
    assert "dotprod" in one.found or "avx2, f16c, fma" in one.found
    assert ("slower" in one.found) == (state == "warn")


@pytest.mark.parametrize(
    ("files", "state", "free"),
    [(recorded.laptop(), "ok", "ok"), (recorded.docker(), "warn", "ok"), (recorded.kubernetes(), "warn", "warn")],
)
async def test_memory_that_a_group_limits(tmp_path: Path, files: recorded.Files, state: str, free: str) -> None:
    found = await checks("hardware", around=machine(tmp_path, files))
    [memory], [available] = found["KD-HW-003"], found["KD-HW-004"]
    assert (memory.state, available.state) == (state, free)
    assert (memory.mend is not None and "sys/fs/cgroup" in memory.mend) == (state == "warn")


async def test_what_the_machine_does_not_tell_is_unknown(tmp_path: Path) -> None:
    found = await checks("hardware", "gpu", around=machine(tmp_path, recorded.broken()))
    assert {found[f"KD-HW-00{number}"][0].state for number in range(1, 6)} == {"unknown"}
    assert "cpu: " in " ".join(one.found for one in found["KD-HW-005"])
    assert found["KD-GPU-003"][0].state == "warn"


async def test_a_card_without_its_driver_is_said_by_its_vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kandil.hardware.nvidia._loaded", lambda _: False)
    found = await checks("gpu", around=machine(tmp_path, recorded.workstation()))
    assert (found["KD-GPU-001"][0].state, found["KD-GPU-002"][0].state) == ("unknown", "warn")
    assert "AD102 [GeForce RTX 4090]" in found["KD-GPU-002"][0].found
    assert "nvidia-smi" in (found["KD-GPU-002"][0].mend or "")
    assert [found[f"KD-GPU-00{number}"][0].found for number in (3, 4, 5)] == ["there is none"] * 2 + [
        "not on this system"
    ]


@pytest.mark.parametrize(
    ("check_id", "system", "cut"), [("KD-GPU-004", "linux", "lmem_"), ("KD-GPU-005", "darwin", "nothing")]
)
async def test_other_vendors_that_do_not_tell_all(tmp_path: Path, check_id: str, system: str, cut: str) -> None:
    """A card of Intel's whose memory cannot be read; a system that has not the programs of macOS."""
    files = {name: value for name, value in recorded.arm_server().items() if cut not in name}
    one = (await checks("gpu", around=machine(tmp_path, files, system=system)))[check_id][0]
    assert one.state == "warn"


async def test_simulated_nvidia_cards_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.install(monkeypatch, [nvml.Card("NVIDIA H100 80GB HBM3", (80 * GIB, 79 * GIB))])
    found = await checks("gpu", around=machine(tmp_path, recorded.h100()))
    assert found["KD-GPU-001"][0].found.startswith("NVIDIA H100 80GB HBM3, 80.0 GiB, 79.0 GiB free")
    assert found["KD-GPU-002"][0].state == "ok"


async def test_a_simulated_driver_that_does_not_start_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.install(monkeypatch, [], init_error=pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)
    one = await sole("KD-GPU-002", "gpu", around=machine(tmp_path, recorded.h100()))
    assert one.state == "warn"


@pytest.mark.parametrize(
    ("mode", "group", "mend"),
    [
        (0o660, 4242, "start the container with --group-add 4242"),
        (0o660, 1, 'sudo usermod -aG daemon "$USER", and log in again'),
        (0o600, 0, "sudo chmod a+rw {node}"),
    ],
)
async def test_devices_that_this_user_may_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, group: int, mend: str
) -> None:
    around = machine(tmp_path, recorded.laptop() | {"dev/dri/renderD128": "", "dev/kfd": ""})
    node = tmp_path / "dev/dri/renderD128"
    found = await sole("KD-GPU-006", "gpu", around=around)
    assert (found.state, found.found) == ("ok", "this user may use 2")
    node.chmod(mode)
    if os.geteuid() == 0:
        os.chown(node, -1, group)
    elif group:
        pytest.skip("only root may give a file to a group")
    # Root may open anything: that this user may not is simulated.
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != node)
    found = await sole("KD-GPU-006", "gpu", around=around)
    assert (found.state, found.mend) == ("warn", mend.format(node=node))


async def test_a_driver_without_its_device_files(tmp_path: Path) -> None:
    around = machine(tmp_path, recorded.h100() | {"proc/driver/nvidia/version": "NVRM version: 580.95"})
    found = (await checks("gpu", around=around))["KD-GPU-006"]
    assert found[0].state == "warn"
    assert "nvidia-modprobe" in (found[0].mend or "")


@pytest.mark.parametrize(("free", "state"), [(100 * GIB, "ok"), (5 * GIB, "warn"), (GIB // 2, "fail")])
async def test_room_on_a_simulated_disk(monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    async def detect(**_: object) -> Hardware:
        return Hardware(None, None, Disk("/models", free, 200 * GIB), (), ())

    monkeypatch.setattr(hardware, "detect", detect)
    one = await sole("KD-DSK-001", "disk")
    assert one.state == state
    assert (one.mend is None) == (state == "ok")


async def test_a_file_in_the_place_of_a_folder_fails(home: Path) -> None:
    paths.data_dir().parent.mkdir(parents=True)
    assert (await sole("KD-DSK-002", "disk")).state == "ok"
    paths.data_dir().write_text("")
    one = await sole("KD-DSK-002", "disk")
    assert (one.state, one.mend) == ("fail", f"mv {paths.data_dir()} {paths.data_dir()}.old")


async def test_folders_of_a_simulated_other_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where kandil's folder is yet to be made, the one above is left to whom it belongs."""
    made = paths.make_private(paths.data_dir())
    monkeypatch.setattr("os.access", lambda *_: False)
    found = (await checks("disk"))["KD-DSK-002"]
    assert [one.state for one in found] == ["fail", "warn", "warn"]
    user = os.geteuid()
    assert [one.mend for one in found] == [
        f"sudo chown -R {user} {made}",
        f"sudo install -d -m 700 -o {user} {paths.state_dir()}",
        f"sudo install -d -m 700 -o {user} {paths.config_file().parent}",
    ]


@pytest.mark.parametrize(
    ("mode", "what"),
    [(0o700, None), (0o750, "its group may read it"), (0o705, "others may read it"), (0o770, "its group may write it")],
)
async def test_a_folder_that_others_may_enter(mode: int, what: str | None) -> None:
    folder = paths.make_private(paths.data_dir())
    folder.chmod(mode)
    one = await sole("KD-DSK-003", "disk")
    expected = ("ok", None) if what is None else ("warn", f"chmod go-rwx {folder}")
    assert (one.state, one.mend) == expected
    assert what is None or one.found == f"{folder}: {what}"


async def test_settings_that_a_link_leads_to(tmp_path: Path) -> None:
    """In a folder of their own they are private; where they really are, they may not be."""
    file, target = paths.config_file(), tmp_path / "dotfiles.toml"
    paths.make_private(file.parent)
    file.write_text("version = 2\n")
    file.chmod(0o644)
    assert (await sole("KD-DSK-003", "disk")).state == "ok"
    target.write_text("version = 2\n")
    target.chmod(0o622)
    file.unlink()
    file.symlink_to(target)
    one = await sole("KD-DSK-003", "disk")
    assert (one.state, one.found, one.mend) == ("warn", f"{file}: others may write it", f"chmod go-rwx {target}")


@pytest.mark.parametrize(
    ("kind", "state", "word"),
    [
        ("ext4", "ok", "ext4"),
        ("nfs4", "warn", "network"),
        ("overlay", "warn", "container"),
        ("tmpfs", "warn", "memory"),
        ("vfat", "warn", "4 GiB"),
        ("exfat", "warn", "rights"),
    ],
)
async def test_the_file_system_of_the_data(tmp_path: Path, home: Path, kind: str, state: str, word: str) -> None:
    place = str(home).replace(" ", "\\040")
    table = f"22 1 8:1 / / rw - btrfs /dev/sda1 rw\n23 22 0:9 / {place} rw shared:1 - {kind} source rw\n"
    one = await sole("KD-DSK-004", "disk", around=machine(tmp_path, {"proc/self/mountinfo": table}))
    assert one.state == state
    assert word in one.found
    assert disk._mounted(table, home.parent)[0] == "btrfs"


async def test_gpus_that_share_memory_and_parts_of_gpus_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = (
        Gpu("apple", "Apple M4", 16 * GIB, 12 * GIB, unified=True),
        Gpu("nvidia", "H100", 10 * GIB, None, instance=3, driver="580.95"),
    )

    async def detect(**_: object) -> Hardware:
        return Hardware(None, Memory(1, 1, 1, 1), None, gpus, ())

    monkeypatch.setattr(hardware, "detect", detect)
    found = [one.found for one in (await checks("gpu"))["KD-GPU-001"]]
    assert found == ["Apple M4, with the machine's memory", "H100 (instance 3), 10.0 GiB, driver 580.95"]
