"""Keys where none should be. No key is read: variables are told by their names, keys in files by their shape."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from kandil import paths, profiles
from kandil.config import document, keys
from kandil.config.effective import project_file
from kandil.errors import ConfigInvalid, ConfigTooNew, SecretInConfig
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


def user_file(_: Surroundings) -> Found:
    return _in_file(paths.config_file(), project=False)


def project(_: Surroundings) -> Found:
    file = project_file()
    return ok(f"no {keys.PROJECT_FILE} is in force here") if file is None else _in_file(file, project=True)


def _in_file(file: Path, *, project: bool) -> Found:
    try:
        document.said(document.read(file), project=project)
    except SecretInConfig as error:
        place = file if error.line is None else f"{file}:{error.line}:{error.column}"
        key = f" under {error.key}" if error.key else ""
        return fail(
            f"{place}: what looks like a key is there{key}",
            f"take it out of the file, have it revoked where it was issued; {error.hint}",
        )
    except (ConfigInvalid, ConfigTooNew):
        return unknown(f"{file} cannot be used: KD-CFG-00{4 if project else 1} says why")
    return ok(f"nothing in {file} looks like a key" if os.path.lexists(file) else f"{file} is not there")


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
