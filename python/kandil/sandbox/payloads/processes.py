"""Attacks on processes: to start some, to look into others, to signal them, to get away."""

from __future__ import annotations

import _thread
import ctypes
import fcntl
import os
import resource
import signal
import time

from kandil.sandbox.payloads import SAY, Bait, probe
from kandil.sandbox.payloads.calls import call, raw

_SIGCHLD = 17


@probe("fork")
def fork(_bait: Bait) -> bool:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)[0] == pid


@probe("clone by the plain system call")
def clone(_bait: Bait) -> bool:
    pid = call("clone", _SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)[0] == pid


@probe("clone by clone3")
def clone3(_bait: Bait) -> bool:
    arguments = ctypes.create_string_buffer(64)
    arguments[32] = bytes([_SIGCHLD])  # struct clone_args: exit_signal
    pid = call("clone3", arguments, 64)
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)[0] == pid


@probe("start a thread that nobody asked for")
def thread(_bait: Bait) -> bool:
    begun = _thread.allocate_lock()
    begun.acquire()
    try:
        _thread.start_new_thread(begun.release, ())
    except RuntimeError:
        return False
    return begun.acquire(timeout=10)


@probe("run a program")
def execve(_bait: Bait) -> bool:
    os.execve("/bin/sh", ["sh", "-c", SAY], {})  # noqa: S606 (that is the attack)


@probe("run a program that is nowhere on disk (memfd)")
def execve_memfd(_bait: Bait) -> bool:
    fd = os.memfd_create("program", 0)
    os.write(fd, f"#!/bin/sh\n{SAY}\n".encode())
    os.execve(fd, ["sh"], {})  # noqa: S606 (that is the attack)


@probe("run the model as a program (execveat)")
def execveat(bait: Bait) -> bool:
    call("execveat", bait.fd, b"", None, None, 0x1000)
    return False  # not reached


@probe("gain root's rights from a program that gives them (set-user-id)", "system")
def set_user_id(_bait: Bait) -> bool:
    if os.geteuid() == 0:
        return False  # nothing to gain
    wait, go_on = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(wait, 0)
        os.close(go_on)
        # It asks for a password, and waits.
        os.execve("/bin/su", ["su"], {})  # noqa: S606 (that is the attack)
    try:
        return _becomes_root(pid)
    finally:
        os.close(go_on)
        os.waitpid(pid, 0)


def _becomes_root(pid: int) -> bool:
    for _ in range(1000):
        with open(f"/proc/{pid}/status", "rb") as file:
            lines = dict(line.split(b":", 1) for line in file)
        if lines[b"Name"].strip() == b"su":
            return lines[b"Uid"].split()[1] == b"0"
        time.sleep(0.002)
    return False


@probe("leave the session that is ended as a whole")
def setsid(_bait: Bait) -> bool:
    os.setsid()
    return os.getsid(0) == os.getpid()


@probe("end another process")
def kill(bait: Bait) -> bool:
    os.kill(bait.victim, signal.SIGKILL)
    return True


@probe("signal every process")
def kill_all(_bait: Bait) -> bool:
    os.kill(-1, 0)
    return True


@probe("signal the supervisor")
def kill_supervisor(bait: Bait) -> bool:
    os.kill(bait.supervisor, 0)
    return True


@probe("signal the supervisor's thread")
def kill_thread(bait: Bait) -> bool:
    return call("tgkill", bait.supervisor, bait.supervisor, 0) == 0


@probe("signal itself by the call that abort uses, but not with SIGABRT")
def signal_itself(_bait: Bait) -> bool:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    return call("tgkill", os.getpid(), os.getpid(), signal.SIGUSR1) == 0


@probe("let a pipe signal another process")
def signal_by_pipe(bait: Bait) -> bool:
    fcntl.fcntl(1, fcntl.F_SETOWN, bait.victim)
    return True


@probe("signal through a descriptor of the process")
def kill_by_pidfd(bait: Bait) -> bool:
    call("pidfd_send_signal", call("pidfd_open", bait.victim, 0), signal.SIGKILL, None, 0)
    return True


@probe("take an open file out of another process", "system")
def steal_descriptor(bait: Bait) -> bool:
    return call("pidfd_getfd", call("pidfd_open", bait.supervisor, 0), 0, 0) >= 0


@probe("attach to another process (ptrace)", "system")
def ptrace(bait: Bait) -> bool:
    return call("ptrace", 0x4206, bait.victim, 0, 0) == 0  # PTRACE_SEIZE: it is not stopped


def _vectors(bait: Bait, content: bytes) -> tuple[ctypes.Array[ctypes.c_char], bytes, bytes]:
    own = ctypes.create_string_buffer(content, 16)
    pairs = ((ctypes.addressof(own), 16), (bait.address, 16))
    here, there = (bytes(ctypes.c_ulong(base)) + bytes(ctypes.c_ulong(size)) for base, size in pairs)
    return own, here, there


@probe("read the supervisor's memory", "system")
def read_memory(bait: Bait) -> bool:
    own, here, there = _vectors(bait, b"")
    return call("process_vm_readv", bait.supervisor, here, 1, there, 1, 0) == 16 and any(own.raw)  # noqa: PLR2004


@probe("write the supervisor's memory", "system")
def write_memory(bait: Bait) -> bool:
    _own, here, there = _vectors(bait, b"overwritten")
    return call("process_vm_writev", bait.supervisor, here, 1, there, 1, 0) == 16  # noqa: PLR2004


@probe("compare with another process (kcmp)", "system")
def compare(bait: Bait) -> bool:
    return call("kcmp", os.getpid(), bait.supervisor, 2, 0, 0) >= 0


@probe("take descriptors away from another process")
def limit_other(bait: Bait) -> bool:
    resource.prlimit(bait.victim, resource.RLIMIT_NOFILE, (5, 5))
    return True


@probe("slow another process down")
def slow_other(bait: Bait) -> bool:
    os.setpriority(os.PRIO_PROCESS, bait.victim, 19)
    return True


@probe("keep another process from the disk")
def slow_other_disk(bait: Bait) -> bool:
    return call("ioprio_set", 1, bait.victim, 3 << 13) == 0  # idle


@probe("tie another process to one core")
def tie_other(bait: Bait) -> bool:
    os.sched_setaffinity(bait.victim, {min(os.sched_getaffinity(0))})
    return True


@probe("ask for another process's session")
def look_up_session(bait: Bait) -> bool:
    return os.getsid(bait.victim) >= 0  # 0 is one that began outside this namespace of processes


@probe("raise its own limits")
def raise_limits(_bait: Bait) -> bool:
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError:
        return False
    return True


@probe("be dumped, so that others can look into it")
def be_dumpable(_bait: Bait) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(4, 1, 0, 0, 0) == 0)


@probe("start a timer that signals")
def timer(_bait: Bait) -> bool:
    signal.setitimer(signal.ITIMER_REAL, 1000)
    return True


@probe("run the system calls of 32-bit programs (int 0x80)", "system")
def calls_of_32_bit(_bait: Bait) -> bool:
    return _int80() == os.getpid()


@probe("run the system calls of x32", "system")
def calls_of_x32(_bait: Bait) -> bool:
    return raw(0x4000_0000 | 39) == os.getpid()


def _int80() -> int:
    assert _CODE is not None
    return int(_CODE())


_CODE = None
if os.uname().machine == "x86_64":
    from kandil.sandbox.payloads.calls import machine_code

    _CODE = machine_code(b"\x53\xb8\x14\x00\x00\x00\xcd\x80\x5b\xc3")  # push rbx; mov eax, 20; int 0x80; pop rbx; ret


@probe("use more CPU time than it may")
def spin(_bait: Bait) -> bool:
    while time.process_time() < 1.5:  # noqa: PLR2004 (the limit is 1)
        pass
    return True


@probe("use more CPU time, and not be told of the limit")
def spin_deaf(_bait: Bait) -> bool:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while time.process_time() < 2.3:  # noqa: PLR2004 (the last limit is 2)
        pass
    return True
