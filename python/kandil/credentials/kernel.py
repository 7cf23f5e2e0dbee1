"""The Linux kernel's keyring: for servers, containers and CI, where no desktop keeps keys.

A key is kernel memory: never swapped, gone at its time-out and at reboot, seen by every session of this user and by no
other user. keyctl(2), add_key(2), user-keyring(7).

A process may read what it *possesses*, and many possess nothing of the user keyring: what systemd starts, what sudo and
su start, a container's. So each key lets its user read it, which any of that user's processes could bring about anyway
by linking the user keyring to its own. It is made whole, with permissions and time-out, in a keyring of this process,
and only then linked: that replaces an older one at once.
"""

from __future__ import annotations

import errno
import os
import platform
import re
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from kandil.credentials.keyring import SERVICE, Entry, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kandil.credentials.keyring import Kind

ADD_KEY, KEYCTL = "add_key", "keyctl"
_NUMBERS: Final[Mapping[str, Mapping[str, int]]] = {
    "x86_64": {ADD_KEY: 248, KEYCTL: 250},  # arch/x86/entry/syscalls/syscall_64.tbl
    "aarch64": {ADD_KEY: 217, KEYCTL: 219},  # include/uapi/asm-generic/unistd.h
    "riscv64": {ADD_KEY: 217, KEYCTL: 219},
}
_PROCESS_KEYRING, _USER_KEYRING = -2, -4
_SETPERM, _DESCRIBE, _LINK, _UNLINK, _SEARCH, _READ, _SET_TIMEOUT = 5, 6, 8, 9, 10, 11, 15
_PERMISSIONS: Final = 0x3F3F0000
"""Everything for who possesses it and for its user; nothing for the group and others."""
_GONE: Final = (errno.ENOKEY, errno.EKEYEXPIRED, errno.EKEYREVOKED)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LARGEST: Final = 32_767
"""Bytes that a key may have, by the kernel."""
LONGEST_SECONDS: Final = 4_000_000_000
"""The kernel takes 32 bits."""


class KernelKeyring:
    """This user's keyring in the kernel."""

    kind: Kind = "kernel"
    title = "the Linux kernel keyring"

    def read(self, account: str) -> str | None:
        serial = self._found(account)
        if serial is None:
            return None
        buffer = bytearray(_LARGEST)
        try:
            length = _keyctl(_READ, serial, buffer, len(buffer))
            return buffer[:length].decode("ascii", "replace")
        except OSError as error:
            if error.errno in _GONE:
                return None
            raise _unavailable(error) from None
        finally:
            buffer[:] = bytes(len(buffer))

    def write(self, account: str, text: str, *, expires_seconds: int | None) -> None:
        payload = bytearray(text, "ascii")
        try:
            serial = _call(ADD_KEY, b"user", _description(account), payload, len(payload), _PROCESS_KEYRING)
            try:
                _keyctl(_SETPERM, serial, _PERMISSIONS)
                if expires_seconds is not None:
                    _keyctl(_SET_TIMEOUT, serial, expires_seconds)
                _keyctl(_LINK, serial, _USER_KEYRING)
            finally:
                _keyctl(_UNLINK, serial, _PROCESS_KEYRING)
        except OSError as error:
            raise _unavailable(error) from None
        finally:
            payload[:] = bytes(len(payload))

    def remove(self, account: str) -> bool:
        serial = self._found(account)
        if serial is None:
            return False
        try:
            _keyctl(_UNLINK, serial, _USER_KEYRING)
        except OSError as error:
            if error.errno in (*_GONE, errno.ENOENT):
                return False
            raise _unavailable(error) from None
        return True

    def entries(self, accounts: Iterable[str]) -> Mapping[str, Entry]:  # noqa: ARG002 (it can list)
        """Whatever is kandil's in it."""
        found, expiry = {}, _expiries()
        for serial in self._serials():
            try:
                buffer = bytearray(4096)
                length = _keyctl(_DESCRIBE, serial, buffer, len(buffer))
            except OSError:  # it has gone, or is none of ours
                continue
            kind, _, _, _, description = bytes(buffer[: max(length - 1, 0)]).split(b";", 4)
            service, _, account = description.decode("utf-8", "replace").partition(":")
            if kind == b"user" and service == SERVICE and self._found(account) == serial:
                found[account] = Entry(expiry.get(serial))
        return found

    def is_locked(self) -> bool | None:
        """It never is. Raises: Unavailable."""
        self._serials()
        return False

    def _serials(self) -> list[int]:
        buffer = bytearray(1 << 16)
        try:
            length = _keyctl(_READ, _USER_KEYRING, buffer, len(buffer))
        except OSError as error:
            raise _unavailable(error) from None
        words = memoryview(buffer[: min(length, len(buffer)) // 4 * 4]).cast("i")
        return words.tolist()

    def _found(self, account: str) -> int | None:
        try:
            return _keyctl(_SEARCH, _USER_KEYRING, b"user", _description(account), 0)
        except OSError as error:
            if error.errno in _GONE:
                return None
            raise _unavailable(error) from None


def _description(account: str) -> bytes:
    return f"{SERVICE}:{account}".encode()


def _expiries() -> Mapping[int, int]:
    """Seconds that keys have left, by serial number: proc(5), /proc/keys. The kernel tells it in no other way."""
    try:
        with open("/proc/keys", encoding="utf-8", errors="replace") as file:
            lines = file.read(1 << 20).splitlines()
    except OSError:
        return {}
    left = {}
    for line in lines:
        words = line.split(None, 4)
        if len(words) > 4 and (told := re.fullmatch(r"(\d+)([smhdw])", words[3])):  # noqa: PLR2004
            left[int(words[0], 16)] = int(told[1]) * _UNITS[told[2]]
    return left


def _unavailable(error: OSError) -> Unavailable:
    if error.errno in (errno.ENOSYS, errno.EPERM):
        return Unavailable("the kernel's keyring is closed to this process, as containers often close it")
    if error.errno == errno.EDQUOT:
        return Unavailable("this user's quota in the kernel's keyring is used up (/proc/sys/kernel/keys)")
    return Unavailable(f"the kernel's keyring says: {os.strerror(error.errno or 0)}")


def _keyctl(operation: int, *arguments: bytes | bytearray | int) -> int:
    return _call(KEYCTL, operation, *arguments)


def _call(name: str, *arguments: bytes | bytearray | int) -> int:
    """The system call's result. Raises: OSError."""
    numbers = _NUMBERS.get(platform.machine()) if sys.platform == "linux" and sys.maxsize > 1 << 32 else None
    if numbers is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    ffi, libc = _libc()
    words = [
        ffi.cast("long", one)
        if isinstance(one, int)
        else ffi.from_buffer("char[]", one + b"\0" if isinstance(one, bytes) else one)
        for one in arguments
    ]
    result = int(libc.syscall(numbers[name], *words))
    if result < 0:
        raise OSError(ffi.errno, os.strerror(ffi.errno))
    return result


@cache
def _libc() -> tuple[Any, Any]:
    from cffi import FFI  # noqa: PLC0415 - slow to import

    ffi = FFI()
    ffi.cdef("long syscall(long number, ...);")
    return ffi, ffi.dlopen(None)
