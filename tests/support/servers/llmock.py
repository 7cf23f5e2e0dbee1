"""llmock: the APIs of OpenAI, Anthropic, Gemini and others, in their own shapes, that fail when they are told to.

What it is told are the values of `llmock.scenarios`: `Fail(429, retry_after=2)`, `Fail(529)`,
`StreamFault("disconnect")` (or "truncate", "stall", "malformed"), `Delay`, `SlowFirstToken`, `Reply`, `ToolFault`. It
knows every key, so a wrong one is `Fail(401)`.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
from llmock.journal import RequestRecord
from llmock.scenarios import Behavior, behavior_to_dict

from tests.support.servers.process import printing

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Llmock:
    """A server that runs. What it tells of a request, it tells when the reply is through."""

    url: str
    """With ``/v1`` the base URL of OpenAI, with ``/anthropic`` Anthropic's, with ``/gemini/v1beta`` Gemini's."""
    control: httpx2.Client

    def will(self, *behaviours: Behavior) -> None:
        """Each is for the next request that it matches, `times` times."""
        self._say("POST", "scenario", json={"behaviors": [behavior_to_dict(one) for one in behaviours]})

    def pending(self) -> int:
        """How many behaviours no request has met yet."""
        return len(self._say("GET", "scenario")["pending"])

    def requests(self) -> list[RequestRecord]:
        """All since `reset`, in order: with their status, whole body, and when they began and ended (one clock)."""
        told = self._say("GET", "requests")["requests"]
        return [RequestRecord(**{name: value for name, value in one.items() if name != "duration"}) for one in told]

    def blames(self) -> dict[str, str]:
        """What a client did wrong since `reset`, by code: ``retry_after_ignored``, ``retried_non_retryable``, …"""
        return {one["code"]: one["title"] for one in self._say("GET", "verdict")["findings"]}

    def reset(self) -> None:
        """Neither requests, nor behaviours, nor what was used of the limits."""
        self._say("POST", "reset")

    def _say(self, method: str, what: str, **more: Any) -> Any:
        return self.control.request(method, f"{self.url}/_llmock/{what}", **more).raise_for_status().json()


@contextmanager
def llmock(*, requests_per_minute: int | None = None, tokens_per_minute: int | None = None) -> Iterator[Llmock]:
    """A server of its own: 2.5 s. The fixture `llmock_server` has one for all tests, without limits."""
    command = [sys.executable, "-m", "llmock.cli", "serve", "--port", "0"]
    limits = (("--rpm", requests_per_minute), ("--tpm", tokens_per_minute))
    command += [str(word) for name, limit in limits if limit is not None for word in (name, limit)]
    with printing(r"running on (http://\S+)", command) as url, httpx2.Client(trust_env=False) as control:
        yield Llmock(url, control)
