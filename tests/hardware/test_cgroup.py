"""Control groups: a real one with a limit where this system lets one be made, and simulated ones."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kandil.hardware import Memory, Roots, cgroup
from tests.support import recorded
from tests.support.recorded import GIB

_LIMIT = 256 << 20
_ALLOWED = """
from kandil.hardware import Roots, cgroup, memory
allowed = cgroup.read(Roots()).memory(memory.read(Roots()))
print(allowed.total_bytes, allowed.available_bytes, allowed.limited_by)
"""


@contextlib.contextmanager
def _group() -> Iterator[Path]:
    """A new group with a limit, below the mount. Raises: OSError."""
    for parent, limit in (
        (Path("/sys/fs/cgroup"), "memory.max"),
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
    ):
        if not (parent / "cgroup.procs").exists():
            continue
        folder = parent / f"kandil-test-{secrets.token_hex(4)}"
        folder.mkdir()
        try:
            (folder / limit).write_text(str(_LIMIT))
            yield folder
        finally:
            folder.rmdir()
        return
    raise FileNotFoundError("no control groups are mounted where they are expected")


def test_a_real_group_limits_what_its_process_may_use() -> None:
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(_group())
        except OSError as error:
            pytest.skip(f"no control group can be made here: {error}")
        join = f"echo $$ > {folder}/cgroup.procs && exec \"$0\" -c '{_ALLOWED}'"
        ran = subprocess.run(["/bin/sh", "-c", join, sys.executable], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    total, available, limited_by = ran.stdout.split()
    assert int(total) == _LIMIT
    assert 0 < int(available) < _LIMIT
    assert limited_by == str(folder)


def test_a_simulated_group_of_version_1_below_a_tighter_one(tmp_path: Path) -> None:
    mount = "sys/fs/cgroup/memory"
    files = {
        "proc/self/cgroup": "7:memory:/batch/job\n0::/\n",
        "proc/self/mountinfo": "33 25 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        f"{mount}/memory.limit_in_bytes": str((1 << 63) - 4096),
        f"{mount}/batch/memory.limit_in_bytes": str(2 * GIB),
        f"{mount}/batch/memory.usage_in_bytes": str(2 * GIB),
        f"{mount}/batch/memory.stat": f"inactive_file 7\ntotal_inactive_file {GIB}\n",
        f"{mount}/batch/job/memory.limit_in_bytes": str(4 * GIB),
        f"{mount}/batch/job/memory.usage_in_bytes": "4096",
        f"{mount}/batch/job/memory.stat": f"hierarchical_memory_limit {2 * GIB}\n",
    }
    roots = recorded.grown(tmp_path, files)
    memory = cgroup.read(roots).memory(Memory(64 * GIB, 60 * GIB, 64 * GIB, 60 * GIB))
    assert (memory.total_bytes, memory.available_bytes) == (2 * GIB, GIB)
    assert memory.limited_by == str(roots.cgroup / "memory/batch")


def test_a_simulated_group_that_hides_what_it_holds(tmp_path: Path) -> None:
    files = recorded.docker()
    del files["sys/fs/cgroup/memory.current"]
    allowance = cgroup.read(recorded.grown(tmp_path, files))
    memory = allowance.memory(Memory(64 * GIB, 60 * GIB, 64 * GIB, 60 * GIB))
    assert (memory.total_bytes, memory.available_bytes) == (4 * GIB, 4 * GIB)
    [problem] = allowance.problems
    assert problem.endswith("memory.current does not say how much is in use")


def test_a_simulated_group_above_its_limit_has_nothing_left(tmp_path: Path) -> None:
    files = recorded.docker() | {"sys/fs/cgroup/memory.current": str(6 * GIB)}
    memory = cgroup.read(recorded.grown(tmp_path, files)).memory(Memory(64 * GIB, 60 * GIB, 64 * GIB, 60 * GIB))
    assert memory.available_bytes == 0


def test_a_simulated_limit_above_the_machine_is_none(tmp_path: Path) -> None:
    memory = Memory(GIB, GIB // 2, GIB, GIB // 2)
    assert cgroup.read(recorded.grown(tmp_path, recorded.docker())).memory(memory) == memory


@pytest.mark.parametrize("path", ["/..", "/../../other", "/not/here", "/" + "x" * 5000, "/a\0b"])
def test_a_simulated_path_that_leads_nowhere_is_the_mount(path: str, tmp_path: Path) -> None:
    files = recorded.docker() | {"proc/self/cgroup": f"0::{path}\n"}
    roots = recorded.grown(tmp_path, files)
    with contextlib.suppress(OSError):  # of a name that is too long
        assert [level.folder for level in cgroup.read(roots).levels] == [roots.cgroup]


def test_simulated_mounts_with_blanks_in_their_names(tmp_path: Path) -> None:
    files = recorded.docker()
    group = {path.replace("cgroup/", "cgroup/a b/"): value for path, value in files.items() if "sys/fs/cgroup" in path}
    table = "31 24 0:27 / /sys/fs/cgroup/a\\040b rw - cgroup2 cgroup2 rw\n"
    roots = recorded.grown(tmp_path, files | group | {"proc/self/mountinfo": table})
    assert [level.folder.name for level in cgroup.read(roots).levels] == ["a b"]


@pytest.mark.skipif(not os.path.exists("/proc/self/mountinfo"), reason="this system has no control groups")
def test_the_groups_of_this_process_can_be_read() -> None:
    assert cgroup.read(Roots()).problems == ()
