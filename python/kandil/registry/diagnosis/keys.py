"""Keys where none should be. No key is read: variables are told by their names, keys in files by their shape."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from kandil import paths, profiles
from kandil.config import document, keys
from kandil.config.effective import project_file
from kandil.errors import ConfigInvalid, ConfigTooNew
from kandil.registry.diagnosis.check import Probe, command, fail, ok, unknown, warn
from kandil.secret import looks_like_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kandil.registry.diagnosis.check import Found, Surroundings


def environment(_: Surroundings) -> Iterator[Found]:
    """Every program that is started has the environment, and many write it into their logs."""
    found = False
    for provider in profiles.providers():
        for name in provider.env_vars:
            if os.environ.get(name):
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
)
