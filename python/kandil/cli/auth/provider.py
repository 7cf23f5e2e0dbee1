"""A provider's name on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from kandil.errors import KeyGiven, KeyNotTaken, ProviderUnknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kandil.profiles import Provider

NEAR = 3
_LONGEST_NAME = 24
"""Characters. What is longer may be a key of a form that nobody knows, and is not repeated."""


@dataclass(frozen=True, slots=True)
class Named:
    """A provider that can have a key: a built-in one, or one of the user's own."""

    id: str
    built_in: Provider | None = None

    @property
    def title(self) -> str:
        return self.built_in.name if self.built_in else self.id

    @property
    def console_url(self) -> str | None:
        return self.built_in.console_url if self.built_in else None


def named(given: str) -> Named:
    """The provider of that id or title.

    Raises:
        KeyGiven: it looks like a key.
        ProviderUnknown: there is none; the near ones are named.
        KeyNotTaken: it answers without a key, and the user has not said that it is elsewhere.
    """
    from kandil import profiles
    from kandil.secret import looks_like_key

    if looks_like_key(given):
        raise KeyGiven("PROVIDER")
    for one in profiles.providers():
        if given.casefold() in (one.id, one.name.casefold()):
            if one.auth is None and one.id not in _with_own_address():
                raise KeyNotTaken(one.id)
            return Named(one.id, one)
    if given in set(_own()):
        return Named(given)
    raise ProviderUnknown(given if len(given) <= _LONGEST_NAME else None, _near(given))


def known() -> list[Named]:
    """Every provider that can have a key, by id."""
    from kandil import profiles

    elsewhere = _with_own_address()
    found = {one.id: Named(one.id, one) for one in profiles.providers() if one.auth or one.id in elsewhere}
    return [found.get(name) or Named(name) for name in sorted({*found, *_own()})]


def _with_own_address() -> set[str]:
    from kandil import config

    return {name for name, api in config.load().api.items() if api.base_url}


def _own() -> Iterator[str]:
    """The names that settings and records give to providers that are not built in."""
    from kandil import config, profiles, registry

    built_in = {"local", *(one.id for one in profiles.providers())}
    models = (profile.provider for profile in registry.profiles().values() if profile.source == "user")
    return (name for name in (*config.load().api, *models) if name not in built_in)


def _near(given: str) -> tuple[str, ...]:
    from kandil import profiles

    wanted = given.casefold()
    everyone = profiles.providers()
    holding = [
        one.id
        for one in everyone
        if wanted and (wanted in one.id or wanted in one.name.casefold() or wanted == one.protocol)
    ]
    ids = [one.id for one in everyone if one.auth] + list(_own())
    return tuple(dict.fromkeys([*holding[:NEAR], *get_close_matches(wanted, ids, n=NEAR)]))[:NEAR]
