"""Attacks by memory and what the kernel counts with it: to exhaust, to share, to run it."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource

from kandil.sandbox.payloads import Bait, probe
from kandil.sandbox.payloads.calls import call

_NORESERVE = 0x4000
_EXECUTABLE = mmap.PROT_READ | mmap.PROT_EXEC


@probe("allocate 100 GB")
def allocate(_bait: Bait) -> bool:
    return len(mmap.mmap(-1, 100 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE)) == 100 << 30


@probe("fill more memory than it may")
def fill(_bait: Bait) -> bool:
    try:
        return len(b"!" * (400 << 20)) > 0
    except MemoryError:
        return False


@probe("open 10 000 files")
def open_files(_bait: Bait) -> bool:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit[0] < limit[1]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    for _ in range(10_000):
        os.dup(0)
    return True


@probe("fill pipes, which take the kernel's memory")
def open_pipes(_bait: Bait) -> bool:
    return len([os.pipe() for _ in range(100)]) > 0


@probe("lock memory")
def lock(_bait: Bait) -> bool:
    memory = ctypes.create_string_buffer(4096)
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.mlock(memory, 4096) == 0)


@probe("make memory that can be run")
def map_executable(_bait: Bait) -> bool:
    return bool(mmap.mmap(-1, mmap.PAGESIZE, prot=_EXECUTABLE | mmap.PROT_WRITE))


@probe("map the model to be run")
def map_model_executable(bait: Bait) -> bool:
    return bool(mmap.mmap(bait.fd, 0, flags=mmap.MAP_PRIVATE, prot=_EXECUTABLE))


def _protected(name: str, *more: int) -> bool:
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return call(name, address, mmap.PAGESIZE, _EXECUTABLE, *more) == 0


@probe("let its memory be run (mprotect)")
def protect_executable(_bait: Bait) -> bool:
    return _protected("mprotect")


@probe("let its memory be run (pkey_mprotect)", "system")
def protect_executable_with_key(_bait: Bait) -> bool:
    return _protected("pkey_mprotect", -1)


@probe("make all that it can read run (personality)", "system")
def personality(_bait: Bait) -> bool:
    return call("personality", 0x0400000) >= 0  # READ_IMPLIES_EXEC


@probe("make a file in memory (memfd)")
def memfd(_bait: Bait) -> bool:
    return call("memfd_create", b"own", 0) >= 0


@probe("make memory that the kernel cannot see (memfd_secret)", "system")
def memfd_secret(_bait: Bait) -> bool:
    return call("memfd_secret", 0) >= 0


@probe("handle its own page faults (userfaultfd)", "system")
def userfaultfd(_bait: Bait) -> bool:
    return call("userfaultfd", 1) >= 0


@probe("share memory (System V)")
def shared_memory(_bait: Bait) -> bool:
    return call("shmctl", call("shmget", 0, 4096, 0o1600), 0, None) == 0


@probe("share a semaphore (System V)")
def semaphore(_bait: Bait) -> bool:
    return call("semctl", call("semget", 0, 1, 0o1600), 0, 0, None) == 0


@probe("share a message queue (System V)")
def message_queue(_bait: Bait) -> bool:
    return call("msgctl", call("msgget", 0, 0o1600), 0, None) == 0


@probe("share a message queue (POSIX)", "system")
def posix_queue(bait: Bait) -> bool:
    name = b"kandil-%d" % bait.supervisor
    made = call("mq_open", name, os.O_CREAT | os.O_RDWR, 0o600, None) >= 0
    return made and call("mq_unlink", name) == 0
