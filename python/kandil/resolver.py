"""From what somebody types to one profile: a ladder, and each answer names the rung that it stands on.

An exact id, the user's alias, a built-in alias, another spelling. What is only *like* the query is never taken here:
the candidates are in the error, and who asks a person may take one with `choose`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal
from unicodedata import normalize

from kandil import _core, profiles
from kandil.errors import NameAmbiguous, NameUnknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kandil.profiles import Profile

Rung = Literal["exact", "user alias", "alias", "spelling", "choice"]
LONGEST_NAME: Final = 300
CANDIDATES: Final = 5
CLEAR_SCORE: Final = 0.85
"""From here the best candidate may be proposed alone."""
CLEAR_GAP: Final = 0.05
"""So far behind must the next one be."""
_NAMES_PER_CANDIDATE: Final = 12
"""Names to rank for each profile that is wanted, because a profile has several."""
_HUBS: Final = ("https://huggingface.co/", "huggingface.co/", "hf.co/", "hf://", "hf:")
_OLLAMA: Final = ("https://ollama.com/library/", "ollama.com/library/", "ollama://")
"""What other tools write before a name."""
_POINT: Final = re.compile(r"(?<!\w)\.(?=\d)")
"""Of a number without its zero: `.6b`."""
_USUAL_QUANTIZATION: Final = ":q4_k_m"
"""What Ollama takes from a repository of GGUF files when none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The profile that a query stands for, and why."""

    query: str
    profile: Profile
    rung: Rung
    also: tuple[str, ...] = ()
    """Profiles that others mean by this name."""
    instead_of: str | None = None
    """The profile that older guides mean by it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile that a query may have meant."""

    profile: Profile
    score: float
    """From 0 to 1, where 1 is the same name."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a rung gave: no profile, one, or several, which is none."""

    ids: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    instead_of: str | None = None


_NOTHING: Final = Found()


@dataclass(frozen=True, slots=True)
class Names:
    """Which names there are: the catalogue's, and those of the user."""

    own: Mapping[str, Profile] = field(default_factory=lambda: MappingProxyType({}))
    """Models that the user has added."""
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The user's names for models."""

    def profile(self, profile_id: str) -> Profile | None:
        """The user's own model of this id, else the catalogue's."""
        return self.own.get(profile_id) or profiles.find(profile_id)

    def resolve(self, query: str) -> Resolution:
        """The profile that `query` names.

        Raises:
            NameAmbiguous: it is a name of several that are still offered, or of several that are not.
            NameUnknown: it is a name of none; what it is like is in `candidates`, the best first.
        """
        name = _cleaned(query)
        for rung, found in self.steps(name):
            meant = [profile for one in found.ids if (profile := self.profile(one))]
            if len(meant) > 1:
                meant = [profile for profile in meant if profile.status in ("active", "preview")]
            if len(meant) == 1:
                also = found.also + tuple(one for one in found.ids if one != meant[0].id)
                return Resolution(query=query, profile=meant[0], rung=rung, also=also, instead_of=found.instead_of)
            if found.ids:
                raise NameAmbiguous(query, found.ids)
        candidates = self.search(name)
        raise NameUnknown(query, tuple(one.profile.id for one in candidates), clear=is_clear(candidates))

    def choose(self, query: str, profile_id: str) -> Resolution:
        """A person took this candidate. Raises: NameUnknown."""
        return replace(self.resolve(profile_id), query=query, rung="choice")

    def steps(self, name: str) -> Iterable[tuple[Rung, Found]]:
        """The rungs in their order, each with what it gives; a rung is looked at when it is asked for."""
        yield "exact", self._exact(name)
        yield "user alias", self._user_alias(name)
        yield "alias", self._alias(name)
        yield "spelling", self._spelling(name)

    def search(self, query: str, limit: int = CANDIDATES) -> list[Candidate]:
        """The profiles with the names most like `query`, best first; of names alike, what is usually meant."""
        candidates = self._ranked(query, limit)
        provider, _, rest = query.strip().partition(" ")
        if rest and provider.lower() in _core.provider_ids():
            theirs = [one for one in self._ranked(rest, limit) if one.profile.provider == provider.lower()]
            if theirs and (
                not candidates or theirs[0].score >= candidates[0].score
            ):  # else the word is the model's name, as in "mistral"
                return theirs[:limit]
        return candidates[:limit]

    def _ranked(self, query: str, limit: int) -> list[Candidate]:
        names, targets = _catalogue()
        query = _POINT.sub("0.", normalize("NFKC", query)).replace("+", " plus ")
        scores: dict[str, float] = {}
        mine = list(self.own)
        for ranking, ids in ((names, targets), (_core.Names(mine), mine)):
            for at, score in ranking.rank(query, limit * _NAMES_PER_CANDIDATE):
                scores[ids[at]] = max(score, scores.get(ids[at], 0.0))
        candidates = [Candidate(profile, score) for one, score in scores.items() if (profile := self.profile(one))]
        return sorted(candidates, key=_order)

    def _exact(self, name: str) -> Found:
        return Found((name,)) if self.profile(name) else _NOTHING

    def _user_alias(self, name: str) -> Found:
        """What the alias stands for may be any name, but no other alias of the user's: there is no circle."""
        target = self.aliases.get(name)
        if target is None:
            return _NOTHING
        plain = Names(self.own)
        found = next((found for _, found in plain.steps(_cleaned(target)) if found.ids), None)
        if found is None:
            raise NameUnknown(name, tuple(one.profile.id for one in plain.search(target)), target=target)
        return found

    def _alias(self, name: str) -> Found:
        alias = profiles.alias(name)
        return Found((alias.target,), alias.also, alias.instead_of) if alias else _NOTHING

    def _spelling(self, name: str) -> Found:
        name = normalize("NFKC", name)  # full-width letters, ligatures
        normal = _core.normal_name(name)
        if mine := [one for one in self.own if _core.normal_name(one) == normal]:
            return Found(tuple(mine))
        for alias in self.aliases:
            if alias != name and _core.normal_name(alias) == normal:
                return self._user_alias(alias)
        named = Found(tuple(_core.profiles_named(name)))
        if any(_core.normal_name(one) == normal for one in named.ids):
            return named
        with_origin = self._with_origin(name)
        return next((found for found in (with_origin, named) if found.ids), _of_repository(name))

    def _with_origin(self, name: str) -> Found:
        """A name behind one that says where the model comes from: ``hf.co/…``, ``ollama:…``, ``openai/…``."""
        for prefix in _HUBS:
            if name.lower().startswith(prefix):
                rest = name[len(prefix) :].strip("/")
                named = _from("local", rest)
                return named if named.ids else _of_repository(rest)
        for prefix in _OLLAMA:
            if name.lower().startswith(prefix):
                return _from("ollama", name[len(prefix) :])
        for separator in "/:":
            provider, found, rest = name.partition(separator)
            if found and rest and provider.lower() in _core.provider_ids():
                return _from(provider.lower(), rest.strip())
        return _NOTHING


def resolve(
    query: str, *, own: Mapping[str, Profile] | None = None, aliases: Mapping[str, str] | None = None
) -> Resolution:
    """`Names.resolve` among the catalogue's names, and the user's where they are given.

    Raises:
        NameAmbiguous, NameUnknown: as there.
    """
    return Names(own or {}, aliases or {}).resolve(query)


def is_clear(candidates: Sequence[Candidate]) -> bool:
    """The first is near enough, and the next far enough behind, to be proposed alone."""
    behind = candidates[1].score if len(candidates) > 1 else 0.0
    return bool(candidates) and candidates[0].score >= CLEAR_SCORE and candidates[0].score - behind >= CLEAR_GAP


@cache
def _catalogue() -> tuple[_core.Names, list[str]]:
    pairs = _core.profile_names()
    return _core.Names([name for name, _ in pairs]), [target for _, target in pairs]


def _order(candidate: Candidate) -> tuple[float, int, int, int, int, str]:
    profile = candidate.profile
    rank = {"user": 0, "ollama": 1, "cloud": 1, "gguf": 3}[profile.source]
    if profile.source == "cloud" and "/" in profile.id:
        rank = 2  # hosted by somebody who did not make it
    ended = {"active": 0, "preview": 0, "deprecated": 1, "retired": 2}[profile.status]
    month = int((profile.released or "0")[:7].replace("-", ""))
    return -round(candidate.score, 2), ended, rank, -month, len(profile.id), profile.id


def _cleaned(query: str) -> str:
    name = " ".join(query.encode("utf-8", "replace").decode("utf-8").split())[:LONGEST_NAME]
    if not name:
        raise NameUnknown(query, ())
    return name


def _from(provider: str, name: str) -> Found:
    """What this provider means by the name."""
    alias = profiles.alias(name)
    ids = [name, *([alias.target] if alias else []), *_core.profiles_named(name)]
    named = dict.fromkeys(one for one in ids if (profile := profiles.find(one)) and profile.provider == provider)
    return Found(tuple(named)[:1]) if name in named else Found(tuple(named))


def _of_repository(name: str) -> Found:
    """A repository of GGUF files by its name alone stands for its usual quantisation, or for its only one."""
    if name.count("/") != 1 or ":" in name:
        return _NOTHING
    prefix = f"{name}:".lower()
    named = {known.lower(): target for known, target in _core.profile_names() if known.lower().startswith(prefix)}
    usual = named.get(prefix.removesuffix(":") + _USUAL_QUANTIZATION)
    return Found((usual,) if usual else tuple(sorted(set(named.values()))))
