"""Keyrings of the tests' own: whoever runs them keeps what is in theirs."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from kandil.credentials import Keys
from kandil.credentials.kernel import KernelKeyring
from kandil.credentials.keyring import Unavailable
from tests.support import secret_service


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Entries in the kernel's keyring are under another name than kandil's, and are taken away again."""
    monkeypatch.setattr("kandil.credentials.kernel.SERVICE", f"kandil-test-{os.getpid()}")
    for name in ("SSH_CONNECTION", "SSH_TTY", "DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP", "container"):
        monkeypatch.delenv(name, raising=False)
    yield
    try:
        ring = KernelKeyring()
        for account in ring.entries(()):
            ring.remove(account)
    except Unavailable:
        pass


@pytest.fixture
def kernel() -> KernelKeyring:
    """The real one. Skips where a container closes it, or fails with CI=true."""
    ring = KernelKeyring()
    try:
        ring.is_locked()
    except Unavailable as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs the kernel's keyring: {error.reason}")
        pytest.skip(error.reason)
    return ring


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real Secret Service, unlocked, is the desktop's."""
    with secret_service.secret_service() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield address


@pytest.fixture
def keys() -> Keys:
    return Keys()
