"""A model that somebody offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from kandil.compat import Report
    from kandil.download import Remote

Source: TypeAlias = Literal["catalogue", "ollama", "huggingface", "ollama-registry", "url"]
SOURCES: tuple[Source, ...] = ("catalogue", "ollama", "huggingface", "ollama-registry")
"""Those that can be searched. The registry of Ollama has no search: it is asked for a tag of the query's name."""

Role: TypeAlias = Literal["projector", "adapter", "template", "license", "params", "system", "config"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One model of one source: one quantisation of a repository, one tag. None is not known."""

    source: Source
    reference: str
    """What `kandil model add` takes: ``hf:owner/repo:Q4_K_M``, ``ollama:llama3.1:8b``, a profile's id, a URL."""
    name: str
    """As its source calls it."""
    host: str
    """Who gives the files: ``huggingface.co``."""
    weights: tuple[Remote, ...] = ()
    """All parts, in order. Empty: they are not here to be fetched, or nobody has asked yet."""
    others: tuple[tuple[Role, Remote], ...] = ()
    quantization: str | None = None
    size_bytes: int | None = None
    """Of the weights."""
    sha256: str | None = None
    """Of the one file with weights."""
    revision: str | None = None
    updated: str | None = None
    """RFC 3339, or a day."""
    license: str | None = None
    publisher: str | None = None
    downloads: int | None = None
    gated: bool = False
    """Its publisher wants to know who takes it: a key is needed."""
    profile_id: str | None = None
    """The catalogue's model with these weights."""
    verified: bool = False
    """Independent sources gave the catalogue this digest."""
    here: bool = False
    """It is on this machine."""
    report: Report | None = None
    """How it fits this machine."""
    also: tuple[str, ...] = ()
    """References to the same weights at other sources."""

    @property
    def files(self) -> tuple[Remote, ...]:
        """All that belongs to it, the weights first."""
        return (*self.weights, *(remote for _, remote in self.others))

    @property
    def total_bytes(self) -> int | None:
        """Of all files; None where a size is not known."""
        sizes = [one.size_bytes for one in self.files]
        return sum(size for size in sizes if size is not None) if sizes and None not in sizes else None
