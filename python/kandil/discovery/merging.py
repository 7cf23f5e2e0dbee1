"""Offers of the same weights are one, and the best is the first."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from kandil import _core, profiles
from kandil.discovery import quantization
from kandil.profiles.published import published_files
from kandil.resolver import Names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kandil.discovery.offer import Offer
    from kandil.hardware import Hardware

_ALIKE: Final = 0.05
"""Names that differ less in how like the query they are, are as like it."""
_MORE: Final = 50
"""So many models may be as like it that nobody offers as files."""
_NO_NAME: Final = re.compile(r"[-_.]?gguf$", re.IGNORECASE)


@cache
def _profiles() -> tuple[dict[str, str], dict[str, str]]:
    """Ids by the digests of the weights, and by those of Ollama's manifests."""
    by_weights: dict[str, str] = {}
    by_manifest: dict[str, str] = {}
    for one in profiles.every():
        if one.weights and one.weights.sha256:
            by_weights.setdefault(one.weights.sha256, one.id)
        if one.weights and one.weights.manifest_sha256:
            by_manifest.setdefault(one.weights.manifest_sha256, one.id)
    return by_weights, by_manifest


def known(offer: Offer) -> Offer:
    """With what the catalogue knows of its digests."""
    by_weights, by_manifest = _profiles()
    profile_id = offer.profile_id or by_weights.get(offer.sha256 or "") or by_manifest.get(offer.revision or "")
    profile = profiles.find(profile_id) if profile_id else None
    weights = profile.weights if profile else None
    digest = offer.sha256 or (weights.sha256 if weights else None)
    published = published_files().by_sha256.get(digest or "")
    return replace(
        offer,
        profile_id=profile_id,
        sha256=digest,
        verified=offer.verified or bool(published and published.verified),
    )


def merged(offers: Iterable[Offer]) -> list[Offer]:
    """One for each set of weights; the first has the word, the others add to it."""
    found: list[Offer] = []
    places: dict[str, int] = {}
    for offer in map(known, offers):
        keys = _identities(offer)
        at = next((places[key] for key in keys if key in places), len(found))
        if at == len(found):
            found.append(offer)
        else:
            found[at] = _joined(found[at], offer)
        for key in keys:
            places.setdefault(key, at)
    return found


def _identities(offer: Offer) -> list[str]:
    """What only the same weights have in common: digests, or, where none is known, where they are."""
    digests = [one.sha256 for one in offer.weights]
    if offer.sha256:
        keys = [offer.sha256]
    elif digests and None not in digests:
        keys = [" ".join(map(str, digests))]
    else:
        keys = []
    if offer.revision and offer.source in ("ollama", "ollama-registry"):
        keys.append(f"manifest {offer.revision}")
    return keys or [f"{offer.host} {offer.reference}"]


def _joined(first: Offer, other: Offer) -> Offer:
    also = dict.fromkeys([*first.also, other.reference, *other.also])
    return replace(
        first,
        also=tuple(one for one in also if one != first.reference),
        here=first.here or other.here,
        updated=first.updated or other.updated,
        license=first.license or other.license,
        downloads=first.downloads if first.downloads is not None else other.downloads,
        size_bytes=first.size_bytes or other.size_bytes,
        quantization=first.quantization or other.quantization,
        verified=first.verified or other.verified,
        sha256=first.sha256 or other.sha256,
        profile_id=first.profile_id or other.profile_id,
    )


def ranked(offers: Sequence[Offer], query: str, hardware: Hardware | None) -> list[Offer]:
    """By name, where there is a query, then by whether it fits, then by trust, then by how many took it."""
    found = [assessed(one, hardware) for one in offers]
    likeness = _likeness(found, query)

    def order(at: int) -> tuple[object, ...]:
        one = found[at]
        no_fit = one.report is not None and not one.report.fits
        return -likeness[at], no_fit, _distrust(one), not one.here, -(one.downloads or 0)  # then as its source has it

    return [found[at] for at in sorted(range(len(found)), key=order)]


def _likeness(offers: Sequence[Offer], query: str) -> list[int]:
    """In steps of what counts as alike. What the catalogue has is also known by its other names."""
    if not query:
        return [0] * len(offers)
    known = {one.profile.id: one.score for one in Names().search(query, len(offers) + _MORE)}
    likeness = [known.get(one.profile_id or "", 0.0) for one in offers]
    names = [(at, name) for at, one in enumerate(offers) for name in _names(one)]
    for index, score in _core.Names([name for _, name in names]).rank(query, len(names)):
        at = names[index][0]
        likeness[at] = max(likeness[at], score)
    return [round(one / _ALIKE) for one in likeness]


def _names(offer: Offer) -> set[str]:
    """What it may be called by somebody who looks for it."""
    if offer.source != "huggingface":
        return {offer.name, offer.reference}
    owner, repo, *_ = offer.name.split("/")
    repo = _NO_NAME.sub("", repo)
    return {repo, f"{owner}/{repo}"}


def _distrust(offer: Offer) -> int:
    """0: independent sources agree on its digest; 1: the catalogue has other models of its publisher; 2: no more."""
    if offer.verified:
        return 0
    return 1 if offer.source == "catalogue" or offer.publisher in _publishers() else 2


@cache
def _publishers() -> frozenset[str | None]:
    """Who publishes what the catalogue has. None: Ollama's own library."""
    files = [one for alike in published_files().by_name.values() for one in alike]
    return frozenset({None, *(one.repo.partition("/")[0] for one in files)})


def of_each_repository(offers: Sequence[Offer]) -> list[Offer]:
    """Of each repository only the one to recommend: one that fits, of the usual quantisation, else the largest of them.

    What other sources have, too, stays; of what the catalogue recommends, the rest is left out.
    """
    recommended = {
        reference.removeprefix("hf:").rpartition(":")[0]
        for one in offers
        if one.source == "catalogue"
        for reference in one.also
    }
    chosen: dict[str, Offer] = {}
    for one in offers:
        repo = _repository(one)
        if repo is not None and repo not in recommended and (repo not in chosen or _worth(one) > _worth(chosen[repo])):
            chosen[repo] = one
    return [one for one in offers if (repo := _repository(one)) is None or chosen.get(repo) is one]


def _repository(offer: Offer) -> str | None:
    """Whose files no other source has."""
    return "/".join(offer.name.split("/")[:2]) if offer.source == "huggingface" and not offer.also else None


def _worth(offer: Offer) -> tuple[int, int, int]:
    usual = [*quantization.USUAL].index(offer.quantization) if offer.quantization in quantization.USUAL else 99
    fits = offer.report is None or offer.report.fits
    size = offer.size_bytes or 0
    return fits, -usual, size if fits else -size


def assessed(offer: Offer, hardware: Hardware | None) -> Offer:
    """With how it fits: by the profile's numbers where there are any, else by its size."""
    from kandil.compat import assess  # noqa: PLC0415 - where nobody asks, nothing is assessed
    from kandil.profiles import Profile, Weights  # noqa: PLC0415

    if hardware is None or offer.size_bytes is None:
        return offer
    profile = profiles.find(offer.profile_id) if offer.profile_id else None
    if profile is None or profile.weights is None:
        profile = Profile(
            id=offer.name,
            name=offer.name,
            source="gguf",
            provider="local",
            protocol="openai",
            api_model=offer.name,
            weights=Weights(size_bytes=offer.size_bytes, quantization=offer.quantization),
        )
    return replace(offer, report=assess(profile, hardware))
