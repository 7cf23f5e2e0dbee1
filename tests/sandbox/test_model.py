"""A model file is opened once, and nothing but a file."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from kandil.errors import FileUnreadable
from kandil.sandbox.model import opened


def test_links_are_followed_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"GGUF")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "model.gguf").symlink_to("../blob")
    with opened(tmp_path / "folder" / "model.gguf") as fd:
        assert os.read(fd, 10) == b"GGUF"
        assert not os.get_inheritable(fd)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(fd, b"!")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(os.fspath(path))


def a_loop(path: Path) -> None:
    path.symlink_to(path.name)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [Path.mkdir, a_fifo, a_socket, a_loop, a_device, lambda path: None])
def test_what_is_no_file_is_refused(tmp_path: Path, make: object) -> None:
    make(tmp_path / "model.gguf")  # type: ignore[operator]
    with pytest.raises(FileUnreadable), opened(tmp_path / "model.gguf"):
        pass


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(FileUnreadable), opened("a\0b"):
        pass
