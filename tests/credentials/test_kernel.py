"""The Linux kernel's keyring, for real: as whoever runs the tests, and as an ordinary user in sessions of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from kandil.credentials.kernel import KernelKeyring
from tests.support import ordinary_user

ACCOUNT = "api_key_house"
TEXT = "sk-kernel-0123456789abcdef"


def test_what_is_written_is_read_and_removed_once(kernel: KernelKeyring) -> None:
    assert kernel.read(ACCOUNT) is None
    kernel.write(ACCOUNT, TEXT, expires_seconds=None)
    assert kernel.read(ACCOUNT) == TEXT
    assert [kernel.remove(ACCOUNT), kernel.remove(ACCOUNT)] == [True, False]
    assert kernel.read(ACCOUNT) is None


def test_a_second_text_takes_the_place_of_the_first(kernel: KernelKeyring) -> None:
    for text in (TEXT, "x", TEXT * 100):
        kernel.write(ACCOUNT, text, expires_seconds=None)
        assert kernel.read(ACCOUNT) == text
    assert list(kernel.entries(())) == [ACCOUNT]


def test_expiry_is_told_without_reading(kernel: KernelKeyring) -> None:
    kernel.write(ACCOUNT, TEXT, expires_seconds=12 * 3600)
    kernel.write("org_house", "org", expires_seconds=None)
    entries = kernel.entries(())
    assert entries[ACCOUNT].expires_in_seconds in (11 * 3600, 12 * 3600)  # the kernel rounds down
    assert entries["org_house"].expires_in_seconds is None


def test_what_replaces_an_entry_without_expiry_expires(kernel: KernelKeyring) -> None:
    kernel.write(ACCOUNT, TEXT, expires_seconds=None)
    kernel.write(ACCOUNT, TEXT, expires_seconds=7200)
    assert kernel.entries(())[ACCOUNT].expires_in_seconds in (3600, 7200)
    kernel.write(ACCOUNT, TEXT, expires_seconds=None)
    assert kernel.entries(())[ACCOUNT].expires_in_seconds is None


def test_other_users_cannot_see_it(kernel: KernelKeyring) -> None:
    if os.geteuid():
        pytest.skip("only root can become another user")
    kernel.write(ACCOUNT, TEXT, expires_seconds=None)
    code = "from kandil.credentials.kernel import KernelKeyring as K; print(K().read('api_key_house'), K().entries(()))"
    seen = ordinary_user.run([sys.executable, "-c", code])
    assert (seen.stdout.strip(), seen.returncode) == ("None {}", 0), seen.stderr


def test_an_ordinary_user_has_it_in_every_session(kernel: KernelKeyring) -> None:
    """Also in one that possesses nothing of the user's keyring, as `keyctl session` and services have it."""
    if os.geteuid():
        pytest.skip("only root can become another user")
    make = "from kandil.credentials.kernel import KernelKeyring as K"
    write = f"{make}; K().write('{ACCOUNT}', '{TEXT}', expires_seconds=60)"
    read = f"""
import json, sys
from kandil.credentials import kernel
kernel._call(kernel.KEYCTL, 1, 0)  # KEYCTL_JOIN_SESSION_KEYRING: a new one, with nothing in it
ring = kernel.KernelKeyring()
print(json.dumps([ring.read('{ACCOUNT}'), list(ring.entries(())), ring.remove('{ACCOUNT}'), ring.read('{ACCOUNT}')]))
"""
    assert ordinary_user.run([sys.executable, "-c", write]).returncode == 0
    done = ordinary_user.run([sys.executable, "-c", read])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [TEXT, [ACCOUNT], True, None]


def test_the_quota_is_an_error(kernel: KernelKeyring) -> None:
    if os.geteuid():
        pytest.skip("only root can become another user")
    code = """
from kandil.credentials.kernel import KernelKeyring
from kandil.credentials.keyring import Unavailable
ring, most = KernelKeyring(), 0
try:
    for most in range(1000):
        ring.write(f"api_key_{most}", "x" * 1000, expires_seconds=60)
except Unavailable as error:
    print(error.reason)
for account in ring.entries(()):
    ring.remove(account)
"""
    done = ordinary_user.run([sys.executable, "-c", code])
    assert "quota" in done.stdout, done.stderr


def test_the_text_is_in_no_error(kernel: KernelKeyring) -> None:
    with pytest.raises(Exception, match=r"quota|says") as caught:
        kernel.write(ACCOUNT, "y" * 40_000, expires_seconds=None)
    assert "yyy" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
def test_where_the_calls_are_forbidden_it_is_unavailable() -> None:
    """As Docker forbids them: EPERM."""
    code = """
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
machine, keyctl = {"x86_64": (0xC000003E, 250), "aarch64": (0xC00000B7, 219)}[__import__("platform").machine()]
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, keyctl), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
program = b"".join(struct.pack("HBBI", *rule) for rule in rules)
buffer = ctypes.create_string_buffer(program)
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("rules", ctypes.c_void_p)]
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(len(rules), ctypes.addressof(buffer)))) == 0, ctypes.get_errno()
import trio
from kandil.credentials import Keys
keys = Keys()
print(trio.run(keys.find, "openai"), keys.reason("kernel"))
try:
    trio.run(Keys().get, "openai")
except Exception as error:
    print(error.code, error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("None the kernel's keyring is closed to this process"), done.stderr
    assert "key-missing" in done.stdout
    assert "kernel's keyring cannot be used either" in done.stdout
