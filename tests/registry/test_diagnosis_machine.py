"""Checks of the machine, on recorded ones: each has a state where all is right, and one where it is not."""

from __future__ import annotations

import errno
import locale
import os
from importlib import metadata
from pathlib import Path

import pynvml
import pytest

from kandil import _core, hardware, paths
from kandil.hardware import Disk, Gpu, Hardware, Memory
from kandil.registry.diagnosis import Surroundings, disk, running, sandbox
from kandil.sandbox import runtimes
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


async def test_landlock_by_what_the_kernel_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer, state, words in (
        (7, "ok", "ABI 7"),
        (3, "ok", "ABI 3, too old to forbid TCP or signals and abstract sockets; other layers do"),
        (-errno.EOPNOTSUPP, "fail", "is switched off"),
        (-errno.ENOSYS, "fail", "is not in this kernel"),
        (-errno.EPERM, "fail", "EPERM"),
    ):
        monkeypatch.setattr(sandbox, "landlock_abi", lambda answer=answer: answer)
        one = await sole("KD-SBX-001", "sandbox", around=Surroundings(system="linux"))
        assert one.state == state
        assert words in one.found


def test_this_kernel_says_something_of_landlock() -> None:
    assert sandbox.landlock_abi() != 0


STATUS = "Name:\tpython\nSeccomp:\t0\n"


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({"proc/sys/kernel/seccomp/actions_avail": "kill_process kill_thread errno allow\n"}, "ok"),
        ({"proc/self/status": STATUS}, "ok"),
        ({"proc/self/status": "Name:\tpython\n"}, "fail"),
    ],
)
async def test_seccomp(tmp_path: Path, files: recorded.Files, state: str) -> None:
    assert (await sole("KD-SBX-002", "sandbox", around=machine(tmp_path, files))).state == state


@pytest.mark.parametrize(
    ("files", "state", "words"),
    [
        ({"user/max_user_namespaces": "100"}, "ok", "the kernel has them"),
        ({"user/max_user_namespaces": "0"}, "ok", "optional"),
        ({"kernel/apparmor_restrict_unprivileged_userns": "1"}, "ok", "AppArmor"),
        ({"kernel/unprivileged_userns_clone": "0"}, "ok", "only root"),
        ({}, "unknown", "does not say"),
    ],
)
async def test_namespaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], state: str, words: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    around = machine(tmp_path, {f"proc/sys/{name}": value for name, value in files.items()})
    [one] = [sandbox.namespaces(around)]
    assert one.state == state
    assert words in one.text


async def test_a_group_that_may_be_made(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/user/me\n", "sys/fs/cgroup/user/me/cgroup.procs": "1"}
    around = machine(tmp_path, files)
    assert "optional" in (await sole("KD-SBX-004", "sandbox", around=around)).found
    (tmp_path / "sys/fs/cgroup/user/cgroup.subtree_control").write_text("cpu memory pids\n")
    found = await sole("KD-SBX-004", "sandbox", around=around)
    assert found.found == f"groups can be made in {tmp_path / 'sys/fs/cgroup/user'}"


async def test_what_models_are_loaded_with(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = runtimes.RefusedRuntime("/tmp/libllama.so", "everybody may write it")
    monkeypatch.setattr(runtimes, "find", lambda: ([], [refused]))
    bad, none = (await checks("sandbox"))["KD-SBX-005"]
    assert (bad.state, none.state, none.mend) == ("warn", "warn", "pip install 'kandil[local]'")
    monkeypatch.setattr(runtimes, "find", lambda: ([runtimes.Runtime("xllamacpp", "/x.so", "1.2")], []))
    one = await sole("KD-SBX-005", "sandbox")
    assert (one.state, one.found) == ("ok", "xllamacpp 1.2")


async def test_python_and_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await checks("run")
    assert {found[f"KD-RUN-00{number}"][0].state for number in (1, 2, 6)} == {"ok"}
    for name, _, _ in running._requirements():
        assert running.installed(name) == metadata.version(name)
    assert running.installed("no-such-package-at-all") is None
    monkeypatch.setattr(running, "installed", lambda _: "0.0.1")
    assert running.extension(Surroundings()).state == "fail"
    assert running.judged_python((3, 11, 7), "final", (1 << 31) - 1).state == "fail"
    assert running.judged_python((3, 15, 0), "candidate", (1 << 63) - 1).state == "warn"


@pytest.mark.parametrize(
    ("forced", "kernels", "state", "words"),
    [
        (None, ["shanix1", "avx512x16+avx512x16"], "ok", "shani for one file, avx512 for many at once"),
        (None, ["portablex1", "portablex1+portablex1"], "warn", "slower"),
        ("avx2", ["avx2x1", "avx2x8"], "warn", "which KANDIL_SHA256 asks for"),
        ("neon", ["shanix1", "avx2x8"], "warn", "names none of this machine's"),
    ],
)
def test_how_digests_are_computed(
    monkeypatch: pytest.MonkeyPatch, forced: str | None, kernels: list[str], state: str, words: str
) -> None:
    monkeypatch.setattr(_core, "kernels", lambda: kernels)
    if forced:
        monkeypatch.setenv("KANDIL_SHA256", forced)
    one = running.digests(Surroundings())
    assert one.state == state
    assert words in one.text


def test_the_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, state in (("UTF-8", "ok"), ("ANSI_X3.4-1968", "warn")):
        monkeypatch.setattr(locale, "getpreferredencoding", lambda do_setlocale, name=name: name)
        assert running.encoding(Surroundings()).state == state


def test_the_clock() -> None:
    assert running.clock(Surroundings()).state == "ok"
    paths.make_private(paths.models_dir())
    os.utime(paths.models_dir(), (4e9, 4e9))
    assert running.clock(Surroundings()).state == "warn"
    assert (one := running.judged_clock(86_400.0)).state == "fail"
    assert one.text.startswith("1970-01-02")


def test_packages_and_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed kandil's requirements, with simulated versions of what they ask for."""
    versions = {name: "9999.1" for name, _, _ in running._requirements()}

    monkeypatch.setattr(running, "installed", versions.get)
    assert [one.state for one in running.packages(Surroundings())] == ["ok"]
    assert {one.state for one in running.extras(Surroundings())} == {"ok"}
    del versions["model-signing"]
    versions |= {"gguf": "0.2rc1", "trio": "0.29.9"}
    [trio] = running.packages(Surroundings())
    assert (trio.state, trio.text, trio.mend) == (
        "fail",
        "trio 0.29.9 is older than 0.30",
        "pip install --upgrade kandil trio",
    )
    found = {one.text.partition(":")[0]: one for one in running.extras(Surroundings())}
    assert {name: one.state for name, one in found.items() if name != "local"} == {
        "reference": "warn",
        "signing": "warn",
    }
    assert found["signing"].text == "signing: model-signing is not installed"
    del versions["gguf"]
    assert any(one.state == "ok" and "gguf) is not installed" in one.text for one in running.extras(Surroundings()))


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
