"""A registry that speaks Ollama's protocol: a tag's manifest, which names its layers by their digests.

Source: ``server/images.go`` and ``types/model/name.go`` of Ollama; the manifest is Docker's, Schema 2.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from kandil.discovery.names import is_size
from kandil.discovery.offer import Offer, Role
from kandil.download import Remote
from kandil.errors import NetworkError, NotCached, OfferUnknown, OfferUnsafe, ReplyUnreadable, SourceRefused

if TYPE_CHECKING:
    from kandil.discovery.asking import Asker
    from kandil.discovery.reference import Tag

NAME: Final = "the registry"
KEY: Final = "ollama-registry"
MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_MEDIA: Final = "application/vnd.ollama.image."
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_NAMES: Final[dict[str, tuple[Role, str]]] = {
    "projector": ("projector", "projector.gguf"),
    "adapter": ("adapter", "adapter.gguf"),
    "template": ("template", "template.txt"),
    "license": ("license", "license.txt"),
    "params": ("params", "params.json"),
    "system": ("system", "system.txt"),
}
_TEXTS: Final = frozenset({"template", "license", "params", "system"})
_LONGEST_TEXT_BYTES: Final = 4 << 20
_MOST_LAYERS: Final = 64


class _Layer(msgspec.Struct, rename="camel"):
    media_type: str
    digest: str
    size: int


class _Manifest(msgspec.Struct, rename="camel"):
    layers: list[_Layer]
    config: _Layer | None = None


class _Config(msgspec.Struct):
    file_type: str | None = None


async def offer(asker: Asker, reference: Tag) -> Offer:
    """What the tag names.

    Raises:
        OfferUnknown: there is no such tag, or no model in it.
        OfferUnsafe: its manifest is none that Ollama would take.
        SourceRefused, ReplyUnreadable, NetworkError, NotCached.
    """
    base = _base(asker, reference)
    host = urlsplit(base).netloc
    name = f"{reference.namespace}/{reference.model}"
    try:
        page = await asker.get(f"{base}/v2/{name}/manifests/{reference.tag}", name=host, accept=MANIFEST)
    except SourceRefused as error:
        if error.status in (404, 400):  # 400: a name that this registry can never have
            raise OfferUnknown(str(reference), f"{host} has no such tag") from None
        raise
    manifest = page.decoded(_Manifest, host)
    if len(manifest.layers) > _MOST_LAYERS:
        raise OfferUnsafe(str(reference), f"its manifest has {len(manifest.layers)} layers")
    revision = hashlib.sha256(page.body).hexdigest()
    made = _Maker(base=f"{base}/v2/{name}/blobs", host=host, reference=reference, revision=revision)
    weights = tuple(
        made.remote(layer, "model.gguf") for layer in manifest.layers if layer.media_type == f"{_MEDIA}model"
    )
    if not weights:
        raise OfferUnknown(str(reference), "there is no model in it: it may be one that runs in the cloud alone")
    if len(weights) > 1:
        raise OfferUnknown(str(reference), "its model is in several layers, which is no GGUF file")
    config = await _config(asker, made, manifest)
    return Offer(
        source="ollama-registry",
        reference=str(reference),
        name=f"{reference.model}:{reference.tag}" if reference.namespace == "library" else f"{name}:{reference.tag}",
        host=host,
        weights=weights,
        others=tuple(made.others(manifest)),
        quantization=config.file_type,
        size_bytes=weights[0].size_bytes,
        sha256=weights[0].sha256,
        revision=revision,
        publisher=None if reference.namespace == "library" else reference.namespace,
    )


def _base(asker: Asker, reference: Tag) -> str:
    if reference.host is None:
        return asker.base_url(KEY)
    local = reference.host.partition(":")[0] in ("localhost", "127.0.0.1")
    return f"{'http' if local else 'https'}://{reference.host}"


async def _config(asker: Asker, made: _Maker, manifest: _Manifest) -> _Config:
    """It says the quantisation, and is no loss."""
    layer = manifest.config
    if layer is None or not _DIGEST.fullmatch(layer.digest) or not 0 <= layer.size <= _LONGEST_TEXT_BYTES:
        return _Config()
    try:
        page = await asker.get(f"{made.base}/{layer.digest}", name=made.host, accept="*/*")
        whole = layer.digest == f"sha256:{hashlib.sha256(page.body).hexdigest()}"
        return page.decoded(_Config, made.host) if whole else _Config()
    except (NetworkError, ReplyUnreadable, NotCached):
        return _Config()


class _Maker(msgspec.Struct, frozen=True):
    base: str
    host: str
    reference: Tag
    revision: str

    def remote(self, layer: _Layer, name: str) -> Remote:
        found = _DIGEST.fullmatch(layer.digest)
        if found is None or not is_size(layer.size):
            raise OfferUnsafe(str(self.reference), "a layer of its manifest has no SHA-256, or no size that is one")
        return Remote(
            url=f"{self.base}/{layer.digest}",
            name=name,
            size_bytes=layer.size,
            sha256=found[1],
            digest_source=f"the manifest at {self.host}",
            revision=self.revision,
        )

    def others(self, manifest: _Manifest) -> list[tuple[Role, Remote]]:
        found: list[tuple[Role, Remote]] = []
        for layer in manifest.layers:
            known = _NAMES.get(layer.media_type.removeprefix(_MEDIA))
            if known is None:
                continue  # of the model itself, or of a later Ollama
            role, name = known
            if role in _TEXTS and layer.size > _LONGEST_TEXT_BYTES:
                raise OfferUnsafe(str(self.reference), f"its {role} is said to have {layer.size} bytes")
            before = sum(1 for one, _ in found if one == role)
            stem, dot, suffix = name.rpartition(".")
            found.append((role, self.remote(layer, f"{stem}-{before + 1}{dot}{suffix}" if before else name)))
        return found
