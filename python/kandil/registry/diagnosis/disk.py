"""Where kandil keeps its files: room, rights, and what kind of file system that is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kandil import paths
from kandil.compat.report import gib
from kandil.hardware.roots import text
from kandil.registry.diagnosis.check import Probe, command, fail, ok, unknown, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kandil.registry.diagnosis.check import Found, Surroundings

_NO_ROOM_BYTES: Final = 1 << 30
_LITTLE_ROOM_BYTES: Final = 20 << 30
"""A model of 30 billion parameters in 4 bits has 18."""
_MOUNTS_BYTES: Final = 4 << 20
_ELSEWHERE: Final = "set KANDIL_DATA_DIR to a folder on a disk of this machine"
_NETWORK: Final = {
    *("9p", "afs", "beegfs", "ceph", "cifs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs", "lustre", "nfs"),
    *("nfs4", "smb3", "smbfs"),
}
_CONTAINERS: Final = {"aufs", "overlay"}
_IN_MEMORY: Final = {"ramfs", "tmpfs"}
_WITHOUT_RIGHTS: Final = {"exfat", "msdos", "vfat"}


async def room(around: Surroundings) -> Found:
    disk = (await around.hardware()).disk
    if disk is None:
        return unknown("the room for models is not known: KD-HW-005 says why")
    found = f"{gib(disk.free_bytes)} of {gib(disk.total_bytes)} are free at {disk.folder}"
    if disk.free_bytes < _NO_ROOM_BYTES:
        return fail(f"{found}: not enough for any model", f"make room, or {_ELSEWHERE}")
    if disk.free_bytes < _LITTLE_ROOM_BYTES:
        return warn(f"{found}: enough for small models alone", f"make room, or {_ELSEWHERE}")
    return ok(found)


def _folders() -> dict[str, Path]:
    return {"data": paths.data_dir(), "state": paths.state_dir(), "settings": paths.config_file().parent}


def writable(_: Surroundings) -> Iterator[Found]:
    """Without writing: a folder that is not there yet can be made where the next one above may be written."""
    wrong = False
    for what, folder in _folders().items():
        if lack := _not_writable(folder):
            wrong = True
            reason, mend = lack
            yield (fail if what == "data" else warn)(f"the folder of {what}, {folder}: {reason}", mend)
    if not wrong:
        yield ok(f"kandil may write its data ({paths.data_dir()}), state and settings")


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _not_writable(folder: Path) -> tuple[str, str] | None:
    """Why, and what mends it: never to give the user a folder that is the system's."""
    place = _existing(folder)
    if not place.is_dir():
        return f"{place} is no folder", command("mv", place, f"{place}.old")
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        return "its file system is mounted for reading alone", "mount it for writing, or name another folder"
    if os.access(place, os.W_OK | os.X_OK):
        return None
    user = str(os.geteuid())
    if place == folder.absolute():
        return "this user may not write it", command("sudo", "chown", "-R", user, place)
    return f"this user may not make it in {place}", command("sudo", "install", "-d", "-m", "700", "-o", user, folder)


def private(_: Surroundings) -> Iterator[Found]:
    """What lies in a folder that is its owner's alone is so, too, but for what a link leads to."""
    wrong = False
    for folder in dict.fromkeys(_folders().values()):
        if folder.is_dir() and (who := _others(folder)):
            wrong = True
            yield warn(f"{folder}: {who}", command("chmod", "go-rwx", folder))
    for file in (paths.config_file(), paths.ledger_file()):
        if file.is_symlink() and (who := _others(file)):
            wrong = True
            yield warn(f"{file}: {who}", command("chmod", "go-rwx", file.resolve()))
    if not wrong:
        yield ok("nobody else may read or write kandil's folders")


def _others(place: Path) -> str | None:
    """What others may do with it; None: nothing."""
    if not place.exists():
        return None
    mode = place.stat().st_mode
    if mode & 0o022:
        return "others may write it" if mode & 0o002 else "its group may write it"
    if mode & 0o055:
        return "others may read it" if mode & 0o005 else "its group may read it"
    return None


def file_system(around: Surroundings) -> Found:
    """From /proc/self/mountinfo (Documentation/filesystems/proc.rst)."""
    if around.system != "linux":
        return unknown("the kind of file system is not known on this system")
    folder = _existing(paths.data_dir()).resolve()
    kind, point = _mounted(text(around.roots.proc / "self/mountinfo", _MOUNTS_BYTES), folder)
    found = f"{paths.data_dir()} is on {kind}"
    if kind in _NETWORK:
        return warn(f"{found}, over a network: slow, and locks may not hold", _ELSEWHERE)
    if kind in _CONTAINERS:
        mend = f"mount a volume there: `docker run -v kandil:{command(paths.data_dir())}`"
        return warn(f"{found}: what is kept there goes when the container does", mend)
    if kind in _IN_MEMORY:
        return warn(f"{found}: what is kept there takes memory, and goes when the machine stops", _ELSEWHERE)
    if kind in _WITHOUT_RIGHTS:
        limit = "" if kind == "exfat" else ", and no file has more than 4 GiB"
        return warn(f"{found}, which knows no rights{limit}", _ELSEWHERE)
    return ok(f"{kind}, mounted at {point}")


def _mounted(table: str, folder: Path) -> tuple[str, str]:
    """The kind and the place of what is mounted there last."""
    found, place = "an unknown file system", Path("/")
    for row in table.splitlines():
        before, _, after = row.partition(" - ")
        fields = before.split(" ")
        if len(fields) > 4:  # noqa: PLR2004
            point = Path(fields[4].replace("\\040", " ").replace("\\134", "\\"))
            if folder.is_relative_to(point) and len(point.parts) >= len(place.parts):
                found, place = after.split(" ")[0], point
    return found, str(place)


PROBES: Final = (
    Probe("KD-DSK-001", "room", "There is room for models", room),
    Probe("KD-DSK-002", "writing", "kandil may write its folders", writable),
    Probe("KD-DSK-003", "privacy", "Nobody else may read or write kandil's folders", private),
    Probe("KD-DSK-004", "file system", "kandil's data is on a disk of this machine, which lasts", file_system),
)
