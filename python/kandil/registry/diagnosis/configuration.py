"""The settings: whether they can be used, and what in them leads nowhere."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from kandil import config, paths
from kandil.config import document, keys, values
from kandil.config.effective import project_file
from kandil.errors import (
    ConfigInvalid,
    ConfigTooNew,
    NameAmbiguous,
    NameUnknown,
    SecretInConfig,
)
from kandil.registry import store
from kandil.registry.diagnosis.check import Probe, command, fail, ok, warn
from kandil.resolver import Names
from kandil.secret import looks_like_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from kandil.profiles import Profile
    from kandil.registry.diagnosis.check import Found, Surroundings

OTHER_VARIABLES: Final = (
    "KANDIL_CACHE_DIR",
    "KANDIL_CONFIG_DIR",
    "KANDIL_DATA_DIR",
    "KANDIL_SHA256",
    "KANDIL_STATE_DIR",
)
"""Those of kandil's variables that are no settings."""
_EDIT: Final = "kandil config edit"


def user_file(_: Surroundings) -> Found:
    file = paths.config_file()
    if wrong := _usable(file, project=False):
        return wrong
    there = os.path.lexists(file)
    return ok(f"{file} can be used" if there else f"{file} is not there: all settings are the built-in ones")


def _usable(file: Path, *, project: bool) -> Found | None:
    """What keeps the file from being used; no value of it is repeated."""
    mend = f'"$EDITOR" {command(file)}' if project else _EDIT
    try:
        content = document.read(file)
        document.said(content, project=project)
        if not project:
            config.publishers(file)
    except SecretInConfig as error:
        return fail(f"{_place(error)}: what looks like a key is there, so that nothing of the file is used", error.hint)
    except ConfigInvalid as error:
        reason = error.reason.partition(", not ")[0]
        return fail(f"{_place(error)}: {reason}", mend)
    except ConfigTooNew as error:
        return fail(error.message, error.hint)
    return None


def _place(error: ConfigInvalid) -> str:
    place = error.path if error.line is None else f"{error.path}:{error.line}:{error.column}"
    return f"{place}: {error.key}" if error.key else place


def unknown_settings(_: Surroundings) -> Iterator[Found]:
    notes = document.said(document.read(paths.config_file())).notes
    yield from (warn(str(note), _EDIT) for note in notes)
    if not notes:
        yield ok("every setting in the file is one that kandil knows")


def version(_: Surroundings) -> Found:
    file = paths.config_file()
    found = document.read(file).version
    if found < keys.VERSION:
        text = f"{file} is of version {found}; this kandil writes {keys.VERSION}"
        return warn(text, "kandil config reload")
    return ok(f"version {found}")


def project(_: Surroundings) -> Iterator[Found]:
    file = project_file()
    if file is None:
        yield ok(f"no {keys.PROJECT_FILE} is in force here")
        return
    if wrong := _usable(file, project=True):
        yield wrong
        return
    said = document.said(document.read(file), project=True)
    sets = ", ".join(keys.key_text(path) for path in said.values)
    yield ok(f"{file} is in force here" + (f", and says {sets}" if sets else ", and says nothing"))
    yield from (warn(str(note), f"take it out of {file}") for note in said.notes)


def variables(_: Surroundings) -> Iterator[Found]:
    """Values are not repeated, whatever they are."""
    known = {setting.variable: setting for setting in keys.SETTINGS if setting.variable}
    given = sorted(name for name, value in os.environ.items() if name.startswith("KANDIL_") and value)
    wrong = False
    for name in given:
        setting = known.get(name)
        if setting is None and name not in OTHER_VARIABLES:
            wrong = True
            near = get_close_matches(name, [*known, *OTHER_VARIABLES], n=1)
            yield warn(f"{name} is no variable of kandil's" + (f": {near[0]} is" if near else ""), f"unset {name}")
        elif setting is not None and not looks_like_key(os.environ[name]):
            try:
                values.parsed(setting, os.environ[name])
            except ValueError:
                wrong = True
                yield fail(f"{name} is not what {setting.key} takes: {values.expected(setting)}", f"unset {name}")
    if not wrong:
        yield ok(f"in force: {', '.join(given)}" if given else "none is set")


async def default_model(around: Surroundings) -> Found:
    settings = await around.settings()
    name = settings.defaults.model
    if name is None:
        return ok("none is set; a command names its own")
    names = Names(await around.in_thread(store.profiles), settings.aliases)
    profile, wrong, instead = _resolved(names, name)
    if not wrong and profile is not None:
        return ok(f"{profile.id}, as {settings.origin('defaults.model')} says")
    broken = profile is None or profile.status == "retired"
    mend = command("kandil", "config", "set", "defaults.model", instead or "NAME")
    return (fail if broken else warn)(f"{name}, as {settings.origin('defaults.model')} says: {wrong}", mend)


async def aliases(around: Surroundings) -> Iterable[Found]:
    settings = await around.settings()
    names = Names(await around.in_thread(store.profiles))  # an alias stands for any name but another alias
    found = []
    for alias, target in sorted(settings.aliases.items()):
        _, wrong, instead = _resolved(names, target)
        if wrong:
            mend = ("kandil", "model", "alias", *((alias, instead) if instead else ("--rm", alias)))
            found.append(warn(f"{alias} stands for {target}: {wrong}", command(*mend)))
    count = len(settings.aliases)
    return found or [ok(f"each of {count} leads to a model" if count else "you have none")]


def _resolved(names: Names, name: str) -> tuple[Profile | None, str, str | None]:
    """The model of that name, what is wrong with it, and what could be used in its place."""
    try:
        profile = names.resolve(name).profile
    except NameUnknown as error:
        near = f"; did you mean {error.candidates[0]}?" if error.candidates else ""
        return None, f"no model is called so{near}", error.candidates[0] if error.clear else None
    except NameAmbiguous as error:
        return None, f"several models are called so: {', '.join(error.candidates)}", None
    return profile, profile.ending() or "", profile.successor


PROBES: Final = (
    Probe("KD-CFG-001", "config.toml", "Your settings can be used", user_file),
    Probe("KD-CFG-002", "settings", "Every setting in config.toml is one that kandil knows", unknown_settings),
    Probe("KD-CFG-003", "version", "config.toml is of the version that this kandil writes", version),
    Probe("KD-CFG-004", "project", "Which .kandil.toml is in force here, and that it can be used", project),
    Probe(
        "KD-CFG-005", "variables", "Variables KANDIL_… are known, and have values that their settings take", variables
    ),
    Probe("KD-CFG-006", "aliases", "Your aliases lead to models", aliases),
    Probe("KD-CFG-007", "default model", "The default model exists, and is still offered", default_model),
)
