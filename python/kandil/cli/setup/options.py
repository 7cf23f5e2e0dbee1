"""What `kandil setup` proposes: who can answer, and which models."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from kandil import profiles
from kandil.cli.fit_text import human_bytes, where

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from kandil.compat.ranking import Fit
    from kandil.hardware import Hardware
    from kandil.profiles import Profile
    from kandil.registry.inventory import LocalModel

LOCAL: Final = "local"
_QUICK: Final = 6
_SLOW: Final = 2
"""So many models are shown that run well here, and so many larger ones that run slowly."""
_ABILITIES: Final = ("vision", "tools", "reasoning")
_TALKATIVE_BYTES: Final = 6_000_000_000
"""Weights that a processor reads in about a second: each token takes a reading (as `registry.choice` has it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOption:
    """Somebody who answers."""

    id: str
    title: str
    what: str
    """What there is to say for it."""
    kept: bool = False
    """Its key is kept here."""
    proposed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOption:
    """A model that could be the first one."""

    name: str
    where: str
    size: str
    what: str
    here: bool = False
    """Its file is on this machine."""
    recommended: bool = False


def providers(kept: Collection[str], here: Sequence[LocalModel]) -> list[ProviderOption]:
    """This machine first, then those whose key is kept, then those with most models."""
    offered: dict[str, list[Profile]] = defaultdict(list)
    for one in profiles.every():
        if one.source == "cloud" and one.status == "active" and one.kind == "chat":
            offered[one.provider].append(one)
    models = f"; {len(here)} models are here" if here else ""
    local = ProviderOption(
        id=LOCAL,
        title="this machine",
        what=f"free and private, works offline{models}",
        proposed=True,
    )
    known = [one for one in profiles.providers() if one.auth is not None and offered[one.id]]
    known.sort(key=lambda one: (one.id not in kept, _hosts(offered[one.id]), -len(offered[one.id]), one.id))
    return [local] + [
        ProviderOption(
            id=one.id, title=one.name, what=_summary(offered[one.id]), kept=one.id in kept, proposed=one.id in kept
        )
        for one in known
    ]


def _hosts(offered: Sequence[Profile]) -> bool:
    """They are of other makers: their names say whose they are."""
    return any("/" in one.id for one in offered)


def _summary(offered: Sequence[Profile]) -> str:
    """`12 models, $0.40 to $75 a million tokens out; vision, tools, reasoning`."""
    prices = sorted(one.price.output for one in offered if one.price and one.price.output is not None)
    cost = ""
    if prices:
        cheapest, dearest = f"${prices[0]:g}", f"${prices[-1]:g}"
        cost = f", {cheapest if cheapest == dearest else f'{cheapest} to {dearest}'} a million tokens out"
    can = [what for what in _ABILITIES if any(getattr(one, f"supports_{what}") for one in offered)]
    count = "1 model" if len(offered) == 1 else f"{len(offered)} models"
    return f"{count}{cost}" + (f"; {', '.join(can)}" if can else "")


def models(
    chosen: Collection[str],
    keyed: Collection[str],
    hardware: Hardware,
    here: Iterable[LocalModel],
    task: Literal["chat", "code", "vision"],
) -> list[ModelOption]:
    """Those that fit this machine, the most capable first, and of each provider the one that kandil would take."""
    found = _local(hardware, here, task) if LOCAL in chosen else []
    for provider in (one for one in chosen if one in keyed):
        if option := _cloud(provider, task):
            found.append(option)
    if found and not any(one.recommended for one in found):
        from dataclasses import replace

        found[0] = replace(found[0], recommended=True)
    return found


def _local(
    hardware: Hardware, here: Iterable[LocalModel], task: Literal["chat", "code", "vision"]
) -> list[ModelOption]:
    from kandil.compat import fits

    ranked = [one for one in fits(profiles.every(), hardware, task=task) if one.profile.weights]
    files = {one.profile for one in here if one.profile}
    known = [one for one in ranked if one.profile.id in files or _size(one)]
    quick = [one for one in known if _is_quick(one)]
    slow = [one for one in known if not _is_quick(one)]
    best = next((one for one in quick if one.profile.id in files), quick[0] if quick else None)
    shown = sorted(quick[:_QUICK], key=lambda one: one is not best) + slow[:_SLOW]
    shown += [one for one in known if one.profile.id in files and one not in shown][:_QUICK]
    return [
        ModelOption(
            name=one.profile.id,
            where=where(one.report),
            size=human_bytes(_size(one)) if _size(one) else "?",
            what=_abilities(one.profile) + ("" if _is_quick(one) else "; slow on this processor"),
            here=one.profile.id in files,
            recommended=one is best,
        )
        for one in shown
    ]


def _size(fit: Fit) -> int:
    weights = fit.profile.weights
    return (weights.size_bytes or 0) if weights else 0


def _is_quick(fit: Fit) -> bool:
    return where(fit.report) == "GPU" or 0 < _size(fit) <= _TALKATIVE_BYTES


def _cloud(provider: str, task: Literal["chat", "code", "vision"]) -> ModelOption | None:
    from kandil.registry.choice import of_keys

    choice = of_keys(frozenset({provider}), task)
    if choice is None or choice.profile is None:
        return None
    price = choice.profile.price
    cost = f"${price.input:g} in, ${price.output:g} out a million tokens" if price and price.output is not None else ""
    return ModelOption(
        name=choice.name,
        where=provider,
        size="-",
        what="; ".join(filter(None, (cost, _abilities(choice.profile)))),
    )


def _abilities(profile: Profile) -> str:
    can = [what for what in _ABILITIES if getattr(profile, f"supports_{what}")]
    window = f"{profile.context_window:,} tokens" if profile.context_window else ""
    return ", ".join(filter(None, (window, *can)))
