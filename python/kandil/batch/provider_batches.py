"""What providers make of files of requests, at a lower price and in their own time: their batch APIs, as one."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from kandil.errors import BatchesNotOffered

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from kandil.batch.provider_calls import ProviderCalls
    from kandil.providers import Endpoint

Dialect = Literal["openai", "mistral", "anthropic"]
_CLOCKS_DIFFER_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """How a provider takes batches, and what they cost."""

    dialect: Dialect
    most_rows: int
    most_bytes: int
    price_share: float
    """Of the listed price."""


_OPENAI: Final = Offer(dialect="openai", most_rows=50_000, most_bytes=200_000_000, price_share=0.5)
_OFFERS: Final[Mapping[str, Offer]] = {
    "openai": _OPENAI,
    "groq": _OPENAI,
    # Mistral says nothing of a file's lines; a workspace may have a million requests waiting.
    "mistral": Offer(dialect="mistral", most_rows=50_000, most_bytes=200_000_000, price_share=0.5),
    "anthropic": Offer(dialect="anthropic", most_rows=100_000, most_bytes=256_000_000, price_share=0.5),
}
_OF_PROTOCOL: Final[Mapping[str, Offer]] = {
    "openai": Offer(dialect="openai", most_rows=50_000, most_bytes=200_000_000, price_share=1.0),
    "anthropic": Offer(dialect="anthropic", most_rows=100_000, most_bytes=256_000_000, price_share=1.0),
}
"""Of servers that only their users know: nobody says what they take for it."""


def offer(provider: str, protocol: str, *, curated: bool) -> Offer:
    """Raises: BatchesNotOffered."""
    found = _OFFERS.get(provider) if curated else _OF_PROTOCOL.get(protocol)
    if found is None:
        raise BatchesNotOffered(provider)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A batch, as its provider tells of it."""

    batch_id: str
    status: str
    """The provider's word."""
    ended: bool
    """Nothing more will come of it."""
    total: int = 0
    done: int = 0
    """Requests with a result, good or bad."""
    mark: str | None = None
    created: float = 0.0
    """Seconds since the epoch, by the provider's clock."""
    results: tuple[str, ...] = ()
    """Paths of files of results."""
    rest: tuple[str, str] = ("no_answer", "the provider's batch ended without a result for it")
    """Code and message of rows that have no result at its end."""


class ProviderBatches(Protocol):
    """One model's batches at its provider. Every method raises KandilError."""

    @property
    def calls(self) -> ProviderCalls: ...

    @property
    def keeps_marks(self) -> bool:
        """A batch can be found by the mark that it was created with."""

    async def upload(self, requests: Path, name: str) -> str | None:
        """The id of the file; None: this API takes requests with the batch."""

    async def create(self, requests: Path, file_id: str | None, endpoint: str, mark: str) -> Seen:
        """Sent once: what fails may have been created all the same."""

    def newest(self) -> AsyncGenerator[Seen]:
        """The account's batches, the youngest first."""

    async def look(self, batch_id: str) -> Seen:
        """As it is now."""

    async def cancel(self, batch_id: str) -> Seen:
        """Told to stop: what it has done by then is among its results."""


async def find(batches: ProviderBatches, mark: str, *, since: float, rows: int, known: frozenset[str]) -> list[Seen]:
    """Batches that may be the one that was marked so, which an attempt since then may have created.

    Where an API keeps marks, it is the one that has it; else all that were created since then with as many requests.
    """
    found = []
    async with aclosing(batches.newest()) as newest:
        async for seen in newest:
            if seen.created < since - _CLOCKS_DIFFER_SECONDS:
                break
            if seen.mark == mark:
                return [seen]
            if not batches.keeps_marks and seen.total == rows and seen.batch_id not in known:
                found.append(seen)
    return found


def base_url(endpoint: Endpoint, dialect: Dialect) -> str:
    """Where the API of its batches begins."""
    if dialect == "anthropic":
        return f"{endpoint.url}/batches"
    return endpoint.url.removesuffix("/chat/completions").removesuffix("/responses")
