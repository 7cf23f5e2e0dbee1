"""The batch APIs of providers, each in its own words.

OpenAI's, which others took over: a file is uploaded, a batch is made of it, results are files again
(platform.openai.com/docs/api-reference/batch, console.groq.com/docs/batch). Mistral's differs in names alone
(docs.mistral.ai/capabilities/batch). Anthropic takes all requests with the batch itself
(platform.claude.com/docs/en/build-with-claude/batch-processing).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from kandil.batch.provider_batches import Seen
from kandil.batch.provider_calls import plain
from kandil.errors import ReplyUnreadable
from kandil.http.upload import Upload

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from kandil.batch.provider_calls import ProviderCalls
    from kandil.providers import Endpoint

_MARK: Final = "kandil"
"""The key in a batch's metadata under which it can be found again."""
_MOST_PAGES: Final = 50


@dataclass(frozen=True, slots=True)
class OpenAiBatches:
    calls: ProviderCalls
    keeps_marks: ClassVar[bool] = True

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
    keeps_marks: ClassVar[bool] = True

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
    keeps_marks: ClassVar[bool] = False

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
