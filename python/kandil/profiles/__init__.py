"""What kandil knows of models, providers and published files, without a network.

The facts are in ``profiles/*.toml``; they were checked and compiled into the extension when kandil was built, so that a
look-up parses one entry.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from kandil import _core
from kandil.profiles.profile import Auth, KeyCheck, Price, Profile, Provider, Weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "Alias",
    "Auth",
    "KeyCheck",
    "Price",
    "Profile",
    "Provider",
    "Weights",
    "alias",
    "aliases",
    "find",
    "mistakes",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """Another name for a profile."""

    name: str
    target: str
    """The profile's `id`."""
    instead_of: str | None = None
    """What older guides mean by the name, where `target` took its place."""
    also: tuple[str, ...] = ()
    """Profiles that others mean by it."""
    sources: tuple[str, ...] = ()


def find(profile_id: str) -> Profile | None:
    """The profile with this id, exactly as written."""
    text = _core.profile(profile_id)
    return None if text is None else from_fields(json.loads(text))


def ids() -> list[str]:
    """Of every profile, sorted."""
    return _core.profile_ids()


def every() -> Iterator[Profile]:
    """Every profile, by id."""
    return (profile for profile in map(find, ids()) if profile is not None)


def provider(provider_id: str) -> Provider | None:
    """The provider with this id."""
    text = _core.provider(provider_id)
    if text is None:
        return None
    fields = json.loads(text)
    if "auth" in fields:
        fields["auth"] = Auth(**fields["auth"])
    fields["check"] = KeyCheck(**_frozen(fields["check"]))
    return Provider(**_frozen(fields))


@cache
def providers() -> tuple[Provider, ...]:
    """Every provider, by id."""
    return tuple(one for one in map(provider, _core.provider_ids()) if one is not None)


def alias(name: str) -> Alias | None:
    """What the built-in alias of this name stands for."""
    text = _core.alias(name)
    return None if text is None else Alias(name=name, **_frozen(json.loads(text)))


def aliases() -> Iterator[Alias]:
    """Every built-in alias, by name."""
    return (one for one in map(alias, _core.alias_names()) if one is not None)


def source_title(name: str) -> str:
    """What a name in `Profile.sources` stands for, with its date."""
    return _core.fact_source(name) or name


def from_fields(fields: Mapping[str, Any]) -> Profile:
    """The profile of these fields; `mistakes` says whether a user's are right."""
    given = dict(fields)
    if "weights" in given:
        given["weights"] = Weights(**_frozen(given["weights"]))
    if "price" in given:
        given["price"] = Price(**_frozen(given["price"]))
    return Profile(**_frozen(given))


def mistakes(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with the fields of a profile that its user wrote: (field, what). Checked as kandil's own are.

    Raises:
        TypeError: a value is of a type that no profile has.
        ValueError: values are nested too deeply, or a text is none.
        OverflowError: a number has more than 64 bits.
    """
    return _core.check_profile(dict(fields))


def _frozen(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
