"""What `kandil doctor` says of keyrings: a real Secret Service, none, a locked one, one that hangs."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio.testing

from tests.support import secret_service
from tests.support.diagnosed import checks, leave, sole


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    leave(monkeypatch, home)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.SecretService.Keyring")


async def test_an_open_keyring_is_right_and_a_locked_one_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with secret_service.secret_service() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        one = await sole("KD-KEY-005", "keys")
        assert (one.state, one.found) == ("ok", "the Secret Service keeps keys")
        secret_service.lock(address)
        one = await sole("KD-KEY-005", "keys")
        assert (one.state, one.found) == ("warn", "the Secret Service is locked")
        assert one.mend


async def test_a_keyring_that_hangs_fails_in_time(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.2  # the bus is a real process
    with secret_service.hanging() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        one = await sole("KD-KEY-005", "keys")
    assert (one.state, one.found) == ("fail", "the Secret Service has not answered within 0.7 s")


async def test_no_keyring_at_all_says_what_this_machine_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    one = await sole("KD-KEY-005", "keys")
    assert one.state == "warn"
    assert "no desktop's keyring is here" in one.found
    assert one.mend


async def test_a_refused_backend_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
    one = await sole("KD-KEY-005", "keys")
    assert one.state == "fail"
    assert "PYTHON_KEYRING_BACKEND" in one.found


async def test_a_variable_is_a_risk_by_its_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    [one] = (await checks("keys"))["KD-KEY-001"]
    assert one.state == "warn"
    assert one.found.startswith("OPENAI_API_KEY is set")
