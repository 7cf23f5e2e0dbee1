"""Ollama's API, as aimock has it: ``/api/chat``, ``/api/generate`` and ``/api/tags``; no ``/api/show``."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2

from tests.support import parts
from tests.support.servers.process import printing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANSWER = "Ollama's API answers, in more pieces than one."
TOOL = {"name": "get_weather", "arguments": '{"city":"Paris"}'}
_PIECE = 8


@dataclass(frozen=True, slots=True)
class OllamaApi:
    """A server that runs. It answers with `ANSWER`, but to a prompt with "weather", with the tool call `TOOL`; and one
    with "think", with reasoning before the answer; to "fail" with the status 500.
    """

    url: str
    control: httpx2.Client

    def requests(self) -> list[dict[str, Any]]:
        """The bodies that came since `reset`, as aimock reads them: in OpenAI's shape."""
        told = self.control.get(f"{self.url}/__aimock/journal").raise_for_status().json()
        return [one["body"] for one in told]

    def reset(self) -> None:
        self.control.post(f"{self.url}/__aimock/reset/journal").raise_for_status()


@contextmanager
def ollama_api(folder: Path) -> Iterator[OllamaApi]:
    """What it says is written into `folder`. Skips the test without node or aimock."""
    command = parts.aimock()
    fixtures = [
        {"match": {"userMessage": "weather"}, "response": {"toolCalls": [TOOL]}},
        {"match": {"userMessage": "think"}, "response": {"content": ANSWER, "reasoning": "Let me think."}},
        {"match": {"userMessage": "fail"}, "response": {"error": {"message": "no memory left"}, "status": 500}},
        {"match": {}, "response": {"content": ANSWER}},
    ]
    path = folder / "fixtures.json"
    path.write_text(json.dumps({"fixtures": fixtures}))
    command += ["--port", "0", "--fixtures", str(path), "--chunk-size", str(_PIECE)]
    with printing(r"listening on (http://\S+)", command) as url, httpx2.Client(trust_env=False) as control:
        yield OllamaApi(url, control)
