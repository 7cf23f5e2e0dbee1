"""What the control groups of this process allow it, on every level up to the mount.

Version 2: Documentation/admin-guide/cgroup-v2.rst; version 1: Documentation/admin-guide/cgroup-v1/memory.rst and
Documentation/scheduler/sched-bwc.rst. A container without a namespace of its own names a group that it cannot see:
then the mount is the group, and version 1's `hierarchical_memory_limit` has the limits above.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from kandil.hardware.cpu import Cpu
from kandil.hardware.memory import Memory
from kandil.hardware.roots import Roots, line, text, whole

_MOUNTED = PurePosixPath("/sys/fs/cgroup")
_UNLIMITED = 1 << 62
"""Version 1 has no word for it: a number of pages that is nearly 2**63 bytes."""
_MOUNTS_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Level:
    """One group's limit, and what it and the groups below it hold of it (None: it does not say), in bytes."""

    folder: Path
    limit_bytes: int
    held_bytes: int | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What all levels together allow; `problems` say what could not be read."""

    levels: tuple[Level, ...] = ()
    """Those that limit memory."""
    quota_cores: float | None = None
    problems: tuple[str, ...] = ()

    def memory(self, host: Memory) -> Memory:
        """The machine's memory as far as the groups allow it. A limit that nobody measures against is taken whole."""
        total, available, limited_by = host.total_bytes, host.available_bytes, None
        for level in self.levels:
            if level.limit_bytes < total:
                total, limited_by = level.limit_bytes, str(level.folder)
            available = min(available, max(0, level.limit_bytes - (level.held_bytes or 0)))
        return replace(host, total_bytes=total, available_bytes=available, limited_by=limited_by)

    def cpu(self, host: Cpu) -> Cpu:
        return replace(host, quota_cores=self.quota_cores)


@dataclass(frozen=True, slots=True)
class _Mount:
    root: PurePosixPath
    point: Path
    version: int
    controllers: frozenset[str]


def read(roots: Roots) -> Allowance:
    """From /proc/self/cgroup, /proc/self/mountinfo (Documentation/filesystems/proc.rst) and the mounts' own files.

    Raises: OSError.
    """
    groups = _groups(text(roots.proc / "self/cgroup"))
    problems: list[str] = []
    levels: list[Level] = []
    quotas: list[float] = []
    for mount in _mounts(roots):
        folders = list(_folders(mount, groups))
        if mount.version == 2 or "memory" in mount.controllers:  # noqa: PLR2004
            levels += filter(None, (_level(mount, folder, problems) for folder in folders))
        if mount.version == 2 or "cpu" in mount.controllers:  # noqa: PLR2004
            quotas += filter(None, (_quota(folder, mount.version, problems) for folder in folders))
    return Allowance(tuple(levels), min(quotas, default=None), tuple(problems))


def _groups(content: str) -> dict[str, PurePosixPath]:
    """The path per controller; that of version 2 under the empty name."""
    found: dict[str, PurePosixPath] = {}
    for row in content.splitlines():
        _, _, rest = row.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon and path.startswith("/"):
            found |= dict.fromkeys(controllers.split(","), PurePosixPath(path))
    return found


def _mounts(roots: Roots) -> Iterator[_Mount]:
    for row in text(roots.proc / "self/mountinfo", _MOUNTS_BYTES).splitlines():
        before, _, after = row.partition(" - ")
        fields, (kind, *more) = before.split(" "), after.split(" ")
        if kind not in ("cgroup", "cgroup2") or len(fields) < 5:  # noqa: PLR2004
            continue
        root, point = PurePosixPath(_unescaped(fields[3])), PurePosixPath(_unescaped(fields[4]))
        place = roots.cgroup / point.relative_to(_MOUNTED) if point.is_relative_to(_MOUNTED) else Path(point)
        yield _Mount(
            root, place, 2 if kind == "cgroup2" else 1, frozenset(more[-1].split(",")) if more else frozenset()
        )


def _unescaped(field: str) -> str:
    """The table writes blanks as octal numbers."""
    for escaped, plain in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(escaped, plain)
    return field


def _folders(mount: _Mount, groups: dict[str, PurePosixPath]) -> Iterator[Path]:
    """The group's folder and those above it, the mount last."""
    names = ("",) if mount.version == 2 else tuple(mount.controllers)  # noqa: PLR2004
    path = next((groups[name] for name in names if name in groups), None)
    if path is None:
        return
    below = path.relative_to(mount.root) if path.is_relative_to(mount.root) else PurePosixPath()
    if ".." in below.parts or not (mount.point / below).is_dir():
        below = PurePosixPath()  # a group outside of what is mounted here
    for length in range(len(below.parts), -1, -1):
        yield mount.point.joinpath(*below.parts[:length])


def _level(mount: _Mount, folder: Path, problems: list[str]) -> Level | None:
    if mount.version == 2:  # noqa: PLR2004
        limits = [_limit(folder / name, problems) for name in ("memory.max", "memory.high")]
        current, cache = "memory.current", "inactive_file"
    else:
        limits = [_limit(folder / "memory.limit_in_bytes", problems)]
        current, cache = "memory.usage_in_bytes", "total_inactive_file"
    counted = _counted(folder / "memory.stat")
    if folder == mount.point:
        limits.append(counted.get("hierarchical_memory_limit"))  # of groups that cannot be seen from here, too
    set_ones = [limit for limit in limits if limit is not None and limit < _UNLIMITED]
    if not set_ones:
        return None
    held = whole(line(folder / current))
    if held is None:
        problems.append(f"{folder / current} does not say how much is in use")
        return Level(folder, min(set_ones), None)
    return Level(folder, min(set_ones), max(0, held - counted.get(cache, 0)))


def _limit(path: Path, problems: list[str]) -> int | None:
    """None where there is no limit: the file says so, or, at the root, is not there."""
    try:
        word = text(path).strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        problems.append(f"{path}: {error.strerror}")
        return None
    limit = whole(word)
    if limit is None and word != "max":
        problems.append(f"{path} has no number")
    return limit


def _counted(path: Path) -> dict[str, int]:
    try:
        rows = (row.partition(" ") for row in text(path).splitlines())
    except OSError:
        return {}
    return {key: size for key, _, word in rows if (size := whole(word)) is not None}


def _quota(folder: Path, version: int, problems: list[str]) -> float | None:
    """Microseconds of running per period; both numbers in one file, or in two."""
    if version == 2:  # noqa: PLR2004
        words = (line(folder / "cpu.max") or "max").split()
    else:
        words = [line(folder / f"cpu.cfs_{name}_us") or "-1" for name in ("quota", "period")]
    if words[0] in ("max", "-1"):
        return None
    quota, period = (whole(word) for word in (*words, "")[:2])
    if not quota or not period:
        problems.append(f"{folder} has a quota of processor time that cannot be read")
        return None
    return quota / period
