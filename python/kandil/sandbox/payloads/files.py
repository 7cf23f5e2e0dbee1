"""Attacks on files: to read, to look, to change."""

from __future__ import annotations

import contextlib
import fcntl
import os
from ctypes import create_string_buffer

from kandil.sandbox.payloads import Bait, probe
from kandil.sandbox.payloads.calls import call

_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000


def _read(path: str) -> bool:
    fd = os.open(path, os.O_RDONLY)
    return bool(os.read(fd, 100))


@probe("read /etc/passwd")
def read_passwd(_bait: Bait) -> bool:
    return _read("/etc/passwd")


@probe("read the user's file")
def read_file(bait: Bait) -> bool:
    return _read(bait.secret)


@probe("read the environment of process 1", "system")
def read_environment_of_init(_bait: Bait) -> bool:
    return _read("/proc/1/environ")


@probe("read the memory map of the supervisor", "system")
def read_maps_of_supervisor(bait: Bait) -> bool:
    return _read(f"/proc/{bait.supervisor}/maps")


@probe("open the model once more, through /proc")
def reopen_model(bait: Bait) -> bool:
    return _read(f"/proc/self/fd/{bait.fd}")


@probe("read a disk, as a whole", "system")
def read_disk(_bait: Bait) -> bool:
    for name in ("vda", "sda", "nvme0n1"):
        with contextlib.suppress(FileNotFoundError):
            return _read(f"/dev/{name}")
    return False


@probe("list the root folder")
def list_root(_bait: Bait) -> bool:
    return bool(os.listdir("/"))


@probe("list the user's folder")
def list_folder(bait: Bait) -> bool:
    return bool(os.listdir(bait.folder))


@probe("look at a file (stat)")
def stat(_bait: Bait) -> bool:
    return bool(os.stat("/etc/passwd").st_size)


@probe("look at a file by the call that fstat is made of")
def stat_beside_fstat(_bait: Bait) -> bool:
    status = create_string_buffer(256)
    call("newfstatat", _AT_FDCWD, b"/etc/passwd", status, _AT_EMPTY_PATH)
    return any(status.raw)


@probe("ask whether a file is there (access)")
def access(_bait: Bait) -> bool:
    return os.access("/etc/passwd", os.R_OK)


@probe("read where a link leads")
def readlink(_bait: Bait) -> bool:
    return bool(os.readlink("/proc/self/exe"))


@probe("take a file's handle, to open it by", "system")
def file_handle(_bait: Bait) -> bool:
    handle = create_string_buffer((128).to_bytes(4, "little"), 136)
    mount = create_string_buffer(4)
    return call("name_to_handle_at", _AT_FDCWD, b"/etc/passwd", handle, mount, 0) == 0


@probe("watch a folder (inotify)")
def watch(bait: Bait) -> bool:
    return call("inotify_add_watch", call("inotify_init1", 0), bait.folder.encode(), 0x3FF) > 0


@probe("watch a file system (fanotify)", "root")
def watch_all(_bait: Bait) -> bool:
    return call("fanotify_init", 0, 0) >= 0


@probe("go to another folder")
def chdir(bait: Bait) -> bool:
    os.chdir(bait.folder)
    return True


@probe("write into a file")
def write_file(bait: Bait) -> bool:
    return os.write(os.open(bait.secret, os.O_WRONLY | os.O_APPEND), b"!") == 1


@probe("create a file")
def create_file(bait: Bait) -> bool:
    os.open(f"{bait.folder}/new", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    return True


@probe("create a file without a name in /tmp", "system")
def create_unnamed(_bait: Bait) -> bool:
    return os.write(os.open("/tmp", os.O_TMPFILE | os.O_RDWR), b"!") == 1  # noqa: S108


@probe("link a file")
def link(bait: Bait) -> bool:
    os.link(bait.secret, f"{bait.folder}/new")
    return True


@probe("make a symbolic link")
def symlink(bait: Bait) -> bool:
    os.symlink("/", f"{bait.folder}/new")
    return True


@probe("make a FIFO")
def mkfifo(bait: Bait) -> bool:
    os.mkfifo(f"{bait.folder}/new")
    return True


@probe("rename a file")
def rename(bait: Bait) -> bool:
    os.rename(bait.secret, f"{bait.folder}/new")
    return True


@probe("remove a file")
def unlink(bait: Bait) -> bool:
    os.unlink(bait.secret)
    return True


@probe("make a folder")
def mkdir(bait: Bait) -> bool:
    os.mkdir(f"{bait.folder}/new")
    return True


@probe("remove a folder")
def rmdir(bait: Bait) -> bool:
    os.rmdir(f"{bait.folder}/empty")
    return True


@probe("cut a file short")
def truncate(bait: Bait) -> bool:
    os.truncate(bait.secret, 0)
    return True


@probe("change who may read a file")
def chmod(bait: Bait) -> bool:
    os.chmod(bait.secret, 0o600)
    return True


@probe("change a file's times")
def utime(bait: Bait) -> bool:
    os.utime(bait.secret, (1, 1))
    return True


@probe("give a file an attribute", "system")
def setxattr(bait: Bait) -> bool:
    os.setxattr(bait.secret, "user.kandil", b"!")
    return True


@probe("write into the model", "never")
def write_model(bait: Bait) -> bool:
    return os.write(bait.fd, b"!") == 1


@probe("change who may read the model")
def chmod_model(bait: Bait) -> bool:
    os.fchmod(bait.fd, 0o600)
    return True


@probe("lock the model against others")
def lock_model(bait: Bait) -> bool:
    fcntl.flock(bait.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True


@probe("lend the model out, so that others must wait")
def lease_model(bait: Bait) -> bool:
    fcntl.fcntl(bait.fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    return True


@probe("change how the supervisor reads the model")
def share_flags(bait: Bait) -> bool:
    fcntl.fcntl(bait.fd, fcntl.F_SETFL, os.O_NONBLOCK | os.O_APPEND)
    return True
