"""What a list of models has: those on this machine, those that the user calls elsewhere, and the catalogue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kandil import profiles
from kandil.errors import NameUnknown
from kandil.resolver import Names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil.config import Config
    from kandil.limits import Circuit
    from kandil.profiles import Profile
    from kandil.registry.inventory import Inventory, LocalModel
    from kandil.registry.records import Record

_SEPARATORS: Final = re.compile(r"[\s:/_.@-]+")


@dataclass(frozen=True, slots=True)
class Local:
    """A model on this machine: a record, what was found of it, or both."""

    name: str
    model: LocalModel | None
    """None: a record, or a name in the configuration, of which nothing was found."""
    record: Record | None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A model that a provider, or a server of the user's, runs."""

    name: str
    profile: Profile | None
    """None: nothing is known under this name."""
    record: Record | None
    settings: tuple[str, ...]
    """The keys of the configuration that name it."""
    circuit: Circuit | None = None
    """Of the server that answers for it: open where it failed again and again, and is left alone."""


def local(inventory: Inventory, added: Sequence[Record], settings: Config) -> list[Local]:
    """The user's records first, each with the model in a store that it is of; then all other models.

    Last are those that only the configuration names, and that are not here.
    """
    listed, taken = [], set()
    for record in added:
        if not _is_local(record):
            continue
        wanted, tags = set(record.files), (record.name, record.profile_id)
        found = next(
            (
                model
                for model in inventory.models
                if wanted.intersection(model.files) or (model.store == "ollama" and model.name in tags)
            ),
            None,
        )
        listed.append(Local(record.name, found, record))
        taken.add(id(found))
    others = (model for model in inventory.models if id(model) not in taken and model.store != "record")
    listed += [Local(model.name, model, None) for model in others]
    known = {one.name for one in listed} | {model.profile for model in inventory.models}
    named = (
        profile for profile in map(profiles.find, _named(settings, added)) if profile is not None and profile.local
    )
    return listed + [Local(one.id, None, None) for one in named if one.id not in known]


def elsewhere(settings: Config, added: Sequence[Record]) -> list[Elsewhere]:
    """The user's records of such models, then those that only the configuration names."""
    named = _named(settings, added)
    listed, known = [], set()
    for record in added:
        known.add(record.name)
        if not _is_local(record):
            profile = _profile(record)
            said = tuple(named.get(record.name, ()))
            listed.append(Elsewhere(record.name, profile, record, said, _circuit(profile, settings)))
    for name, keys in named.items():
        profile = profiles.find(name)
        if name not in known and (profile is None or not profile.local):
            listed.append(Elsewhere(name, profile, None, tuple(keys), _circuit(profile, settings)))
    return listed


def _circuit(profile: Profile | None, settings: Config) -> Circuit | None:
    from kandil.limits import Limiter  # noqa: PLC0415 - most lists have none that run elsewhere
    from kandil.providers import endpoint  # noqa: PLC0415

    if profile is None:
        return None
    try:
        asked = endpoint(profile, profiles.provider(profile.provider), settings.api.get(profile.provider))
    except ValueError:  # nobody says where it answers
        return None
    return Limiter().circuit(asked.origin)


def _named(settings: Config, added: Sequence[Record]) -> dict[str, list[str]]:
    """What the configuration names, each with the keys that do."""
    said = [(settings.defaults.model, "defaults.model")] if settings.defaults.model else []
    said += [(name, "models") for name in settings.models]
    own, named = {record.name for record in added}, dict[str, list[str]]()
    for name, key in said:
        named.setdefault(name if name in own else _meant(name, settings), []).append(key)
    return named


def available(query: str = "", *, retired: bool = False) -> list[Profile]:
    """The catalogue's profiles with all words of the query in their id, name or provider."""
    return [
        one
        for one in profiles.every()
        if (retired or one.status != "retired") and matches(query, one.id, one.name, one.provider)
    ]


def matches(query: str, *names: str) -> bool:
    """All words of the query are in the names, whatever the case and the separators; ``7b`` is not in ``27b``."""
    text = " ".join(names).casefold()
    bare = _SEPARATORS.sub("", text)
    return all(_is_in(word, text) or _is_in(_SEPARATORS.sub("", word), bare) for word in query.casefold().split())


def _is_in(word: str, text: str) -> bool:
    """Where it begins with a digit: not within a number."""
    if word[:1].isdigit():
        return re.search(rf"(?<![\d.]){re.escape(word)}", text) is not None
    return bool(word) and word in text


def _is_local(record: Record) -> bool:
    profile = _profile(record)
    return bool(record.files) or (profile is not None and profile.local)


def _profile(record: Record) -> Profile | None:
    return record.described() or profiles.find(record.profile_id or record.name)


def _meant(name: str, settings: Config) -> str:
    """The id of the one profile of the catalogue that has this name, in any spelling; else the name."""
    try:
        found = next((found.ids for _, found in Names(aliases=settings.aliases).steps(name) if found.ids), ())
    except NameUnknown:  # an alias that leads nowhere
        found = ()
    return found[0] if len(found) == 1 else name
