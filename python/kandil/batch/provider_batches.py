"""What providers make of files of requests, at a lower price and in their own time: their batch APIs, as one.

OpenAI's API, which others took over: a file is uploaded, a batch is made of it, results are files again
(platform.openai.com/docs/api-reference/batch, console.groq.com/docs/batch). Mistral's differs in names alone
(docs.mistral.ai/capabilities/batch). Anthropic takes all requests with the batch itself
(platform.claude.com/docs/en/build-with-claude/batch-processing).
"""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from kandil.batch.provider_calls import plain
from kandil.errors import BatchesNotOffered, ReplyUnreadable
from kandil.http.upload import Upload

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from kandil.batch.provider_calls import ProviderCalls
    from kandil.providers import Endpoint

Dialect = Literal["openai", "mistral", "anthropic"]
_MARK: Final = "kandil"
"""The key in a batch's metadata under which it can be found again."""
_MOST_PAGES: Final = 50
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
            if isinstance(batches, AnthropicBatches) and seen.total == rows and seen.batch_id not in known:
                found.append(seen)
    return found


@dataclass(frozen=True, slots=True)
class OpenAiBatches:
    calls: ProviderCalls

    async def upload(self, requests: Path, name: str) -> str | None:
        return await _uploaded(self.calls, requests, name)

    async def create(self, requests: Path, file_id: str | None, endpoint: str, mark: str) -> Seen:  # noqa: ARG002
        asked = {
            "input_file_id": file_id,
            "endpoint": endpoint,
            "completion_window": "24h",
            "metadata": {_MARK: mark},
        }
        return self._seen(await self.calls.once("POST", "/batches", json.dumps(asked).encode()))

    async def newest(self) -> AsyncGenerator[Seen]:
        after = ""
        for _ in range(_MOST_PAGES):
            page = await self.calls.once("GET", f"/batches?limit=100{after}")
            batches = _list(self.calls.endpoint, page, "data")
            for one in batches:
                yield self._seen(one)
            if not page.get("has_more") or not batches:
                return
            after = f"&after={plain(batches[-1].get('id'))}"

    async def look(self, batch_id: str) -> Seen:
        return self._seen(await self.calls.get(f"/batches/{plain(batch_id)}"))

    async def cancel(self, batch_id: str) -> Seen:
        return self._seen(await self.calls.once("POST", f"/batches/{plain(batch_id)}/cancel", b"{}"))

    def _seen(self, fields: Mapping[str, Any]) -> Seen:
        status = _text(self.calls.endpoint, fields, "status")
        counts = fields.get("request_counts") or {}
        files = [fields.get("output_file_id"), fields.get("error_file_id")]
        return Seen(
            batch_id=_text(self.calls.endpoint, fields, "id"),
            status=status,
            ended=status in ("completed", "failed", "expired", "cancelled"),
            total=_count(counts, "total"),
            done=_count(counts, "completed") + _count(counts, "failed"),
            mark=_mark(fields),
            created=float(_count(fields, "created_at")),
            results=tuple(f"/files/{plain(one)}/content" for one in files if one),
            rest=_rest(status, _batch_errors(fields)),
        )


@dataclass(frozen=True, slots=True)
class MistralBatches:
    calls: ProviderCalls

    async def upload(self, requests: Path, name: str) -> str | None:
        return await _uploaded(self.calls, requests, name)

    async def create(self, requests: Path, file_id: str | None, endpoint: str, mark: str) -> Seen:  # noqa: ARG002
        asked = {
            "input_files": [file_id],
            "model": self.calls.endpoint.model,
            "endpoint": endpoint,
            "metadata": {_MARK: mark},
        }
        return self._seen(await self.calls.once("POST", "/batch/jobs", json.dumps(asked).encode()))

    async def newest(self) -> AsyncGenerator[Seen]:
        for page in range(_MOST_PAGES):
            found = await self.calls.once("GET", f"/batch/jobs?page_size=100&page={page}")
            batches = _list(self.calls.endpoint, found, "data")
            for one in batches:
                yield self._seen(one)
            if len(batches) < 100:  # noqa: PLR2004 (as was asked for)
                return

    async def look(self, batch_id: str) -> Seen:
        return self._seen(await self.calls.get(f"/batch/jobs/{plain(batch_id)}"))

    async def cancel(self, batch_id: str) -> Seen:
        return self._seen(await self.calls.once("POST", f"/batch/jobs/{plain(batch_id)}/cancel", b"{}"))

    def _seen(self, fields: Mapping[str, Any]) -> Seen:
        status = _text(self.calls.endpoint, fields, "status")
        word = {"TIMEOUT_EXCEEDED": "expired", "CANCELLED": "cancelled", "FAILED": "failed", "SUCCESS": "completed"}
        files = [fields.get("output_file"), fields.get("error_file")]
        named = [one.get("id") if isinstance(one, dict) else one for one in files]
        created = fields.get("created_at")
        return Seen(
            batch_id=_text(self.calls.endpoint, fields, "id"),
            status=status,
            ended=status in word,
            total=_count(fields, "total_requests"),
            done=_count(fields, "completed_requests"),
            mark=_mark(fields),
            created=float(created) if isinstance(created, int) else _epoch(created),
            results=tuple(f"/files/{plain(one)}/content" for one in named if one),
            rest=_rest(word.get(status, status), _batch_errors(fields)),
        )


@dataclass(frozen=True, slots=True)
class AnthropicBatches:
    calls: ProviderCalls

    async def upload(self, requests: Path, name: str) -> str | None:  # noqa: ARG002
        return None

    async def create(self, requests: Path, file_id: str | None, endpoint: str, mark: str) -> Seen:  # noqa: ARG002
        return self._seen(await self.calls.once("POST", "", Upload(requests)))

    async def newest(self) -> AsyncGenerator[Seen]:
        after = ""
        for _ in range(_MOST_PAGES):
            page = await self.calls.once("GET", f"?limit=100{after}")
            batches = _list(self.calls.endpoint, page, "data")
            for one in batches:
                yield self._seen(one)
            if not page.get("has_more") or not batches:
                return
            after = f"&after_id={plain(batches[-1].get('id'))}"

    async def look(self, batch_id: str) -> Seen:
        return self._seen(await self.calls.get(f"/{plain(batch_id)}"))

    async def cancel(self, batch_id: str) -> Seen:
        return self._seen(await self.calls.once("POST", f"/{plain(batch_id)}/cancel", b"{}"))

    def _seen(self, fields: Mapping[str, Any]) -> Seen:
        batch_id = _text(self.calls.endpoint, fields, "id")
        status = _text(self.calls.endpoint, fields, "processing_status")
        counts = fields.get("request_counts") or {}
        done = sum(_count(counts, name) for name in ("succeeded", "errored", "canceled", "expired"))
        ended = status == "ended"
        return Seen(
            batch_id=batch_id,
            status=status,
            ended=ended,
            total=done + _count(counts, "processing"),
            done=done,
            created=_epoch(fields.get("created_at")),
            results=(f"/{plain(batch_id)}/results",) if ended else (),
            rest=_rest("cancelled" if fields.get("cancel_initiated_at") else "completed", ""),
        )


def base_url(endpoint: Endpoint, dialect: Dialect) -> str:
    """Where the API of its batches begins."""
    if dialect == "anthropic":
        return f"{endpoint.url}/batches"
    return endpoint.url.removesuffix("/chat/completions").removesuffix("/responses")


OF_DIALECT: Final[Mapping[str, type[OpenAiBatches | MistralBatches | AnthropicBatches]]] = {
    "openai": OpenAiBatches,
    "mistral": MistralBatches,
    "anthropic": AnthropicBatches,
}


async def _uploaded(calls: ProviderCalls, requests: Path, name: str) -> str:
    """Sent once. One that was uploaded twice costs nothing."""
    boundary = f"----{name}"
    before = (
        f'--{boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{name}.jsonl"\r\n'
        "content-type: application/jsonl\r\n\r\n"
    )
    body = Upload(requests, before=before.encode(), after=f"\r\n--{boundary}--\r\n".encode())
    form = f"multipart/form-data; boundary={boundary}"
    file = await calls.once("POST", "/files", body, content_type=form)
    return _text(calls.endpoint, file, "id")


def _rest(status: str, said: str) -> tuple[str, str]:
    match status:
        case "expired":
            return "batch_expired", said or "the provider did not come to it in time"
        case "cancelled":
            return "batch_cancelled", said or "the batch was cancelled before it was answered"
        case "failed":
            return "batch_failed", said or "the provider did not take the batch"
        case _:
            return "no_answer", said or "the provider's batch ended without a result for it"


def _batch_errors(fields: Mapping[str, Any]) -> str:
    """Of the batch as a whole."""
    errors = fields.get("errors")
    found = errors.get("data") if isinstance(errors, dict) else errors
    said = [one.get("message") for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return "; ".join(str(one) for one in said[:5] if one)


def _mark(fields: Mapping[str, Any]) -> str | None:
    metadata = fields.get("metadata")
    found = metadata.get(_MARK) if isinstance(metadata, dict) else None
    return found if isinstance(found, str) else None


def _text(endpoint: Endpoint, fields: Mapping[str, Any], name: str) -> str:
    found = fields.get(name)
    if not isinstance(found, str) or not found:
        raise ReplyUnreadable(endpoint.provider, f"it has no {name!r}", begins=repr(dict(fields))[:80])
    return found


def _list(endpoint: Endpoint, fields: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = fields.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ReplyUnreadable(endpoint.provider, f"its {name!r} is no list", begins=repr(dict(fields))[:80])
    return found


def _count(fields: Mapping[str, Any], name: str) -> int:
    found = fields.get(name)
    return found if isinstance(found, int) else 0


def _epoch(said: object) -> float:
    """0, which is long ago, where it is no time."""
    try:
        return datetime.fromisoformat(str(said)).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
