"""Control groups, on a folder that stands for a simulated /sys/fs/cgroup: few machines let a test make real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from kandil.sandbox import cgroup


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A session's group with a terminal's below it, whose process this is."""
    app = tmp_path / "user.slice" / "app.slice"
    (app / "terminal.scope").mkdir(parents=True)
    (app / "cgroup.subtree_control").write_text("memory pids\n")
    (tmp_path / "self").write_text("0::/user.slice/app.slice/terminal.scope\n")
    monkeypatch.setattr(cgroup, "_MOUNTED", tmp_path)
    monkeypatch.setattr(cgroup, "_SELF", tmp_path / "self")
    return app


def test_a_simulated_group_lies_beside_its_supervisors(mounted: Path) -> None:
    with cgroup.own(1 << 30) as group:
        assert group.add(123) == "active"
        [folder] = mounted.glob("kandil-*")
        values = {file.name: file.read_text() for file in folder.iterdir()}
        assert values == {
            "memory.max": str((1 << 30) + (256 << 20)),
            "memory.swap.max": "0",
            "memory.oom.group": "1",
            "pids.max": "64",
            "cgroup.procs": "123",
        }
    assert (folder / "cgroup.kill").read_text() == "1"


def test_a_simulated_group_that_does_not_count_memory_is_none(mounted: Path) -> None:
    (mounted / "cgroup.subtree_control").write_text("cpu\n")
    with cgroup.own(1 << 30) as group:
        assert group.add(123) == "absent: memory and processes are not counted here"


def test_without_groups_there_is_a_reason(mounted: Path) -> None:
    (mounted / "cgroup.subtree_control").unlink()
    with cgroup.own(1 << 30) as group:
        assert group.add(123) == f"absent: No such file or directory: {mounted / 'cgroup.subtree_control'}"
