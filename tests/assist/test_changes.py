"""Changes of files: all or none, and taken back."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kandil import paths
from kandil.assist import changes
from kandil.assist.changes import Change
from kandil.errors import FilesDiffer, FileUnwritable, NothingToUndo

TWO = (
    Change(path="a.py", before=b"old a\n", after=b"new a\n"),
    Change(path="sub/new/b.py", before=None, after=b"new b\n"),
    Change(path="c.py", before=b"old c\n", after=None),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KANDIL_STATE_DIR", str(tmp_path / "state"))
    project = tmp_path / "project"
    (project / "sub").mkdir(parents=True)
    (project / "a.py").write_bytes(b"old a\n")
    (project / "c.py").write_bytes(b"old c\n")
    return project


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


OLD = {"a.py": b"old a\n", "c.py": b"old c\n"}
NEW = {"a.py": b"new a\n", "sub/new/b.py": b"new b\n"}


def test_made_and_taken_back(folder: Path) -> None:
    (folder / "a.py").chmod(0o750)
    entry = changes.apply(folder, TWO, "refactor")
    assert everything(folder) == NEW
    assert stat.S_IMODE((folder / "a.py").stat().st_mode) == 0o750
    assert changes.last(folder / "sub") == entry
    assert changes.undo(entry) == ()
    assert everything(folder) == OLD
    assert stat.S_IMODE((folder / "a.py").stat().st_mode) == 0o750
    with pytest.raises(NothingToUndo):
        changes.last(folder)
    assert [one.undone for one in changes.entries(folder)] == [True]


def test_the_last_one_of_this_folder(folder: Path, tmp_path: Path) -> None:
    made = [
        changes.apply(folder, [Change(path="n", before=None if n == 0 else b"%d" % (n - 1), after=b"%d" % n)], "x")
        for n in range(3)
    ]
    other = tmp_path / "other"
    other.mkdir()
    changes.apply(other, [Change(path="n", before=None, after=b"")], "x")
    assert changes.last(folder).id == made[2].id
    changes.undo(changes.last(folder))
    assert (folder / "n").read_bytes() == b"1"
    changes.undo(changes.last(folder))
    changes.undo(changes.last(folder))
    assert not (folder / "n").exists()
    assert len(changes.entries()) == 4


def test_what_changed_meanwhile_is_left_alone(folder: Path) -> None:
    (folder / "a.py").write_bytes(b"mine\n")
    with pytest.raises(FilesDiffer) as refused:
        changes.apply(folder, TWO, "refactor")
    assert refused.value.paths == ("a.py",)
    assert everything(folder) == {**OLD, "a.py": b"mine\n"}
    assert changes.entries() == []


def test_what_changed_since_is_not_undone(folder: Path) -> None:
    entry = changes.apply(folder, TWO, "refactor")
    (folder / "a.py").write_bytes(b"mine\n")
    with pytest.raises(FilesDiffer) as refused:
        changes.undo(entry)
    assert refused.value.paths == ("a.py",)
    assert everything(folder) == {**NEW, "a.py": b"mine\n"}
    assert not changes.last(folder).undone
    assert changes.undo(entry, whatever_they_are=True) == ("a.py",)
    assert everything(folder) == OLD
    assert (paths.state_dir() / "undo" / entry.id / "0.found").read_bytes() == b"mine\n"


def test_what_has_part_of_the_change_can_be_taken_back(folder: Path) -> None:
    """As a power cut leaves it."""
    entry = changes.apply(folder, TWO, "refactor")
    (folder / "a.py").write_bytes(b"old a\n")
    (folder / f".c.py.{entry.id}.old").write_bytes(b"old")
    changes.undo(entry)
    assert everything(folder) == OLD


@pytest.mark.parametrize("path", ["../out.py", "/tmp/out.py", "link/out.py", "linked.py", "sub", "."])
def test_nothing_is_written_elsewhere(folder: Path, tmp_path: Path, path: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "there.py").write_bytes(b"outside\n")
    (folder / "link").symlink_to(outside)
    (folder / "linked.py").symlink_to(outside / "there.py")
    with pytest.raises(FileUnwritable):
        changes.apply(folder, [*TWO, Change(path=path, before=None, after=b"x")], "refactor")
    assert everything(outside) == {"there.py": b"outside\n"}
    assert {path: content for path, content in everything(folder).items() if "link" not in path} == OLD
    assert changes.entries() == []


@pytest.mark.parametrize("at", range(1, 9))
def test_a_failure_at_any_step_leaves_all_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    calls, real_replace, real_fsync = 0, os.replace, os.fsync

    def failing(real: object) -> object:
        def one(*args: object) -> object:
            nonlocal calls
            if not str(args[0]).startswith(str(paths.state_dir())):
                calls += 1
                if calls == at:
                    raise OSError(28, "No space left on device")
            return real(*args)  # type: ignore[operator]

        return one

    keep = changes._keep

    def kept(entry: changes.Entry) -> None:
        keep(entry)
        monkeypatch.setattr(os, "replace", failing(real_replace))
        monkeypatch.setattr(os, "fsync", failing(real_fsync))

    monkeypatch.setattr(changes, "_keep", kept)
    try:
        changes.apply(folder, TWO, "refactor")
        done = True
    except FileUnwritable:
        done = False
    assert everything(folder) == (NEW if done else OLD)
    assert (folder / "sub/new").exists() == done
    assert len(changes.entries()) == done
    assert done == (at > 6), "four copies are written, two files are replaced"


def test_killed_anywhere_it_can_be_undone(folder: Path) -> None:
    """A process that is killed at each of its renames: the entry takes back what there is."""
    code = """
import os, signal, sys
from pathlib import Path
from kandil.assist import changes
from tests.assist.test_changes import TWO
left, real = int(sys.argv[2]), os.replace
def replace(*args):
    global left
    if not str(args[0]).startswith(os.environ["KANDIL_STATE_DIR"]):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    real(*args)
os.replace = replace
changes.apply(Path(sys.argv[1]), TWO, "x")
"""
    for renames in range(2):
        done = subprocess.run([sys.executable, "-c", code, str(folder), str(renames)], check=False)
        assert done.returncode == -signal.SIGKILL
        changes.undo(changes.last(folder))
        assert everything(folder) == OLD


def test_old_entries_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "_KEPT", 3)
    for number in range(5):
        changes.apply(folder, [Change(path=f"{number}", before=None, after=b"")], str(number))
    assert [one.what for one in changes.entries()] == ["4", "3", "2"]


def test_entries_that_are_broken_are_passed_over(folder: Path) -> None:
    entry = changes.apply(folder, TWO, "x")
    (paths.state_dir() / "undo" / "9").mkdir()
    (paths.state_dir() / "undo" / "9" / "entry.json").write_text("[]")
    assert [one.id for one in changes.entries()] == [entry.id]
    assert stat.S_IMODE((paths.state_dir() / "undo" / entry.id / "0.before").stat().st_mode) == 0o600
