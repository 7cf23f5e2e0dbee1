"""System calls by number, as an attacker's machine code would make them."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform

_X86_64 = platform.machine() == "x86_64"
_NUMBERS = {
    # name: x86_64, aarch64 (asm/unistd_64.h, asm-generic/unistd.h)
    "getpid": (39, 172),
    "clone": (56, 220),
    "vfork": (58, -1),
    "execveat": (322, 281),
    "newfstatat": (262, 79),
    "inotify_add_watch": (254, 27),
    "inotify_init1": (294, 26),
    "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "tgkill": (234, 131),
    "rt_tgsigqueueinfo": (297, 240),
    "ioprio_set": (251, 30),
    "prlimit64": (302, 261),
    "setns": (308, 268),
    "unshare": (272, 97),
    "chroot": (161, 51),
    "pivot_root": (155, 41),
    "mount": (165, 40),
    "sethostname": (170, 161),
    "personality": (135, 92),
    "modify_ldt": (154, -1),
    "arch_prctl": (158, -1),
    "iopl": (172, -1),
    "add_key": (248, 217),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "seccomp": (317, 277),
    "memfd_create": (319, 279),
    "syslog": (103, 116),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "shmctl": (31, 195),
    "semctl": (66, 191),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "timer_create": (222, 107),
    "mprotect": (10, 226),
    "pkey_mprotect": (329, 288),
    "splice": (275, 76),
    "io_uring_setup": (425, 425),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "clone3": (435, 435),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "landlock_create_ruleset": (444, 444),
    "memfd_secret": (447, 447),
}
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def call(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """The result of a system call.

    Raises: OSError.
    """
    return raw(_NUMBERS[name][0 if _X86_64 else 1], *arguments)


def raw(number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """The same, by a number that no table has."""
    plain = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *plain)
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def machine_code(code: bytes) -> ctypes._CFunctionType:
    """A function of these bytes, which takes nothing and returns a C int."""
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    function.memory = memory  # type: ignore[attr-defined]  # it lives as long
    return function
