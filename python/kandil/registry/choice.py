"""Which model is meant where none is named.

Whoever says the most about this very moment is heard: ``KANDIL_DEFAULTS_MODEL``, `kandil model use` in this terminal
session, ``defaults.model`` of the project, then of the user. Where nobody says anything, it is what the user has shown
that they mean: a model that they added, the one used last first; a provider's whose key they keep; a file on this
machine. Nothing on a network is asked.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from kandil import profiles
from kandil.errors import DefaultUnusable, KandilError, NameAmbiguous, NameUnknown, NoModelConfigured
from kandil.registry import inventory, session, store
from kandil.resolver import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kandil.config import Config, Origin
    from kandil.credentials import Keys
    from kandil.profiles import Profile
    from kandil.registry.inventory import LocalModel
    from kandil.registry.records import Record

Task = Literal["chat", "code", "vision"]
Said = Literal["environment", "session", "project", "user", "record", "key", "disk"]

DEAREST_USD: Final = 10.0
"""A million tokens of output. Among a maker's models the dearer is the more capable one, and what is above this is to
be chosen by hand."""
_LARGEST_ON_CPU_BYTES: Final = 6_000_000_000
"""Weights that a processor reads in about a second: each token takes a reading."""
_SLOW_TOKENS_PER_SECOND: Final = 4.0
"""Slower than people read."""
_PLACES: Final = {"gpu": 0, "partly": 1, "cpu": 2, "unknown": 3}
_BAD: Final = frozenset({"malicious", "mismatch", "changed", "malformed", "error", "suspicious"})
_FOR_CODE: Final = re.compile(r"cod(?:e|er|ex|ing)|devstral", re.IGNORECASE)
_SESSION: Final = "`kandil model use` in this terminal session"
_CHANGE: Final = "`kandil model default NAME` changes that"

_WHY: Final = {
    "environment": "{} names it",
    "session": "{} named it",
    "project": "this project's default, by {}",
    "user": "your default, by {}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The model that stands for none."""

    name: str
    """A profile's id, or the absolute path of a file."""
    profile: Profile | None
    """None: of a file."""
    said: Said
    where: str | None = None
    """The variable, or the file and its line."""
    why: str
    """In a line, for a person."""


def is_path(name: str) -> bool:
    """A file is named and no model, by the name alone: what lies in the working directory cannot change that."""
    return name.lower().endswith(".gguf") or name.startswith(("/", "./", "../", "~/"))


async def meant(
    said: str | Path | Profile | None,
    settings: Config,
    *,
    task: Task = "chat",
    keys: Keys | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> Profile | Path:
    """The model that a program or a row names: a name is resolved, never guessed; None: the one for the task, and
    `notice` is told which, and why.

    Raises: NameUnknown, NameAmbiguous, and what `choose` does.
    """
    if said is None:
        chosen = await choose(settings, task=task, keys=keys)
        notice(f"{chosen.name}: {chosen.why}")
        said = chosen.name
    if not isinstance(said, str):
        return said
    if is_path(said):
        return Path(said)
    return Names(store.profiles(), settings.aliases).resolve(said).profile


async def choose(settings: Config, *, task: Task = "chat", keys: Keys | None = None) -> Choice:
    """The model for the task. The keyring is asked only where nobody named a default.

    Raises:
        DefaultUnusable: somebody named one, and it cannot be used.
        NoModelConfigured: nobody did, and nothing is configured.
        KeyringLocked, KeyringSlow, KeyringRefused: nothing is found without it.
    """
    return named(settings) or await best(settings, task=task, keys=keys)


def named(settings: Config) -> Choice | None:
    """The default that somebody named. Raises: DefaultUnusable."""
    origin, default = settings.origin("defaults.model"), settings.defaults.model
    own = None if origin.kind == "environment" else session.model()
    if own:
        return _resolved(own, settings, "session", _SESSION, Path("/"))
    return by_default(default, settings, origin) if default else None


def by_default(default: str, settings: Config, origin: Origin) -> Choice:
    """The model that ``defaults.model`` of this origin names. Raises: DefaultUnusable."""
    if origin.kind == "environment" or origin.name is None:
        return _resolved(default, settings, "environment", "KANDIL_DEFAULTS_MODEL", Path())
    kind: Said = "project" if origin.kind == "project" else "user"
    return _resolved(default, settings, kind, str(origin), Path(origin.name).parent)


def _resolved(name: str, settings: Config, said: Said, where: str, folder: Path) -> Choice:
    if is_path(name):
        path = _file(name, said, where, folder)
        return _named(path, None, said, where)
    try:
        profile = Names(store.profiles(), settings.aliases).resolve(name).profile
    except NameAmbiguous as error:
        raise DefaultUnusable(name, where, "several models are called that", candidates=error.candidates) from error
    except NameUnknown as error:
        raise DefaultUnusable(name, where, "no model is called that", candidates=error.candidates) from error
    if profile.kind != "chat":
        raise DefaultUnusable(name, where, f"that is no model to ask: its kind is {profile.kind}")
    return _named(profile.id, profile, said, where)


def _named(name: str, profile: Profile | None, said: Said, where: str) -> Choice:
    place = None if said == "session" else where
    return Choice(name=name, profile=profile, said=said, where=place, why=_WHY[said].format(where))


def _file(name: str, said: Said, where: str, folder: Path) -> str:
    """The absolute path. A project's is in its folder, wherever links lead: it cannot reach for what is elsewhere."""
    path = os.path.join(folder, os.path.expanduser(name))
    if said == "project" and (name.startswith(("/", "~")) or not is_within(path, folder)):
        raise DefaultUnusable(name, where, "a project may name only files of its own, by their place in it")
    if not os.path.isfile(path):
        raise DefaultUnusable(name, where, "there is no such file")
    return os.path.abspath(path)


def is_within(path: str, folder: Path) -> bool:
    """The file is in the folder or below, wherever links lead."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


async def best(settings: Config, *, task: Task = "chat", keys: Keys | None = None) -> Choice:
    """The best configured model for the task, whatever anybody named as default.

    Raises:
        NoModelConfigured: there is none.
        KeyringLocked, KeyringSlow, KeyringRefused: there is none without the keyring.
    """
    refused: KandilError | None = None
    having: frozenset[str] = frozenset()
    try:
        having = await _with_key(keys)
    except KandilError as error:
        refused = error
    found = of_records(store.every().records, having, task) or of_keys(having, task)
    if found is None:
        seen = inventory.cached(settings.cache) or await inventory.look(settings.cache)
        found = on_disk(seen.models, task)
    if found is None:
        raise refused or NoModelConfigured(task)
    return found


async def _with_key(keys: Keys | None) -> frozenset[str]:
    """The providers that answer this user: those with a key. Raises: as `Keys`."""
    from kandil.credentials import Keys as Opened  # noqa: PLC0415 - where a default is named, no key is looked for

    known = [one.id for one in profiles.providers() if one.auth is not None]
    return frozenset(await (keys or Opened()).providers(known))


def of_records(records: Iterable[Record], having: frozenset[str], task: Task) -> Choice | None:
    """Of the user's own models that can be asked now, the one that was used last; else the one that was added last."""
    usable = [(one, name, profile) for one in records for name, profile in _asked(one, having, task)]
    if not usable:
        return None
    record, name, profile = max(usable, key=lambda one: _preferred(one[0]))
    what = "used last" if record.last_used else "added last"
    others = "" if record.last_used or not any(map(_is_slow, (one[0] for one in usable))) else " that are not slow"
    why = f"of the models that you added{others}, you {what} this one; {_CHANGE}"
    return Choice(name=name, profile=profile, said="record", why=why)


def _preferred(record: Record) -> tuple[str, bool, str, str]:
    """Whoever uses a slow one wants it; else it is taken where there is no other."""
    return record.last_used or "", not _is_slow(record), record.added_at or "", record.name


def _is_slow(record: Record) -> bool:
    """By what was measured."""
    speed = record.tokens_per_second
    return speed is not None and speed < _SLOW_TOKENS_PER_SECOND


def _asked(record: Record, having: frozenset[str], task: Task) -> Iterable[tuple[str, Profile | None]]:
    """The name to ask the record's model by, and its profile, if it can be asked now."""
    described = record.described()
    profile = described or profiles.find(record.profile_id or record.name)
    if record.files:
        if all(map(os.path.isfile, record.files)) and (_can(profile, task) or task in record.capabilities):
            yield (profile.id if profile else record.files[0]), profile
    elif profile is not None and not profile.local and _can(profile, task):
        provider = profiles.provider(profile.provider)
        own_server = described is not None and described.base_url is not None
        if own_server or provider is None or provider.auth is None or provider.id in having:
            yield profile.id, profile


def of_keys(having: frozenset[str], task: Task) -> Choice | None:
    """Of the cloud models with a key: the dearest up to `DEAREST_USD`, and of those at one price the newest.

    A model of its maker's goes before one that others host, and one whose price is known before others.
    """
    if not having:
        return None
    offered = [
        one
        for one in profiles.every()
        if one.source == "cloud" and one.provider in having and one.status == "active" and _can(one, task)
    ]
    if not offered:
        return None
    profile = max(sorted(offered, key=lambda one: one.id), key=_worth)
    provider = profiles.provider(profile.provider)
    whose = provider.name if provider else profile.provider
    rule = "the newest"
    if _worth(profile)[1]:
        rule = f"the dearest up to ${DEAREST_USD:g} a million tokens of output, and the newest at that price"
    why = f"you have a key for {whose}, and of its models this is {rule}; {_CHANGE}"
    return Choice(name=profile.id, profile=profile, said="key", why=why)


def _worth(profile: Profile) -> tuple[bool, bool, float, str]:
    usd = _output_usd(profile)
    within = usd is not None and usd <= DEAREST_USD
    amount = 0.0 if usd is None else usd if within else -usd
    return "/" not in profile.id, within, amount, profile.released or ""


def _output_usd(profile: Profile) -> float | None:
    return profile.price.output if profile.price else None


def on_disk(models: Iterable[LocalModel], task: Task) -> Choice | None:
    """Of the models here that llama.cpp can run: those on the GPU first, the largest that is not too slow."""
    known = ((model, profiles.find(model.profile) if model.profile else None) for model in models if _runs(model))
    usable = [one for one in known if _can(one[1], task) or (task == "vision" and "projector" in one[0].also)]
    if not usable:
        return None
    model, profile = min(usable, key=lambda one: _speed(one[0], one[1], task))
    on_gpu = model.placement is not None and model.placement.runs == "gpu"
    where = "the largest that runs on the GPU" if on_gpu else "the largest that is not too slow for the processor"
    why = f"no key is kept and no model added; of the files on this machine it is {where}; {_CHANGE}"
    return Choice(name=profile.id if profile else _weights(model), profile=profile, said="disk", why=why)


def _runs(model: LocalModel) -> bool:
    placed = model.placement is not None and model.placement.runs in _PLACES
    return placed and model.role == "model" and bool(model.files) and model.state not in _BAD


def _speed(model: LocalModel, profile: Profile | None, task: Task) -> tuple[bool, bool, int, bool, int, str]:
    assert model.placement is not None
    place = _PLACES[model.placement.runs]
    slow = place > 0 and model.size_bytes > _LARGEST_ON_CPU_BYTES
    size = model.size_bytes if slow else -model.size_bytes
    other = task == "code" and not _FOR_CODE.search(model.name)
    return profile is None, other, place, slow, size, model.name


def _weights(model: LocalModel) -> str:
    """The file to name: the first part, and of an Ollama tag its largest layer."""
    return max(model.files, key=os.path.getsize) if model.store == "ollama" else model.files[0]


def _can(profile: Profile | None, task: Task) -> bool:
    """What nobody says of a model's eyes is no; a file that has no profile is taken for one that can talk."""
    if profile is None:
        return task != "vision"
    return profile.kind == "chat" and (task != "vision" or profile.supports_vision is True)
