"""Model stores laid out as their tools lay them out, with small files."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.gguf_files import Entry, Kind, Tensor, build

MODEL = "application/vnd.ollama.image.model"
LICENSE = "application/vnd.ollama.image.license"
CONFIG = "application/vnd.docker.container.image.v1+json"
KINDS = {"split.no": Kind.U16, "split.count": Kind.U16, "split.tensors.count": Kind.I32}
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def gguf(name: str = "model", *, tensors: int = 1, **metadata: str | int) -> bytes:
    """A sound GGUF file of some hundred bytes; keyword arguments are keys with ``__`` for the dot."""
    values: dict[str, str | int] = {"general.architecture": "llama", "general.name": name}
    values.update({key.replace("__", "."): value for key, value in metadata.items()})
    data = bytearray(b"".join(hashlib.sha256(f"{name}{number}".encode()).digest() * 4 for number in range(tensors)))
    data[3::4] = bytes(byte & 0x3F for byte in data[3::4])  # small numbers: any 32 bits could be NaN
    entries = [Entry(key, KINDS.get(key, Kind.STRING), value) for key, value in values.items()]
    return build(entries, [Tensor(f"{name}.{number}.weight", (32,)) for number in range(tensors)], data=bytes(data))


def part(
    number: int, count: int, *, tensors: int = 1, total: int | None = None, name: str = "model", **metadata: str | int
) -> bytes:
    """One part of a model in several files; `number` counts from 1."""
    split = {
        "split__no": number - 1,
        "split__count": count,
        "split__tensors__count": count * tensors if total is None else total,
    }
    return gguf(f"{name}{number}", tensors=tensors, **{**split, **metadata})


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@dataclass
class Ollama:
    """``~/.ollama/models``."""

    root: Path

    def blob(self, data: bytes, *, separator: str = "-") -> Path:
        return put(self.root / "blobs" / f"sha256{separator}{sha256(data)}", data)

    def path(self, data: bytes) -> Path:
        return self.root / "blobs" / f"sha256-{sha256(data)}"

    def manifest(self, model: bytes, config: bytes = b"{}", *others: bytes) -> bytes:
        layers = [(MODEL, model), *((LICENSE, other) for other in others)]
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": f"sha256:{sha256(config)}", "size": len(config)},
                "layers": [
                    {"mediaType": kind, "digest": f"sha256:{sha256(data)}", "size": len(data)} for kind, data in layers
                ],
            }
        ).encode()

    def pull(self, tag: str, model: bytes, config: bytes = b"{}", *others: bytes) -> Path:
        """What `ollama pull TAG` leaves behind; the model's blob."""
        for data in (config, *others):
            self.blob(data)
        put(self.tag(tag), self.manifest(model, config, *others))
        return self.blob(model)

    def tag(self, tag: str, folder: str = "manifests") -> Path:
        model, _, version = tag.partition(":")
        parts = model.split("/")
        defaults = ["registry.ollama.ai", "library"]
        return self.root.joinpath(folder, *defaults[: 3 - len(parts)], *parts, version or "latest")


@dataclass
class HuggingFace:
    """``~/.cache/huggingface/hub``."""

    root: Path
    revision: str = "2439f60ef33a0d46d85da5001d52aeda5b00ce9f"
    written: dict[str, Path] = field(default_factory=dict)

    def repo(self, name: str) -> Path:
        return self.root / f"models--{name.replace('/', '--')}"

    def download(self, repo: str, file: str, data: bytes, *, lfs: bool = True, revision: str | None = None) -> Path:
        """What `hf download REPO FILE` leaves behind; the snapshot's name."""
        folder, revision = self.repo(repo), revision or self.revision
        etag = sha256(data) if lfs else git_id(data)
        put(folder / "blobs" / etag, data)
        put(folder / "refs" / "main", revision.encode())
        name = folder / "snapshots" / revision / file
        name.parent.mkdir(parents=True, exist_ok=True)
        name.symlink_to(os.path.relpath(folder / "blobs" / etag, name.parent))
        return name

    def copied(self, repo: str, *files: tuple[str, bytes, bool], listed: bool = True) -> Path:
        """Files (name, bytes, whether in LFS) where links do not work, and the list of the revision; the snapshot."""
        folder = self.repo(repo)
        entries: dict[str, dict[str, str | int]] = {}
        for file, data, lfs in files:
            put(folder / "snapshots" / self.revision / file, data)
            entries[file] = {"size": len(data), "blob_id": git_id(b"pointer" if lfs else data)}
            if lfs:
                entries[file] |= {"lfs_sha256": sha256(data), "lfs_size": len(data), "xet_hash": "0" * 64}
        if listed:
            tree = json.dumps({"format_version": 1, "files": entries}, indent=1)
            put(folder / "trees" / f"{self.revision}.json", tree.encode())
        return folder / "snapshots" / self.revision

    def shared(self, repo: str, file: str, data: bytes) -> Path:
        """The same with the blob in the folder that all repositories share."""
        name = self.download(repo, file, data)
        blob = self.repo(repo) / "blobs" / sha256(data)
        shared = self.root / "blobs" / "ab" / ("ab" * 32)
        shared.parent.mkdir(parents=True, exist_ok=True)
        blob.rename(shared)
        blob.symlink_to(os.path.relpath(shared, blob.parent))
        return name


def local_dir(root: Path, file: str, data: bytes, *, saved: float | None = None) -> Path:
    """What `hf download --local-dir` leaves behind."""
    path = put(root / file, data)
    when = path.stat().st_mtime if saved is None else saved
    lines = f"{'1' * 40}\n{sha256(data)}\n{when}\n"
    put(root / ".cache" / "huggingface" / "download" / f"{file}.metadata", lines.encode())
    return path
