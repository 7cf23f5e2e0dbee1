"""A control group (version 2) of the child's own: its memory and processes are counted by the kernel as one.

The group lies beside this process's own, where a desktop's session may make some (below `user@.service`), and root
anywhere. Others may not, and version 1 is not used: then the other limits hold alone.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from kandil.sandbox.layers import ACTIVE

_MOUNTED = Path("/sys/fs/cgroup")
_SELF = Path("/proc/self/cgroup")
_PYTHON_BYTES = 256 << 20
"""What the child has before it enters the sandbox: Python, its libraries, the runtime."""
_MAX_PROCESSES = 64
"""The child's own three, and threads where it may have them."""


class Group:
    """A group that a process can be put into, or the reason why there is none."""

    def __init__(self, folder: Path | None, reason: str = "") -> None:
        self._folder, self._reason = folder, reason

    def add(self, pid: int) -> str:
        """The layer's state, with the process in the group where there is one."""
        if self._folder is None:
            return f"absent: {self._reason}"
        try:
            (self._folder / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            return f"absent: {_reason(error)}"
        return ACTIVE


def _reason(error: OSError) -> str:
    return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)


@contextlib.contextmanager
def own(memory_bytes: int) -> Iterator[Group]:
    """A new group with this limit, whose processes are ended, and which is removed, afterwards."""
    try:
        folder = _made(memory_bytes)
    except OSError as error:
        yield Group(None, _reason(error))
        return
    try:
        yield Group(folder)
    finally:
        with contextlib.suppress(OSError):
            (folder / "cgroup.kill").write_text("1")
        with contextlib.suppress(OSError):
            folder.rmdir()


def _made(memory_bytes: int) -> Path:
    """A group beside this process's own.

    Raises: OSError where groups are of version 1, or not for this process to make.
    """
    here = next((line for line in _SELF.read_text().splitlines() if line.startswith("0::")), "0::/")
    parent = (_MOUNTED / here.removeprefix("0::/")).parent if here != "0::/" else _MOUNTED
    if not {"memory", "pids"} <= set((parent / "cgroup.subtree_control").read_text().split()):
        raise OSError(0, "memory and processes are not counted here")
    folder = parent / f"kandil-{secrets.token_hex(8)}"
    folder.mkdir()
    limits = {
        "memory.max": memory_bytes + _PYTHON_BYTES,
        "memory.swap.max": 0,
        "memory.oom.group": 1,
        "pids.max": _MAX_PROCESSES,
    }
    try:
        for name, value in limits.items():
            (folder / name).write_text(str(value))
    except OSError:
        folder.rmdir()
        raise
    return folder
