"""A question as kandil asks it: by its network code, in a provider's words, without tries and limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kandil import http, profiles, providers
from kandil.providers import Endpoint, Event, Message, Reasoning, Request, Stop, Text, ToolCall, Usage

if TYPE_CHECKING:
    from kandil.secret import Secret

_LARGEST_REFUSAL_BYTES = 1 << 20


@dataclass
class Answer:
    """What came so far."""

    events: list[Event] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Text))

    @property
    def reasoning(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Reasoning))

    @property
    def usage(self) -> Usage | None:
        return next((event for event in reversed(self.events) if isinstance(event, Usage)), None)

    @property
    def stop(self) -> Stop | None:
        return next((event for event in self.events if isinstance(event, Stop)), None)

    @property
    def tool_calls(self) -> list[ToolCall]:
        return [event for event in self.events if isinstance(event, ToolCall)]


def request(*said: str, **more: Any) -> Request:
    """`said` by turns: first and last by the user."""
    messages = tuple(Message("assistant" if place % 2 else "user", text) for place, text in enumerate(said))
    return Request(messages=messages, **more)


def curated(profile_id: str, base_url: str) -> Endpoint:
    """A model of ``profiles/``, with all that is known of its provider, at another address."""
    profile = profiles.find(profile_id)
    assert profile is not None
    return providers.endpoint(profile, profiles.provider(profile.provider), base_url=base_url)


def unknown(protocol: str, base_url: str, **more: Any) -> Endpoint:
    """A server of which its protocol alone is known."""
    fields = {"id": "mine", "name": "Mine", "source": "user", "provider": "mine", "api_model": "m", **more}
    return providers.endpoint(profiles.from_fields({**fields, "protocol": protocol}), None, base_url=base_url)


async def ask(
    endpoint: Endpoint,
    asked: Request,
    secret: Secret | None = None,
    *,
    answer: Answer | None = None,
    timeouts: http.Timeouts | None = None,
) -> Answer:
    """The answer; what came before an error is in `answer`."""
    answer = answer or Answer()
    call = providers.encode(endpoint, asked)
    auth = (endpoint.auth.header, endpoint.auth.scheme) if endpoint.auth else None
    async with (
        http.open_client(timeouts) as client,
        client.send(call.method, call.url, headers=call.headers, body=call.body, auth=auth, secret=secret) as response,
    ):
        if response.status >= 400:
            body = await response.read(_LARGEST_REFUSAL_BYTES)
            raise providers.refusal(endpoint, response.status, response.headers, body)
        decoder = providers.decoder(endpoint)
        async for chunk in response.chunks():
            answer.events += decoder.feed(chunk)
            if decoder.over:
                break
        answer.events += decoder.end()
    return answer


async def listed(endpoint: Endpoint, secret: Secret | None = None) -> tuple[str, ...]:
    """The models that the server says it has."""
    auth = (endpoint.auth.header, endpoint.auth.scheme) if endpoint.auth else None
    async with (
        http.open_client() as client,
        client.send("GET", endpoint.models_url, headers=endpoint.headers, auth=auth, secret=secret) as response,
    ):
        body = await response.read(_LARGEST_REFUSAL_BYTES)
        if response.status >= 400:
            raise providers.refusal(endpoint, response.status, response.headers, body)
        return providers.listed_models(endpoint, body)
