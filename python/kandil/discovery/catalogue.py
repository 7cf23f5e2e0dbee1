"""kandil's own catalogue: what it pins, with the digests that its sources agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kandil.discovery.offer import Offer
from kandil.discovery.reference import Hub, Reference, Tag, parsed
from kandil.profiles.published import published_files
from kandil.resolver import Names

if TYPE_CHECKING:
    from kandil.profiles import Profile

_MOST_FOUND: Final = 12
_LIKE: Final = 0.7
"""Names are left out that are less like the query than this share of how like it the best is."""


def search(query: str) -> list[Offer]:
    """Its models with files whose names are most like the query, the best first."""
    found = Names().search(query, 4 * _MOST_FOUND)
    return [offered(one.profile) for one in found if one.profile.weights and one.score >= _LIKE * found[0].score][
        :_MOST_FOUND
    ]


def offered(profile: Profile) -> Offer:
    """What is known of the profile's files, without asking anybody."""
    weights = profile.weights
    assert weights is not None
    published = published_files().by_sha256.get(weights.sha256 or "")
    return Offer(
        source="catalogue",
        reference=profile.id,
        name=profile.name,
        host="registry.ollama.ai" if profile.source == "ollama" else "huggingface.co",
        quantization=weights.quantization,
        size_bytes=weights.size_bytes,
        sha256=weights.sha256,
        revision=weights.revision or weights.manifest_sha256,
        updated=profile.updated,
        license=weights.license,
        publisher=weights.repo.partition("/")[0] if weights.repo else None,
        profile_id=profile.id,
        verified=bool(published and published.verified) or (profile.source == "ollama" and weights.sha256 is not None),
    )


def reference(profile: Profile, *, newest: bool = False) -> Reference | None:
    """Where the profile's files are: as the catalogue has pinned them, or the `newest` there. None: nobody says."""
    weights = profile.weights
    if weights is None:
        return None
    if weights.repo and weights.files:
        return Hub(repo=weights.repo, revision=None if newest else weights.revision, file=weights.files[0])
    if profile.source == "ollama":
        tag = parsed(f"ollama:{profile.api_model}")
        return tag if isinstance(tag, Tag) else None
    return None
