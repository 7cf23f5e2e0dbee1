"""GGUF files that somebody published, with their digests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from kandil import _core

VERIFIED_BY_SOURCES: Final = 2
"""So many independent sources must give one digest before a file of that name and size is expected to have it."""


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file that somebody published. Digests are lower-case hex; sizes are bytes; `None` is not known."""

    repo: str
    file: str
    sha256: str | None
    size_bytes: int | None
    model: str
    quant: str | None
    architecture: str | None
    context_tokens: int | None
    revision: str | None
    license: str | None
    sources: int
    other_sha256: tuple[str, ...]

    @property
    def verified(self) -> bool:
        """Independent sources agree on `sha256`."""
        return self.sources >= VERIFIED_BY_SOURCES

    @property
    def title(self) -> str:
        return f"{self.repo} {self.file}"


@dataclass(frozen=True, slots=True)
class PublishedFiles:
    """The curated list, by what one may know of a file."""

    by_sha256: dict[str, PublishedFile]
    by_other_sha256: dict[str, PublishedFile]
    by_name: dict[str, tuple[PublishedFile, ...]]

    def alike(self, name: str, size_bytes: int) -> PublishedFile | None:
        """The one verified entry with this exact name and size; None where there is none or more than one."""
        found = [one for one in self.by_name.get(name, ()) if one.verified and one.size_bytes == size_bytes]
        return found[0] if len(found) == 1 else None


@cache
def published_files() -> PublishedFiles:
    """The list of ``profiles/gguf.toml``; taken from the extension once a process."""
    listed = PublishedFiles({}, {}, {})
    for fields in json.loads(_core.published_files()):
        _add(listed, _published(fields))
    return listed


def _published(fields: dict[str, Any]) -> PublishedFile:
    return PublishedFile(
        repo=fields["repo"],
        file=fields["file"],
        sha256=fields.get("sha256"),
        size_bytes=fields.get("size_bytes"),
        model=fields["model"],
        quant=fields.get("quant"),
        architecture=fields.get("architecture"),
        context_tokens=fields.get("context"),
        revision=fields.get("revision"),
        license=fields.get("license"),
        sources=fields["agree"],
        other_sha256=tuple(fields.get("other_sha256", ())),
    )


def _add(listed: PublishedFiles, one: PublishedFile) -> None:
    if one.sha256 is not None:
        known = listed.by_sha256.get(one.sha256)
        if known is None or one.sources > known.sources:
            listed.by_sha256[one.sha256] = one
    for digest in one.other_sha256:
        listed.by_other_sha256.setdefault(digest, one)
    name = one.file.rpartition("/")[2]
    listed.by_name[name] = (*listed.by_name.get(name, ()), one)
