"""The keys of a run, against a real Secret Service and the real kernel keyring, and against keyrings that fail."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
import trio
import trio.testing

from kandil.credentials import Keys, checked
from kandil.credentials.kernel import KernelKeyring
from kandil.credentials.keys import DEADLINE_SECONDS, PATIENCE_SECONDS
from kandil.errors import (
    KeyMissing,
    KeyringLocked,
    KeyringRefused,
    KeyringSlow,
    KeyringUnavailable,
)
from tests.support import secret_service

KEY = "sk-proj-" + "a1B2c3D4e5F6g7H8i9J0" * 2


async def test_a_key_is_kept_found_and_removed_once(service: str, keys: Keys) -> None:
    assert await keys.find("openai") is None
    kept = await keys.set("openai", checked(KEY), organisation="org-7")
    assert (kept.keyring, kept.kind, kept.key, kept.organisation) == ("the Secret Service", "desktop", True, True)
    for one in (keys, Keys()):
        assert (await one.get("openai")).reveal() == KEY
        assert await one.organisation("openai") == "org-7"
        assert await one.providers(["anthropic", "openai"]) == ("openai",)
    assert await keys.remove("openai") == ("the Secret Service",)
    with pytest.raises(KeyMissing):
        await keys.remove("openai")
    assert await Keys().find("openai") is None


async def test_names_in_the_keyring_are_the_documented_ones(service: str, keys: Keys) -> None:
    import secretstorage

    await keys.set("openai", checked(KEY), organisation="org-7")
    bus = secretstorage.dbus_init()
    items = secretstorage.search_items(bus, {"service": "kandil"})
    assert sorted(item.get_attributes()["username"] for item in items) == ["api_key_openai", "org_openai"]
    bus.close()


async def test_the_last_that_was_set_is_the_one_that_is_used(service: str, kernel: KernelKeyring, keys: Keys) -> None:
    await keys.set("openai", checked(KEY))
    await keys.set("openai", checked("sk-in-the-kernel-1"), kind="kernel", expires_seconds=60)
    assert (await Keys().get("openai")).reveal() == "sk-in-the-kernel-1"
    assert [one.kind for one in await keys.kept()] == ["kernel", "desktop"]
    await keys.set("openai", checked("sk-on-the-desktop-2"))
    assert (await Keys().get("openai")).reveal() == "sk-on-the-desktop-2"
    assert [one.kind for one in await keys.kept()] == ["desktop"]
    await keys.set("openai", checked("sk-in-the-kernel-3"), kind="kernel")
    assert len(await keys.remove("openai")) == 2
    assert await keys.kept() == []


async def test_what_is_kept_is_listed_without_unlocking(service: str, keys: Keys) -> None:
    await keys.set("openai", checked(KEY))
    secret_service.lock(service)
    assert (await keys.states())["desktop"] == ("the Secret Service", True)
    assert [one.provider for one in await Keys().kept()] == ["openai"]


async def test_a_locked_keyring_says_so(service: str, keys: Keys) -> None:
    await keys.set("openai", checked(KEY))
    secret_service.lock(service)
    with pytest.raises(KeyringLocked):
        await Keys().get("openai")
    with pytest.raises(KeyringLocked):
        await Keys().find("anthropic")
    with pytest.raises(KeyringLocked):
        await keys.set("openai", checked(KEY))
    with pytest.raises(KeyringLocked):
        await Keys().remove("openai")


async def test_a_locked_desktop_is_not_in_the_way_of_the_kernel(service: str, kernel: KernelKeyring) -> None:
    """As over SSH, with nobody at the desktop."""
    await Keys().set("anthropic", checked(KEY))
    secret_service.lock(service)
    kept = await Keys().set("openai", checked(KEY), kind="kernel")
    assert (kept.kind, kept.organisation) == ("kernel", False)
    keys = Keys()
    assert (await keys.get("openai")).reveal() == KEY
    assert await keys.organisation("openai") is None
    assert [(one.provider, one.kind) for one in await keys.kept()] == [("anthropic", "desktop"), ("openai", "kernel")]
    assert await keys.remove("openai") == ("the Linux kernel keyring",)


async def test_a_keyring_that_never_had_a_password_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    with secret_service.secret_service(unlocked=False) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        with pytest.raises(KeyringLocked):
            await Keys().set("openai", checked(KEY))


async def test_without_a_desktop_nothing_is_kept_elsewhere(kernel: KernelKeyring, keys: Keys) -> None:
    with pytest.raises(KeyringUnavailable) as caught:
        await keys.set("openai", checked(KEY))
    assert caught.value.hint is not None
    assert "kandil auth set openai --keyring kernel" in caught.value.hint
    assert kernel.entries(()) == {}
    with pytest.raises(KeyMissing, match="no key for openai") as missing:
        await keys.get("openai")
    assert "--keyring kernel" in (missing.value.hint or "")


async def test_a_bus_without_a_secret_service_has_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    with secret_service.bus() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        with pytest.raises(KeyringUnavailable, match="neither running nor activatable"):
            await Keys().set("openai", checked(KEY))
        assert await Keys().find("openai") is None


async def test_a_service_that_hangs_is_left_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.2  # the bus is a real process
    with secret_service.hanging() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        started = trio.current_time()
        with pytest.raises(KeyringSlow):
            await Keys().get("openai")
        assert trio.current_time() - started == pytest.approx(DEADLINE_SECONDS)
        told: list[str] = []
        started = trio.current_time()
        with pytest.raises(KeyringSlow):
            await Keys(on_wait=told.append).get("openai")
        assert trio.current_time() - started == pytest.approx(DEADLINE_SECONDS + PATIENCE_SECONDS)
        assert told == ["the Secret Service"]


async def test_a_bus_that_never_speaks_is_left_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.2
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(f"\0kandil-{tmp_path.name}-{id(bus)}")
        bus.listen()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:abstract=kandil-{tmp_path.name}-{id(bus)}")
        with pytest.raises(KeyringSlow, match="the desktop's keyring has not answered within 5 s"):
            await Keys().find("openai")


async def test_each_key_is_read_once_whoever_asks(kernel: KernelKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    await Keys().set("openai", checked(KEY), kind="kernel")
    real, read, together = KernelKeyring.read, [], threading.Lock()

    def counted(ring: KernelKeyring, account: str) -> str | None:
        with together:
            read.append(account)
        return real(ring, account)

    monkeypatch.setattr(KernelKeyring, "read", counted)
    keys, found = Keys(), []

    async def get() -> None:
        found.append(await keys.get("openai"))

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(get)
    assert read == ["api_key_openai"]
    assert len({id(one) for one in found}) == 1


async def test_a_failure_is_not_tried_again_in_the_same_run(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.2
    with secret_service.hanging() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        keys = Keys()
        started = trio.current_time()
        for _ in range(3):
            with pytest.raises(KeyringSlow):
                await keys.get("openai")
        assert trio.current_time() - started == pytest.approx(DEADLINE_SECONDS)


async def test_no_error_has_the_key_or_the_error_of_what_lies_below(service: str, keys: Keys) -> None:
    secret_service.lock(service)
    with pytest.raises(KeyringLocked) as caught:
        await keys.set("openai", checked(KEY))
    error: BaseException | None = caught.value
    seen = []
    while error is not None:
        seen.append(type(error).__module__)
        error = error.__cause__ or error.__context__
    assert set(seen) <= {"kandil.errors.credentials", "kandil.credentials.keyring"}


@pytest.mark.parametrize(
    "backend",
    [
        "keyrings.alt.file.PlaintextKeyring",
        "keyring.backends.null.Keyring",
        "keyring.backends.fail.Keyring",
        "keyring.backends.SecretService.Keyring.evil",
        "evil.Keyring",
    ],
)
async def test_a_backend_that_is_not_on_the_list_is_refused_and_never_imported(
    backend: str, service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    for ask in (Keys().find, Keys().get, Keys().remove):
        with pytest.raises(KeyringRefused) as caught:
            await ask("openai")
        assert caught.value.chosen_by == "PYTHON_KEYRING_BACKEND"


async def test_a_settings_file_of_keyring_chooses_too(service: str, home: Path) -> None:
    file = home / ".config/python_keyring/keyringrc.cfg"
    file.parent.mkdir(parents=True)
    file.write_text(f"[backend]\ndefault-keyring=evil.Keyring\nkeyring-path={home}\n")
    with pytest.raises(KeyringRefused) as caught:
        await Keys().find("openai")
    assert caught.value.chosen_by == str(file)
    file.write_text("[backend]\ndefault-keyring=keyring.backends.SecretService.Keyring\n")
    keys = Keys()
    await keys.set("openai", checked(KEY))
    assert set(await keys.states()) == {"desktop"}


async def test_what_the_environment_chooses_is_the_only_one(
    service: str, kernel: KernelKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "kandil.kernel")
    assert set(await Keys().states()) == {"kernel"}
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.SecretService.Keyring")
    assert set(await Keys().states()) == {"desktop"}
    with pytest.raises(KeyringUnavailable, match="chosen in its place"):
        await Keys().set("openai", checked(KEY), kind="kernel")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.chainer.ChainerBackend")
    assert set(await Keys().states()) == {"kernel", "desktop"}


async def test_a_class_under_an_allowed_name_that_is_another_is_not_used(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keyring.backends.null
    import keyring.backends.SecretService

    monkeypatch.setattr(keyring.backends.SecretService, "Keyring", keyring.backends.null.Keyring)
    with pytest.raises(KeyringUnavailable, match="is not what it is called"):
        await Keys().set("openai", checked(KEY))


async def test_installed_plugins_are_not_loaded(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that `keyring` itself would prefer to all others, and loads as soon as it looks for a keyring."""
    (tmp_path / "greedy.py").write_text(
        "import pathlib\npathlib.Path(__file__).with_name('loaded').touch()\n"
        "from keyring.backend import KeyringBackend\n"
        "class Keyring(KeyringBackend):\n    priority = 99\n    get_password = set_password = lambda *_: 'mine'\n"
    )
    (tmp_path / "greedy-1.dist-info").mkdir()
    (tmp_path / "greedy-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: greedy\nVersion: 1\n")
    (tmp_path / "greedy-1.dist-info/entry_points.txt").write_text("[keyring.backends]\ngreedy = greedy\n")
    monkeypatch.syspath_prepend(tmp_path)
    keys = Keys()
    await keys.set("openai", checked(KEY))
    assert (await Keys().get("openai")).reveal() == KEY
    assert not (tmp_path / "loaded").exists()
    import keyring.backend

    keyring.backend._load_plugins()
    assert (tmp_path / "loaded").exists()  # so that it is a plug-in that could have been loaded
