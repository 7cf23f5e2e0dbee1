"""What is laid out for a probe, and what became of it: an attack's effects are looked for from outside as well."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator

from kandil.sandbox.payloads import SAY

_PROGRAM = f"#!/bin/sh\n{SAY}\n".encode()


class Laid:
    """A folder, listeners, a process: one probe's own. See `payloads.Bait` for what is what."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.folder = tempfile.mkdtemp(prefix="kandil-probe-")
        stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)  # noqa: S103 (as a user's folders are)
        for name, mode, content in (("secret", 0o644, b"for nobody else\n"), ("model", 0o755, _PROGRAM)):
            with open(f"{self.folder}/{name}", "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
        os.mkdir(f"{self.folder}/empty")
        self.model = os.open(f"{self.folder}/model", os.O_RDONLY)
        stack.callback(os.close, self.model)
        self._files = self._state_of_files()
        self._memory = ctypes.create_string_buffer(b"untouched", 16)
        self._abstract = f"kandil-{secrets.token_hex(8)}"
        self._listeners = _listeners(stack, f"{self.folder}/socket", self._abstract)
        self._victim = _victim(stack)
        self._limits = self._state_of_victim()

    def task(self) -> dict[str, object]:
        """What the payload is told."""
        return {
            "folder": self.folder,
            "port": self._listeners[0].getsockname()[1],
            "abstract": self._abstract,
            "supervisor": os.getpid(),
            "address": ctypes.addressof(self._memory),
            "victim": self._victim.pid,
        }

    def effects(self) -> tuple[str, ...]:
        """What the attack has left behind."""
        seen = {
            "a file was changed": self._state_of_files() != self._files,
            "a connection came": any(_came(listener) for listener in self._listeners),
            "memory was changed": self._memory.value != b"untouched",
            "another process was ended": self._victim.poll() is not None,
            "another process was changed": self._victim.poll() is None and self._state_of_victim() != self._limits,
            "a folder was mounted over": os.path.ismount(f"{self.folder}/empty"),
        }
        return tuple(effect for effect, happened in seen.items() if happened)

    def _state_of_files(self) -> list[tuple[object, ...]]:
        names = [name for name in sorted(os.listdir(self.folder)) if name != "socket"]
        return [(name, *_state(f"{self.folder}/{name}")) for name in names]

    def _state_of_victim(self) -> tuple[object, ...]:
        pid = self._victim.pid
        return resource.prlimit(pid, resource.RLIMIT_NOFILE), os.getpriority(os.PRIO_PROCESS, pid)


def _state(path: str) -> tuple[object, ...]:
    about = os.lstat(path)
    content = b""
    attributes: list[str] = []
    if stat.S_ISREG(about.st_mode):
        attributes = os.listxattr(path)
        with contextlib.suppress(PermissionError), open(path, "rb") as file:
            content = file.read()
    return about.st_mode, about.st_nlink, about.st_size, about.st_mtime_ns, attributes, content


def _listeners(stack: contextlib.ExitStack, path: str, abstract: str) -> list[socket.socket]:
    """TCP first; UDP with the same port; a path; an abstract name."""
    listeners = []
    for family, kind in (
        (socket.AF_INET, socket.SOCK_STREAM),
        (socket.AF_INET, socket.SOCK_DGRAM),
        (socket.AF_UNIX, socket.SOCK_STREAM),
        (socket.AF_UNIX, socket.SOCK_STREAM),
    ):
        listeners.append(stack.enter_context(socket.socket(family, kind)))
        listeners[-1].settimeout(0)
    tcp, udp, unix, unnamed = listeners
    tcp.bind(("127.0.0.1", 0))
    udp.bind(tcp.getsockname())
    unix.bind(path)
    os.chmod(path, 0o777)  # noqa: S103 (whoever the child is may connect)
    unnamed.bind("\0" + abstract)
    for listener in (tcp, unix, unnamed):
        listener.listen()
    return listeners


def _came(listener: socket.socket) -> bool:
    try:
        if listener.type == socket.SOCK_DGRAM:
            listener.recv(16)
        else:
            listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def _victim(stack: contextlib.ExitStack) -> subprocess.Popen[bytes]:
    """A process that ends when its standard input does."""
    victim = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    stack.callback(victim.wait)
    stack.callback(victim.kill)
    if victim.stdin is not None:
        stack.callback(victim.stdin.close)
    return victim


@contextlib.contextmanager
def laid() -> Iterator[Laid]:
    """Bait for one probe, cleared away afterwards."""
    with contextlib.ExitStack() as stack:
        bait = Laid(stack)
        try:
            yield bait
        finally:
            if os.path.ismount(f"{bait.folder}/empty"):
                subprocess.run(["/bin/umount", f"{bait.folder}/empty"], check=False)  # noqa: S603 (our own folder)
