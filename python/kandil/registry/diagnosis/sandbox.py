"""What the system offers to the sandbox that models are loaded in; `kandil-sandbox self-test` attacks it."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING, Final

from kandil.hardware.roots import line, text
from kandil.registry.diagnosis.check import Probe, fail, ok, unknown, warn
from kandil.sandbox import runtimes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kandil.registry.diagnosis.check import Found, Surroundings

_CREATE_RULESET: Final = 444
"""landlock_create_ruleset(2), of the same number on every architecture."""
_VERSION: Final = 1
_NEWER: Final = {4: "TCP", 6: "signals and abstract sockets"}
"""What Landlock learned to forbid, by ABI (Documentation/userspace-api/landlock.rst)."""
_OPTIONAL: Final = "this layer is optional, and is not here"


def landlock(around: Surroundings) -> Found:
    if around.system != "linux":
        return _sandbox_exec()
    version = landlock_abi()
    if version > 0:
        lacks = [what for abi, what in _NEWER.items() if version < abi]
        return ok(f"ABI {version}" + (f", too old to forbid {' or '.join(lacks)}; other layers do" if lacks else ""))
    mends = {
        errno.EOPNOTSUPP: ("is switched off", "start the kernel with lsm=landlock,… in its command line"),
        errno.ENOSYS: ("is not in this kernel", "use a kernel from 5.13 on, built with CONFIG_SECURITY_LANDLOCK"),
    }
    what, mend = mends.get(-version, (f"is refused ({errno.errorcode.get(-version)})", "allow it in the container"))
    return fail(f"Landlock {what}: no file is loaded without --allow-weaker", mend)


def _sandbox_exec() -> Found:
    if os.access("/usr/bin/sandbox-exec", os.X_OK):
        return ok("sandbox-exec is used in its place")
    return fail("there is no sandbox for this system", "load models on Linux or macOS")


def landlock_abi() -> int:
    """What the kernel knows of Landlock, from 1 on; else the error's number, below 0."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION)))
    return result if result >= 0 else -ctypes.get_errno()


def seccomp(around: Surroundings) -> Found:
    """Documentation/userspace-api/seccomp_filter.rst."""
    if around.system != "linux":
        return ok("not of this system")
    actions = (line(around.roots.proc / "sys/kernel/seccomp/actions_avail") or "").split()
    if "kill_process" in actions or (not actions and "\nSeccomp:" in text(around.roots.proc / "self/status")):
        return ok("system calls can be filtered")
    return fail("this kernel filters no system calls: nothing is loaded", "use a kernel with CONFIG_SECCOMP_FILTER")


def namespaces(around: Surroundings) -> Found:
    """A layer that is to be had only where the system grants it: Landlock and the filter hold without it."""
    if around.system != "linux":
        return ok("not of this system")
    kernel = around.roots.proc / "sys"
    if line(kernel / "user/max_user_namespaces") == "0":
        return ok(f"{_OPTIONAL}: user.max_user_namespaces is 0")
    if os.geteuid() != 0 and line(kernel / "kernel/unprivileged_userns_clone") == "0":
        return ok(f"{_OPTIONAL}: only root may make namespaces")
    if os.geteuid() != 0 and line(kernel / "kernel/apparmor_restrict_unprivileged_userns") == "1":
        return ok(f"{_OPTIONAL}: AppArmor grants namespaces to programs that it knows alone")
    if line(kernel / "user/max_user_namespaces") is None:
        return unknown(f"{kernel} does not say whether namespaces can be made")
    return ok("the kernel has them; whether they are granted shows when a file is loaded")


def cgroup(around: Surroundings) -> Found:
    """As `kandil.sandbox.cgroup` finds the place for its groups, without making one."""
    if around.system != "linux":
        return ok("not of this system")
    groups = text(around.roots.proc / "self/cgroup").splitlines()
    here = next((row.removeprefix("0::/") for row in groups if row.startswith("0::/")), "")
    mounted = around.roots.cgroup
    parent = (mounted / here).parent if here else mounted
    given = (line(parent / "cgroup.subtree_control") or "").split()
    if not {"memory", "pids"} <= set(given):
        return ok(f"{_OPTIONAL}: memory and processes are not counted in groups of version 2 here")
    if not os.access(parent, os.W_OK):
        return ok(f"{_OPTIONAL}: {parent} is not this user's")
    return ok(f"groups can be made in {parent}")


def loaders(_: Surroundings) -> Iterator[Found]:
    found, refused = runtimes.find()
    for one in refused:
        yield warn(f"{one.path} is not used: {one.reason}", "install it anew, so that only root or you may write it")
    if found:
        yield ok(", ".join(f"{one.name} {one.version or ''}".strip() for one in found))
    else:
        yield warn("no llama.cpp is here: files are checked, and not loaded", "pip install 'kandil[local]'")


PROBES: Final = (
    Probe("KD-SBX-001", "Landlock", "The kernel can keep a process from opening files", landlock),
    Probe("KD-SBX-002", "seccomp", "The kernel can filter system calls", seccomp),
    Probe("KD-SBX-003", "namespaces", "The kernel can hide all else from a process (optional)", namespaces),
    Probe("KD-SBX-004", "cgroup", "The memory of a process can be bounded by its group (optional)", cgroup),
    Probe("KD-SBX-005", "llama.cpp", "There is something to load models with, and it can be trusted", loaders),
)
