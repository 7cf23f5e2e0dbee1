"""The Ollama that runs on this machine, or where the settings say.

Source: ``docs/api.md`` of Ollama, "List Local Models".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from kandil import profiles
from kandil.discovery.offer import Offer
from kandil.discovery.reference import is_tag

if TYPE_CHECKING:
    from kandil.discovery.asking import Asker

NAME: Final = "Ollama"


class _Details(msgspec.Struct):
    quantization_level: str | None = None


class _Model(msgspec.Struct):
    name: str
    size: int | None = None
    digest: str | None = None
    modified_at: str | None = None
    details: _Details = msgspec.field(default_factory=_Details)


class _Tags(msgspec.Struct):
    models: list[_Model] | None = None


async def listed(asker: Asker) -> list[Offer]:
    """The tags that it has. They are on that machine, and run by it.

    Raises: SourceRefused, ReplyUnreadable, NetworkError, NotCached.
    """
    known = profiles.provider("ollama")
    assert known is not None
    api = asker.settings.api.get("ollama")
    base = ((api.base_url if api else None) or known.base_url).rstrip("/").removesuffix("/v1")
    page = await asker.get(f"{base}/api/tags", name=NAME, lasts=False)
    by_manifest = {
        one.weights.manifest_sha256: one.id for one in profiles.every() if one.weights and one.weights.manifest_sha256
    }
    return [
        Offer(
            source="ollama",
            reference=f"ollama:{one.name}",
            name=one.name,
            host=urlsplit(base).netloc,
            quantization=one.details.quantization_level or None,
            size_bytes=one.size if one.size and one.size > 0 else None,
            revision=one.digest or None,
            updated=one.modified_at,
            profile_id=by_manifest.get(one.digest or ""),
            here=True,
        )
        for one in page.decoded(_Tags, NAME).models or []
        if is_tag(one.name)
    ]
