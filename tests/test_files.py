"""Files that are read and written whole, under a lock, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kandil import files
from kandil.errors import FileUnwritable


def test_what_is_written_is_all_there_is_and_its_owner_s_alone(tmp_path: Path) -> None:
    place = tmp_path / "folder" / "file"
    files.write(place, b"first, and longer")
    files.write(place, b"second")
    assert place.read_bytes() == b"second"
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(place.parent) == ["file"]


def test_all_of_a_file_is_read_and_nothing_else(tmp_path: Path) -> None:
    place, pipe = tmp_path / "file", tmp_path / "pipe"
    place.write_bytes(b"12345678")
    os.mkfifo(pipe)
    assert files.read(place, 8) == b"12345678"
    assert files.read(Path("/dev/zero"), 8) == b""
    for wrong, largest_bytes, said in (
        (place, 7, "more than 7 bytes"),
        (pipe, 8, "it is a pipe"),
        (tmp_path, 8, "Is a directory"),
        (tmp_path / "none", 8, "No such file"),
    ):
        with pytest.raises(OSError, match=said):
            files.read(wrong, largest_bytes)


def test_a_link_leads_where_it_led(tmp_path: Path) -> None:
    place, target = tmp_path / "link", tmp_path / "elsewhere" / "target"
    place.symlink_to(target)
    with files.locked(place):
        files.write(place, b"new")
    assert place.is_symlink()
    assert target.read_bytes() == b"new"
    assert sorted(os.listdir(target.parent)) == ["target"]


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.symlink_to(other)
    other.symlink_to(one)
    with pytest.raises(FileUnwritable, match="symbolic links"), files.locked(one):
        pass
    with pytest.raises(FileUnwritable, match="symbolic links"):
        files.write(one, b"")
    assert one.is_symlink()


def test_where_nothing_can_be_written_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "file" / "below", tmp_path / "folder"):
        with pytest.raises(FileUnwritable):
            files.write(place, b"new")
    with pytest.raises(FileUnwritable), files.locked(tmp_path / "file" / "below"):
        pass
    assert (tmp_path / "file").read_bytes() == b"kept"
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_nothing_is_lost_of_what_several_processes_write(tmp_path: Path) -> None:
    place = tmp_path / "count"
    place.write_bytes(b"0")
    program = """
import pathlib, sys
from kandil import files
place = pathlib.Path(sys.argv[1])
for _ in range(25):
    with files.locked(place):
        files.write(place, b"%d" % (int(place.read_bytes()) + 1))
"""
    running = [subprocess.Popen([sys.executable, "-c", program, str(place)]) for _ in range(4)]
    assert [one.wait() for one in running] == [0] * 4
    assert place.read_bytes() == b"100"


def test_what_the_killed_have_left_goes_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a+b.json"
    others = (".a+b.json.lock", ".a+b.json.longer-ab", ".aab.json.abcdefgh", "a+b.json", ".a+b.json.part.abcdefgh")
    for name in (".a+b.json.2z42ak8x", ".a+b.json.________", *others):
        (tmp_path / name).write_bytes(b"")
    files.tidy(file)
    assert {one.name for one in tmp_path.iterdir()} == set(others)
    files.tidy(tmp_path / "missing" / "file")
