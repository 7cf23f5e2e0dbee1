"""Checks of what the sandbox is made of, on recorded kernels."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from kandil.registry.diagnosis import Surroundings, sandbox
from kandil.sandbox import runtimes
from tests.support import recorded
from tests.support.diagnosed import checks, machine, sole


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
