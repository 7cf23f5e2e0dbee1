"""Keys where none should be, and the keyrings where they belong.

No key is read: variables are told by their names, keys in files by their shape, keyrings are asked for their state.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from kandil import paths, profiles
from kandil.config import document, keys
from kandil.config.effective import project_file
from kandil.credentials import Keys
from kandil.credentials.machine import machine
from kandil.errors import ConfigInvalid, ConfigTooNew, KeyringRefused, KeyringSlow, KeyringUnavailable
from kandil.registry.diagnosis.check import Probe, command, fail, ok, unknown, warn
from kandil.secret import looks_like_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kandil.registry.diagnosis.check import Found, Surroundings

_KEYRING_SECONDS: Final = 0.7
"""For each of the questions to it: a doctor's answer is due in 2.4 s."""


def environment(_: Surroundings) -> Iterator[Found]:
    """Every program that is started has the environment, and many write it into their logs."""
    found = False
    for provider in profiles.providers():
        for name in provider.env_vars:
            if name in os.environ:
                found = True
                mend = (
                    f"unset {name}, and `{command('kandil', 'auth', 'set', provider.id)}` keeps the key in the keyring"
                )
                yield warn(f"{name} is set: every program sees it, which is a risk; kandil never reads it", mend)
    if not found:
        yield ok("no variable that providers' tools take keys from is set")


def user_file(_: Surroundings) -> Iterator[Found]:
    return _in_file(paths.config_file(), "KD-CFG-001")


def project(_: Surroundings) -> Iterator[Found]:
    file = project_file()
    return iter([ok(f"no {keys.PROJECT_FILE} is in force here")]) if file is None else _in_file(file, "KD-CFG-004")


def _in_file(file: Path, usable: str) -> Iterator[Found]:
    try:
        found = list(document.secrets(document.read(file)))
    except (ConfigInvalid, ConfigTooNew):
        yield unknown(f"{file} cannot be read as settings: {usable} says why")
        return
    for one in found:
        key = f" under {one.key}" if one.key else ""
        text = f"{file}:{one.line}:{one.column}: what looks like a key is there{key}"
        yield fail(text, f"revoke it where it was issued; {one.hint}")
    if not found:
        yield ok(f"nothing in {file} looks like a key" if os.path.lexists(file) else f"{file} is not there")


def variables(_: Surroundings) -> Iterator[Found]:
    found = False
    for name, value in sorted(os.environ.items()):
        if name.startswith("KANDIL_") and looks_like_key(value):
            found = True
            yield fail(f"{name} is set to what looks like a key", f"unset {name}")
    if not found:
        yield ok("no variable KANDIL_… looks like a key")


async def keyrings(_: Surroundings) -> list[Found]:
    """Nobody is asked to unlock anything, and nothing that is not running is started."""
    keys_here = Keys(deadline_seconds=_KEYRING_SECONDS)
    try:
        states = await keys_here.states()
    except (KeyringRefused, KeyringSlow, KeyringUnavailable) as error:
        return [fail(error.message, error.hint)]
    found = []
    for kind, (title, locked) in states.items():
        if locked:
            found.append(warn(f"{title} is locked", "unlock it in the desktop's password settings"))
        elif kind == "kernel":
            found.append(ok(f"{title} can be used, with --keyring kernel"))
        else:
            found.append(ok(f"{title} keeps keys" + ("; it is started when one is needed" if locked is None else "")))
    if "desktop" not in states:
        why, how = keys_here.reason("desktop"), await keys_here.how_to_set("PROVIDER")
        enough = "kernel" in states and machine() != "desktop"
        text = f"no desktop's keyring is here: {why}"
        found.append(ok(f"{text}; none is needed") if enough else warn(text, how))
    return found


PROBES: Final = (
    Probe(
        "KD-KEY-001",
        "environment",
        "No key of a provider's is in the environment; values are not looked at",
        environment,
    ),
    Probe("KD-KEY-002", "config.toml", "Nothing in your settings looks like a key", user_file),
    Probe("KD-KEY-003", "project", "Nothing in the project's .kandil.toml looks like a key", project),
    Probe("KD-KEY-004", "variables", "No variable KANDIL_… is set to what looks like a key", variables),
    Probe("KD-KEY-005", "keyring", "There is a keyring for keys, and it answers", keyrings),
)
