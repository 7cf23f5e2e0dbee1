"""The keyrings of desktops, by way of the `keyring` package: five of its classes, and never another.

`keyring.get_keyring()` loads every plug-in that is installed, takes one that keeps keys as plain text where nothing
else is there, and whatever class an environment variable or a file names. So it is never called: the classes are
imported one by one, from `keyring` itself, and each is checked to be what it is called. Its chainer does what is done
here anyhow, with every plug-in: where somebody chose it, the choice is left to kandil.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from kandil.credentials.keyring import SERVICE, Entry, Unavailable
from kandil.errors import KeyringRefused
from kandil.secret import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import ModuleType

    from kandil.credentials.keyring import Kind

ALLOWED: Final[Mapping[str, str]] = {
    "keyring.backends.macOS.Keyring": "the macOS Keychain",
    "keyring.backends.Windows.WinVaultKeyring": "the Windows Credential Locker",
    "keyring.backends.SecretService.Keyring": "the Secret Service",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.libsecret.Keyring": "libsecret",
}
"""Module and name of the class, and what people call it."""
KERNEL: Final = "kandil.kernel"
"""Chooses the kernel's keyring, where `keyring`'s own classes are chosen."""
_CHAINER: Final = "keyring.backends.chainer.ChainerBackend"
_OF_SYSTEM: Final = {
    "darwin": ("keyring.backends.macOS.Keyring",),
    "win32": ("keyring.backends.Windows.WinVaultKeyring",),
}
_VARIABLE: Final = "PYTHON_KEYRING_BACKEND"
_BUS: Final = "DBUS_SESSION_BUS_ADDRESS"
_MOST_TWINS: Final = 20


class DesktopKeyring:
    """One of the classes in `ALLOWED`, ready for use."""

    kind: Kind = "desktop"

    def __init__(self, name: str) -> None:
        """Raises: Unavailable."""
        backend = _class(name)
        self.title = ALLOWED[name]
        self.priority = float(_answer(lambda: backend.priority))  # which asks whether it is there
        self._module = sys.modules[backend.__module__]
        self._ring: Any = _answer(backend)

    def read(self, account: str) -> str | None:
        text = self._opened(lambda: self._ring.get_password(SERVICE, account))
        return None if text is None else str(text)

    def write(self, account: str, text: str, *, expires_seconds: int | None) -> None:  # noqa: ARG002
        self._opened(lambda: self._ring.set_password(SERVICE, account, text))
        if self.read(account) != text:  # some only log that they could not
            raise Unavailable("it has not kept what it was given")

    def remove(self, account: str) -> bool:
        for number in range(_MOST_TWINS):  # each call removes one of those that bear the name
            if self.read(account) is None:
                return number > 0
            self._opened(lambda: self._ring.delete_password(SERVICE, account))
        raise Unavailable("it does not remove what it was told to")

    def entries(self, accounts: Iterable[str]) -> Mapping[str, Entry]:
        if hasattr(self._module, "secretstorage"):
            return dict.fromkeys(_answer(self._listed), Entry())
        return {account: Entry() for account in accounts if self.read(account) is not None}

    def is_locked(self) -> bool | None:
        return _answer(self._locked) if hasattr(self._module, "secretstorage") else None

    def _opened(self, ask: Callable[[], Any]) -> Any:  # noqa: ANN401
        """What `ask` gives, of a keyring that is unlocked. `keyring` would unlock it too, and leave sockets open."""
        if hasattr(self._module, "secretstorage"):
            _answer(self._unlock)
        return _answer(ask)

    def _unlock(self) -> None:
        storage: ModuleType = self._module.secretstorage
        with closing(storage.dbus_init()) as bus:
            collection = storage.get_default_collection(bus)
            if collection.is_locked() and collection.unlock():
                raise Unavailable("nobody has unlocked it", locked=True)

    def _listed(self) -> list[str]:
        """The accounts in the Secret Service. What is locked can be listed too, so that nobody is asked to unlock."""
        storage: ModuleType = self._module.secretstorage
        scheme = self._ring.schemes[self._ring.scheme]
        with closing(storage.dbus_init()) as bus:
            items = storage.search_items(bus, {scheme["service"]: SERVICE})
            return [item.get_attributes().get(scheme["username"], "") for item in items]

    def _locked(self) -> bool | None:
        storage: ModuleType = self._module.secretstorage
        with closing(storage.dbus_init()) as bus:
            if not _is_running(bus):
                return None  # to ask it would start it
            try:
                return bool(storage.get_collection_by_alias(bus, "default").is_locked())
            except storage.ItemNotFoundException:
                return True  # there is none: the first use makes it, and asks for its password


def _is_running(bus: Any) -> bool:  # noqa: ANN401 (a connection of an untyped package)
    from importlib import import_module  # noqa: PLC0415

    proxy = import_module("jeepney.io.blocking").Proxy(import_module("jeepney.bus_messages").message_bus, bus)
    return bool(proxy.NameHasOwner("org.freedesktop.secrets")[0])


def chosen() -> str | None:
    """The class that the environment or `keyring`'s own settings choose; `KERNEL`; None: the choice is kandil's.

    Raises:
        KeyringRefused: it is not on the list. It was not imported.
    """
    by, name = _VARIABLE, os.environ.get(_VARIABLE)
    if not name:
        by, name = _in_file()
    if not name or name == _CHAINER:
        return None
    if name not in ALLOWED and name != KERNEL:
        raise KeyringRefused(redacted(name)[:200], by, (*ALLOWED, KERNEL))
    return name


def _in_file() -> tuple[str, str | None]:
    """keyringrc.cfg. What else it says is left: `keyring-path` would let anybody's modules in."""
    import configparser  # noqa: PLC0415

    from keyring.util import platform_  # noqa: PLC0415

    file = platform_.config_root() / "keyringrc.cfg"
    settings = configparser.RawConfigParser()
    try:
        settings.read_string(file.read_bytes()[: 1 << 16].decode("utf-8", "replace"))
    except (OSError, configparser.Error):
        return str(file), None
    return str(file), settings.get("backend", "default-keyring", fallback="").strip() or None


def best() -> DesktopKeyring:
    """The one that the system's desktop prefers. Raises: Unavailable, and why its usual one is."""
    found: list[DesktopKeyring] = []
    reasons: list[str] = []
    if sys.platform == "linux" and not os.environ.get(_BUS):
        raise Unavailable(f"this is no desktop's session: {_BUS} is not set")
    for name in _OF_SYSTEM.get(sys.platform, tuple(ALLOWED)[2:]):
        try:
            found.append(DesktopKeyring(name))
        except Unavailable as error:
            reasons.append(f"{ALLOWED[name]}: {error.reason}")
    if not found:
        raise Unavailable(reasons[0])
    return max(found, key=lambda one: one.priority)


def _class(name: str) -> Any:  # noqa: ANN401 (its types are keyring's)
    from importlib import import_module  # noqa: PLC0415

    module, _, own = name.rpartition(".")
    backend = _answer(lambda: getattr(import_module(module), own))
    if f"{backend.__module__}.{backend.__qualname__}" != name or name not in ALLOWED:
        raise Unavailable(f"{name} is not what it is called")
    return backend


def _answer(ask: Callable[[], Any]) -> Any:  # noqa: ANN401
    """What `ask` gives. Raises: Unavailable; the error of whatever lies below is not kept: it may hold anything."""
    try:
        return ask()
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 (keyring, its modules and D-Bus have dozens)
        refusal = _refusal(error)
    raise refusal


def _refusal(error: BaseException) -> Unavailable:
    kinds = {type(one).__name__ for one in _causes(error)}
    text = redacted(str(error)).strip().splitlines()
    locked = bool(kinds & {"KeyringLocked", "LockedException", "PromptDismissedException"})
    return Unavailable((text[0][:200] if text else "") or type(error).__name__, locked=locked)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
