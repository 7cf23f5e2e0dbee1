"""Batch APIs of providers, simulated where no real one can be: OpenAI's and Anthropic's paths over real sockets.

A batch ends when a test says so, with the results that it says; any request may be lost, before or after it was done.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.support.servers import raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import trio


@dataclass
class Provider:
    """`batches` by their ids: what was asked for. `requests` have method and path of all that came."""

    url: str = ""
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    uploads: list[bytes] = field(default_factory=list)
    before: Callable[[str], None] = lambda _: None
    """Told each request before it is done; what it raises loses the request."""
    after: Callable[[str], None] = lambda _: None
    """Told each request when it was done; what it raises loses the reply."""

    def rows(self) -> list[str]:
        """The names of all requests of all batches, sorted."""
        return sorted(one["custom_id"] for batch in self.batches.values() for one in batch["rows"])

    def end(self, batch_id: str, status: str, *results: dict[str, Any]) -> None:
        """OpenAI's: `results` without a 200 are in the file of errors."""
        batch = self.batches[batch_id]
        batch["status"] = status
        for name, good in (("output_file_id", True), ("error_file_id", False)):
            lines = [one for one in results if bool(one.get("response", {}) and one["error"] is None) == good]
            if lines:
                batch[name] = f"file-{batch_id}-{name}"
                self.files[batch[name]] = b"".join(json.dumps(one).encode() + b"\n" for one in lines)

    def end_message_batch(self, batch_id: str, *results: dict[str, Any]) -> None:
        """Anthropic's."""
        self.batches[batch_id]["status"] = "ended"
        self.files[batch_id] = b"".join(json.dumps(one).encode() + b"\n" for one in results)

    async def serve(self, stream: trio.abc.Stream, asked: bytes) -> bool:
        head, _, body = asked.partition(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
        request = f"{method} {path}"
        self.requests.append(request)
        try:
            self.before(request)
            reply = self._reply(method, path.partition("?")[0], body, head)
            self.after(request)
        except ConnectionError:
            return True
        await stream.send_all(raw.reply(reply) if reply is not None else _NOTHING)
        return False

    def _reply(self, method: str, path: str, body: bytes, head: bytes) -> bytes | None:  # noqa: C901, PLR0911 (a route a line)
        match method, *path.strip("/").split("/")[1:]:
            case "POST", "files":
                return self._upload(body, head)
            case "GET", "files", name, "content":
                return self.files.get(name)
            case "POST", "batches":
                asked = json.loads(body)
                lines = self.files[asked["input_file_id"]].splitlines()
                return self._told(self._add([json.loads(line) for line in lines], "validating", asked))
            case "POST", "messages", "batches":
                return self._message_batch(self._add(json.loads(body)["requests"], "in_progress", {}))
            case "GET", "batches":
                newest = [json.loads(self._told(name)) for name in reversed(self.batches)]
                return json.dumps({"data": newest, "has_more": False}).encode()
            case "GET", "messages", "batches":
                newest = [json.loads(self._message_batch(name)) for name in reversed(self.batches)]
                return json.dumps({"data": newest, "has_more": False}).encode()
            case "GET", "messages", "batches", name, "results":
                return self.files.get(name)
            case _, "batches", name, *rest if name in self.batches:
                if rest == ["cancel"]:
                    self.batches[name]["status"] = "cancelled"
                return self._told(name)
            case _, "messages", "batches", name, *rest if name in self.batches:
                return self._message_batch(name)
        return None

    def _upload(self, body: bytes, head: bytes) -> bytes:
        self.uploads.append(body)
        boundary = re.search(rb"boundary=(\S+)", head)
        assert boundary
        purpose, file = body.split(b"--" + boundary[1])[1:3]
        assert purpose.endswith(b"\r\n\r\nbatch\r\n")
        name = f"file-{len(self.files)}"
        self.files[name] = file.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        return json.dumps({"id": name}).encode()

    def _add(self, rows: list[dict[str, Any]], status: str, asked: dict[str, Any]) -> str:
        name = f"batch_{len(self.batches)}"
        self.batches[name] = {"rows": rows, "status": status, "asked": asked, "created": time.time()}
        return name

    def _told(self, name: str) -> bytes:
        batch = self.batches[name]
        fields = {
            "id": name,
            "status": batch["status"],
            "created_at": int(batch["created"]),
            "metadata": batch["asked"].get("metadata"),
            "request_counts": {"total": len(batch["rows"]), "completed": 0, "failed": 0},
            "errors": batch.get("errors"),
            "output_file_id": batch.get("output_file_id"),
            "error_file_id": batch.get("error_file_id"),
        }
        return json.dumps(fields).encode()

    def _message_batch(self, name: str) -> bytes:
        batch = self.batches[name]
        counts = {"processing": len(batch["rows"]), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        created = datetime.fromtimestamp(batch["created"], UTC).isoformat()
        fields = {"id": name, "processing_status": batch["status"], "created_at": created, "request_counts": counts}
        return json.dumps(fields).encode()


_NOTHING = b'HTTP/1.1 404 No\r\ncontent-length: 34\r\n\r\n{"error":{"message":"no such one"}}'


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """With ``v1`` OpenAI's base URL, without it Anthropic's."""
    made = Provider()
    async with raw.serving(made.serve) as server:
        made.url = server.url
        yield made


def answered(custom_id: str, text: str = "yes") -> dict[str, Any]:
    """A line of OpenAI's results."""
    body = {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": {"prompt_tokens": 3}}
    return {
        "id": "x",
        "custom_id": custom_id,
        "response": {"status_code": 200, "request_id": "r", "body": body},
        "error": None,
    }


def refused(custom_id: str, code: str) -> dict[str, Any]:
    return {"id": "x", "custom_id": custom_id, "response": None, "error": {"code": code, "message": "no"}}
