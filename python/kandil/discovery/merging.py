"""Offers of the same weights are one, and the best is the first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kandil import _core, profiles
from kandil.discovery.offer import Offer
from kandil.profiles.published import published_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil.hardware import Hardware

_LIKE: Final = 0.05
"""Names that differ less in their likeness are alike."""


def merged(offers: Iterable[Offer]) -> list[Offer]:
    """One for each set of weights: by digest, else by the reference. The first has the word, the others add to it."""
    found: dict[str, Offer] = {}
    for offer in map(_known, offers):
        key = offer.sha256 or (offer.profile_id and f"profile {offer.profile_id}") or offer.reference
        first = found.get(key)
        if first is None:
            found[key] = offer
            continue
        also = tuple(dict.fromkeys([*first.also, offer.reference, *offer.also]))
        found[key] = replace(
            first,
            also=tuple(one for one in also if one != first.reference),
            here=first.here or offer.here,
            updated=first.updated or offer.updated,
            license=first.license or offer.license,
            downloads=first.downloads or offer.downloads,
            size_bytes=first.size_bytes or offer.size_bytes,
            quantization=first.quantization or offer.quantization,
            verified=first.verified or offer.verified,
        )
    return list(found.values())


def _known(offer: Offer) -> Offer:
    """With what the catalogue knows of its digest."""
    if offer.sha256 is None or offer.profile_id is not None:
        return offer
    published = published_files().by_sha256.get(offer.sha256)
    return replace(offer, verified=published.verified) if published else offer


def ranked(offers: list[Offer], query: str, hardware: Hardware | None) -> list[Offer]:
    """By name, then by whether it fits, then by trust, then by how many took it."""
    found = [assessed(one, hardware) for one in offers]
    likeness = dict.fromkeys(range(len(found)), 0.0)
    if query:
        for at, score in _core.Names([one.name for one in found]).rank(query, len(found)):
            likeness[at] = round(score / _LIKE) * _LIKE
        for at, one in enumerate(found):  # a profile may have been found by an alias that is not like its name
            if one.source == "catalogue":
                likeness[at] = max(likeness[at], 0.5)

    def order(at: int) -> tuple[object, ...]:
        one = found[at]
        blocked = one.report is not None and not one.report.fits
        return -likeness[at], blocked, not one.verified, not one.here, -(one.downloads or 0), one.size_bytes or 0

    return [found[at] for at in sorted(range(len(found)), key=order)]


def assessed(offer: Offer, hardware: Hardware | None) -> Offer:
    """With how it fits: by the profile's numbers where there are any, else by its size."""
    from kandil.compat import assess  # noqa: PLC0415 - where nobody asks, nothing is assessed
    from kandil.profiles import Profile  # noqa: PLC0415
    from kandil.profiles.profile import Weights  # noqa: PLC0415

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
