"""Ollama's store.

``manifests/<host>/<namespace>/<model>/<tag>`` is JSON that names a config and layers by digest; the bytes are in
``blobs/sha256-<hex>`` (``sha256:<hex>`` in old versions). Newer versions also write ``manifests-v2``, whose entries
link to a manifest kept as a blob, and manifest lists with one child for each runner. A download in progress is
``sha256-<hex>-partial*``.

Sources: ollama/ollama ``manifest/paths.go``, ``manifest/manifest.go``, ``types/model/name.go``,
``server/download.go``.
"""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

import json
import os
import re
import shlex
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kandil.verify.item import Expected, Item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kandil._core import Entry

BLOB = re.compile(rb"^sha256[-:]([0-9a-f]{64})$")
DIGEST = re.compile(r"^sha256[:-]([0-9a-fA-F]{64})$")
MANIFEST_BYTES = 4 << 20
GGUF_MEDIA = ("application/vnd.ollama.image.model", "application/vnd.ollama.image.projector")
DEFAULT_HOSTS = ("registry.ollama.ai", "ollama.com")
LIST_DEPTH = 2


@dataclass(slots=True)
class Needed:
    """A blob that at least one model needs."""

    names: list[str] = field(default_factory=list)
    gguf: bool = False
    parts: set[str] = field(default_factory=set)
    """What it is to them: ``model``, ``projector``, ``adapter``, …: the end of a layer's media type."""


Needs = dict[str, Needed]
"""By digest."""


def is_store(root: bytes) -> bool:
    """Has the folders of an Ollama store."""
    return os.path.isdir(root + b"/blobs") and (
        os.path.isdir(root + b"/manifests") or os.path.isdir(root + b"/manifests-v2")
    )


def digest_of(path: bytes) -> str | None:
    """What a path of a blob says its SHA-256 is."""
    folder, _, base = path.replace(b"\\", b"/").rpartition(b"/")
    match = BLOB.match(base)
    return match[1].decode() if match and folder.rpartition(b"/")[2] == b"blobs" else None


def items(root: bytes, walk: Callable[[list[bytes], None], list[Entry]]) -> list[Item]:
    """Every blob, with the models that need it; what a model needs and is not there; manifests that cannot be read."""
    needed, found = needs(root)
    folder = os.path.join(root, b"blobs")
    present = set()
    for entry in walk([folder], None):
        item = item_of(entry.path, needed)
        if item is None:
            if entry.error is not None and entry.path == folder:
                found.append(Item(entry.path, os.path.abspath(entry.path), error=entry.error))
            continue
        item.stat, item.error = entry.stat, entry.error
        present.add(digest_of(entry.path))
        found.append(item)
    for digest, need in needed.items():
        if digest not in present:
            path = os.path.join(folder, b"sha256-" + digest.encode())
            name = ", ".join(need.names)
            item = Item(path, os.path.abspath(path), name=name, fetch=f"ollama pull {shlex.quote(need.names[0])}")
            item.error = f"missing: {name} needs this blob, and it is not there"
            found.append(item)
    return found


def item_of(path: bytes, needed: Needs) -> Item | None:
    """The item of a blob's path, with the models that need it; None for any other path."""
    digest = digest_of(path)
    if digest is None:
        return None
    item = Item(path, os.path.abspath(path), expected=Expected(digest, "ollama blob name"))
    need = needed.get(digest)
    if need is not None:
        item.name = ", ".join(need.names)
        item.expected = Expected(digest, f"ollama manifest {item.name}")
        item.fetch = f"ollama pull {shlex.quote(need.names[0])}"
        item.claims_gguf = need.gguf
    return item


def needs(root: bytes) -> tuple[Needs, list[Item]]:
    """Which models need which digests, and a failed item for each manifest that cannot be read."""
    needed: Needs = {}
    bad: list[Item] = []
    seen: set[str] = set()
    for folder in (b"manifests-v2", b"manifests"):
        for path, name in _tags(os.path.join(root, folder)):
            if name in seen:
                continue  # as Ollama does: the newer folder wins
            seen.add(name)
            try:
                _need(needed, name, _read(path), root, LIST_DEPTH)
                if linked := digest_of(os.path.realpath(path)):
                    _note(needed, name, linked, gguf=False)
            except (OSError, ValueError, RecursionError) as error:
                item = Item(path, os.path.abspath(path), name=name, fetch=f"ollama pull {shlex.quote(name)}")
                item.error = f"the manifest of {name} cannot be read: {error}"
                bad.append(item)
    return needed, bad


def _tags(root: bytes) -> Iterator[tuple[bytes, str]]:
    for host in _names(root):
        for namespace in _names(os.path.join(root, host)):
            for model in _names(os.path.join(root, host, namespace)):
                folder = os.path.join(root, host, namespace, model)
                for tag in _names(folder):
                    yield os.path.join(folder, tag), shown(*map(os.fsdecode, (host, namespace, model, tag)))


def _names(folder: bytes) -> list[bytes]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith(b"."))
    except (OSError, ValueError):
        return []


def shown(host: str, namespace: str, model: str, tag: str) -> str:
    """The shortest name that `ollama pull` understands, with its tag."""
    if host not in DEFAULT_HOSTS:
        return f"{host}/{namespace}/{model}:{tag}"
    return f"{model}:{tag}" if namespace == "library" else f"{namespace}/{model}:{tag}"


def _read(path: bytes) -> dict[str, Any]:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a file")
    if status.st_size > MANIFEST_BYTES:
        raise ValueError(f"{status.st_size} bytes are too many for a manifest")
    with open(path, "rb") as file:
        value = json.loads(file.read(MANIFEST_BYTES))
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - what is wrong is in the file
    return value


def _need(needed: Needs, name: str, manifest: dict[str, Any], root: bytes, depth: int) -> None:
    config = manifest.get("config")
    for layer in [*([config] if config else []), *_objects(manifest, "layers")]:
        media = layer.get("mediaType")
        _note(needed, name, _digest(layer), gguf=media in GGUF_MEDIA)
        needed[_digest(layer)].parts.add(str(media).rpartition(".")[2])
    for child in _objects(manifest, "manifests"):
        if depth <= 0:
            raise ValueError("manifest lists are nested")
        if child.get("layers") or child.get("config"):
            _need(needed, name, child, root, depth - 1)
        else:
            digest = _digest(child)
            _note(needed, name, digest, gguf=False)
            blob = os.path.join(root, b"blobs", b"sha256-" + digest.encode())
            if os.path.exists(blob):
                _need(needed, name, _read(blob), root, depth - 1)


def _objects(manifest: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = manifest.get(key) or []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError(f"{key} is no list of objects")
    return value


def _digest(layer: object) -> str:
    match = DIGEST.match(str(layer.get("digest"))) if isinstance(layer, dict) else None
    if match is None:
        raise ValueError("a layer has no SHA-256 digest")
    return match[1].lower()


def _note(needed: Needs, name: str, digest: str, *, gguf: bool) -> None:
    need = needed.setdefault(digest, Needed())
    if name not in need.names:
        need.names.append(name)
    need.gguf = need.gguf or gguf
