"""Curated facts about published models; the files are described in ``profiles/README.md``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The file, or files, that a local model is."""

    size_bytes: int | None
    size_exact: bool = True
    """False: somebody rounded `size_bytes`."""
    sha256: str | None = None
    quantization: str | None = None
    """As llama.cpp writes it: ``Q4_K_M``, ``F16``."""
    parameters: int | None = None
    architecture: str | None = None
    """GGUF's ``general.architecture``."""
    shape: Mapping[str, int | bool | float | tuple[int, ...]] | None = None
    """The architecture's numbers under GGUF's names without the architecture: ``block_count``,
    ``attention.head_count_kv``, … None where nobody wrote them down."""
    repo: str | None = None
    file: str | None = None
    revision: str | None = None
    license: str | None = None
    manifest_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars a million tokens, as listed; 0 is listed as free."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a model: curated, or said by its user. None is not known, never no."""

    id: str
    """Unique, and what to type: ``claude-sonnet-5-5``, ``groq/gpt-oss-120b``, ``qwen2.5-coder:7b``."""
    name: str
    source: Literal["cloud", "ollama", "gguf", "user"]
    provider: str
    """The id of a `Provider`."""
    protocol: Literal["openai", "anthropic", "gemini", "ollama"]
    base_url: str
    api_model: str
    """What the provider calls it in a request."""
    kind: Literal["chat", "completion", "embedding", "vision", "other"] = "chat"
    context_window: int | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    supports_vision: bool | None = None
    supports_tools: bool | None = None
    supports_reasoning: bool | None = None
    supports_json: bool | None = None
    price: Price | None = None
    status: Literal["active", "preview", "deprecated", "retired"] = "active"
    shutdown_date: str | None = None
    successor: str | None = None
    """The `id` of the profile that takes its place."""
    released: str | None = None
    knowledge_cutoff: str | None = None
    weights: Weights | None = None
    note: str | None = None
    sources: tuple[str, ...] = ()
    date: str
    """The day of the facts."""


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
    """The list of ``profiles/gguf.toml``; read once a process, in about 10 ms."""
    text = resources.files("kandil").joinpath("_profiles", "gguf.toml").read_text("utf-8")
    listed = PublishedFiles({}, {}, {})
    for repo, table in tomllib.loads(text).items():
        if not isinstance(table, dict):
            continue
        for name, facts in table.items():
            if isinstance(facts, dict):
                _add(listed, _published(repo, name, facts, table.get("license")))
    return listed


def _published(repo: str, name: str, facts: dict[str, Any], license_id: str | None) -> PublishedFile:
    return PublishedFile(
        repo=repo,
        file=name,
        sha256=facts.get("sha256"),
        size_bytes=facts.get("size_bytes"),
        model=facts["model"],
        quant=facts.get("quant"),
        architecture=facts.get("architecture"),
        context_tokens=facts.get("context"),
        revision=facts.get("revision"),
        license=license_id,
        sources=facts.get("sources", 0),
        other_sha256=tuple(facts.get("other_sha256", ())),
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
