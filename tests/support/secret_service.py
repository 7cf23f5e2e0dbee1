"""A message bus of the test's own, and on it a real Secret Service: GNOME Keyring, as desktops run it."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from jeepney import DBusAddress, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, Proxy, open_dbus_connection

from tests.support import parts

_NAME = "org.freedesktop.secrets"
_READY_SECONDS = 20


@contextmanager
def bus() -> Iterator[str]:
    """The address of a message bus on which nobody answers for secrets, and which starts nobody who would."""
    parts.need("dbus-daemon", package="dbus")
    with _folder() as folder:
        settings = folder / "bus.conf"
        settings.write_text(
            '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" '
            '"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">'
            f"<busconfig><type>session</type><listen>unix:path={folder}/bus</listen>"
            '<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>'
            '<allow own="*"/></policy>'
            "</busconfig>"
        )
        command = ["dbus-daemon", f"--config-file={settings}", "--nofork", "--print-address=1"]
        with _running(command, env={"PATH": os.defpath}) as daemon:
            assert daemon.stdout is not None
            yield daemon.stdout.readline().decode().strip()


@contextmanager
def secret_service(*, unlocked: bool = True) -> Iterator[str]:
    """The address of a bus with a Secret Service; without `unlocked`, one that has never had a password."""
    parts.need("gnome-keyring-daemon", package="gnome-keyring")
    with bus() as address, _folder() as folder:
        for name in ("run", "data"):
            (folder / name).mkdir(mode=0o700)
        environment = {
            "PATH": os.defpath,
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "DBUS_SESSION_BUS_ADDRESS": address,
        }
        command = ["gnome-keyring-daemon", "--foreground", "--components=secrets", f"--control-directory={folder}/run"]
        with _running([*command, *(["--unlock"] if unlocked else [])], env=environment) as daemon:
            assert daemon.stdin is not None
            daemon.stdin.write(secrets.token_bytes(24).hex().encode() if unlocked else b"")
            daemon.stdin.close()
            _await_owner(address)
            yield address


@contextmanager
def hanging() -> Iterator[str]:
    """The address of a bus with a Secret Service that takes every call and answers none."""
    with bus() as address, open_dbus_connection(address) as connection:
        Proxy(message_bus, connection).RequestName(_NAME)
        yield address


def lock(address: str) -> None:
    """Locks every collection, as when the screen is locked."""
    service = DBusAddress("/org/freedesktop/secrets", _NAME, "org.freedesktop.Secret.Service")
    with open_dbus_connection(address) as connection:
        places = ["/org/freedesktop/secrets/aliases/default", "/org/freedesktop/secrets/collection/login"]
        connection.send_and_get_reply(new_method_call(service, "Lock", "ao", (places,)), timeout=_READY_SECONDS)


def _await_owner(address: str) -> None:
    """Somebody answers for secrets: the bus itself says when."""
    with open_dbus_connection(address) as connection:
        proxy = Proxy(message_bus, connection)
        service = DBusAddress("/org/freedesktop/secrets", _NAME, "org.freedesktop.DBus.Peer")
        _listen(connection, proxy)
        if not proxy.NameHasOwner(_NAME)[0]:
            while _owned(connection) != _NAME:
                pass
        connection.send_and_get_reply(new_method_call(service, "Ping"), timeout=_READY_SECONDS)


def _listen(connection: DBusConnection, proxy: Proxy) -> None:
    proxy.AddMatch(f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{_NAME}'")


def _owned(connection: DBusConnection) -> str:
    body = connection.receive(timeout=_READY_SECONDS).body
    return str(body[0]) if body else ""


@contextmanager
def _running(command: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with ExitStack() as opened:
        process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        opened.enter_context(process)
        opened.callback(process.kill)
        yield process


@contextmanager
def _folder() -> Iterator[Path]:
    """In memory where there is room, and with a short path: names of sockets are short."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kandil-", dir=place) as folder:
        yield Path(folder)
