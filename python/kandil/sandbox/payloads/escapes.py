"""Attacks on the kernel's own doors: namespaces, mounts, and the calls that most holes are found in."""

from __future__ import annotations

import ctypes
import fcntl
import os

from kandil.sandbox.payloads import Bait, probe
from kandil.sandbox.payloads.calls import call

_NEWUSER, _NEWNS, _NEWNET = 0x10000000, 0x00020000, 0x40000000


@probe("become root in a user namespace of its own", "system")
def unshare_user(_bait: Bait) -> bool:
    return call("unshare", _NEWUSER) == 0


@probe("make a network namespace", "root")
def unshare_network(_bait: Bait) -> bool:
    return call("unshare", _NEWNET) == 0


@probe("enter another process's namespaces", "root")
def setns(bait: Bait) -> bool:
    return call("setns", call("pidfd_open", bait.supervisor, 0), _NEWNET) == 0


@probe("mount a file system over a folder", "system")
def mount(bait: Bait) -> bool:
    call("unshare", _NEWUSER | _NEWNS)
    return call("mount", b"none", f"{bait.folder}/empty".encode(), b"tmpfs", 0, None) == 0


@probe("mount by the new calls (fsopen)", "root")
def fsopen(_bait: Bait) -> bool:
    return call("fsopen", b"tmpfs", 0) >= 0


@probe("take a mount by a descriptor (open_tree)", "system")
def open_tree(bait: Bait) -> bool:
    return call("open_tree", -100, bait.folder.encode(), 0) >= 0


@probe("change the root folder (chroot)", "root")
def chroot(bait: Bait) -> bool:
    return call("chroot", bait.folder.encode()) == 0


@probe("change the root folder (pivot_root)", "system")
def pivot_root(bait: Bait) -> bool:
    empty = f"{bait.folder}/empty".encode()
    call("unshare", _NEWUSER | _NEWNS)
    call("mount", b"none", b"/", None, 0x44000, None)  # MS_REC | MS_PRIVATE
    call("mount", b"none", empty, b"tmpfs", 0, None)
    os.chdir(empty)
    return call("pivot_root", b".", b".") == 0


@probe("change the host's name", "root")
def sethostname(_bait: Bait) -> bool:
    name = os.uname().nodename.encode()
    return call("sethostname", name, len(name)) == 0


@probe("queue work past the filter (io_uring)", "system")
def io_uring(_bait: Bait) -> bool:
    return call("io_uring_setup", 4, ctypes.create_string_buffer(120)) >= 0


@probe("load a program into the kernel (bpf)", "system")
def bpf(_bait: Bait) -> bool:
    attributes = b"".join(value.to_bytes(4, "little") for value in (2, 4, 4, 1))  # an array of one
    return call("bpf", 0, ctypes.create_string_buffer(attributes, 72), 72) >= 0


@probe("count events of the processor (perf)", "system")
def perf(_bait: Bait) -> bool:
    attributes = ctypes.create_string_buffer(b"\x01\x00\x00\x00" + (128).to_bytes(4, "little"), 128)
    return call("perf_event_open", attributes, 0, -1, -1, 0) >= 0


@probe("leave a key in the kernel's keyring", "system")
def add_key(_bait: Bait) -> bool:
    return call("add_key", b"user", b"kandil", b"!", 1, -1) >= 0  # this thread's own, which ends with it


@probe("read the kernel's keyrings", "system")
def keyctl(_bait: Bait) -> bool:
    return call("keyctl", 0, -4, 0) > 0  # the user's, by its id


@probe("read the kernel's log", "system")
def kernel_log(_bait: Bait) -> bool:
    return call("syslog", 3, ctypes.create_string_buffer(4096), 4096) >= 0


@probe("write its own segment descriptors (modify_ldt)", "system")
def modify_ldt(_bait: Bait) -> bool:
    return call("modify_ldt", 0, ctypes.create_string_buffer(64), 64) >= 0


@probe("reach the machine's ports (iopl)", "system")
def iopl(_bait: Bait) -> bool:
    return call("iopl", 3) == 0


@probe("add a filter of its own")
def own_filter(_bait: Bait) -> bool:
    return call("seccomp", 2, 0, (ctypes.c_uint * 1)(0)) >= 0  # type: ignore[arg-type]  # whether an action is known


@probe("make Landlock rules of its own", "system")
def own_rules(_bait: Bait) -> bool:
    return call("landlock_create_ruleset", b"\x01" + bytes(7), 8, 0) >= 0


@probe("ask a device for what only it knows (ioctl)")
def ioctl(_bait: Bait) -> bool:
    return len(fcntl.ioctl(1, 0x541B, bytes(4))) == 4  # noqa: PLR2004 (FIONREAD)
