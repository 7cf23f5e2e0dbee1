"""Bodies of batches, which Rust translates, beside those of single calls, which Python does."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil import providers
from kandil.providers import Endpoint, Event, Image, Message, Reasoning, Request, Stop, Text, ToolCall, Usage
from tests.batch.answers import ANSWERS
from tests.batch.targets import CHAT, target
from tests.providers.recorded import at, endpoint_of, events, transcript

ENDPOINTS = {
    "openai": at("openai"),
    "responses": at("openai", endpoint="responses"),
    "anthropic": at("anthropic"),
    "gemini": at("gemini"),
    "ollama": at("ollama"),
}
REASONS = {"end": "stop", "length": "length", "tool": "tool_calls", "refusal": "content_filter"}
REASONS |= {"filter": "content_filter", "other": "stop"}
SCHEMA = {
    "type": "object",
    "properties": {"b": {"type": "string"}, "a": {"type": "number"}},
    "required": ["b", "a"],
    "additionalProperties": False,
}


def row(request: Request) -> bytes:
    """As a file has it, in OpenAI's form: with spaces, and what is streamed in other ways."""
    body = json.loads(providers.encode(ENDPOINTS["openai"], request).body)
    return json.dumps(body, ensure_ascii=False).encode()


images = st.builds(
    Image, st.binary(max_size=8), st.sampled_from(["image/png", "image/jpeg", "image/gif", "image/webp"])
)
user_messages = st.builds(Message, st.just("user"), st.text(), st.lists(images, max_size=2).map(tuple))
exchanges = st.tuples(user_messages, st.builds(Message, st.just("assistant"), st.text()))
schemas = st.just(SCHEMA) | st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), max_size=3)
requests = st.builds(
    Request,
    messages=st.tuples(st.lists(exchanges, max_size=3), user_messages).map(
        lambda said: (*(message for both in said[0] for message in both), said[1])
    ),
    system=st.none() | st.text(),
    max_tokens=st.none() | st.integers(1, 1 << 40),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    json_schema=st.none() | schemas,
    context_tokens=st.none() | st.integers(1, 1 << 20),
    stream=st.booleans(),
)
facts = st.fixed_dictionaries(
    {
        "reasons": st.none() | st.booleans(),
        "temperature_allowed": st.none() | st.booleans(),
        "max_output_tokens": st.none() | st.integers(1, 1 << 20),
        "lacks": st.frozensets(st.sampled_from(["json_schema", "max_tokens", "store", "stream_options"])),
    }
)


@pytest.mark.parametrize("name", ENDPOINTS)
@given(request=requests, known=facts)
def test_a_request_is_the_same_as_a_single_call(name: str, request: Request, known: dict[str, Any]) -> None:
    """But for ``stream``, which is left out where that says that nothing is streamed."""
    endpoint = replace(ENDPOINTS[name], **known)
    sent = json.loads(target(endpoint, request.context_tokens).encode(CHAT, row(request)))
    asked = json.loads(providers.encode(endpoint, replace(request, stream=False)).body)
    if name != "ollama":
        asked.pop("stream", None)
    assert sent == asked


@dataclass
class Read:
    """What is told of an answer."""

    text: str
    reasoning: str
    calls: list[tuple[str, str, Any]]
    tokens: tuple[int | None, int | None, int | None]
    reason: str


def by_python(endpoint: Endpoint, body: bytes) -> Read:
    found: list[Event] = events(providers.decoder(endpoint), body)
    usage = next((event for event in reversed(found) if isinstance(event, Usage)), Usage())
    (stop,) = (event for event in found if isinstance(event, Stop))
    return Read(
        "".join(event.text for event in found if isinstance(event, Text)),
        "".join(event.text for event in found if isinstance(event, Reasoning)),
        [(call.id, call.name, json.loads(call.arguments or "{}")) for call in found if isinstance(call, ToolCall)],
        (usage.input_tokens, usage.cached_tokens, usage.output_tokens),
        REASONS[stop.reason],
    )


def by_rust(endpoint: Endpoint, body: bytes) -> Read:
    kept, text, tokens = target(endpoint).decode(CHAT, body)
    assert b"\n" not in kept
    answer = json.loads(kept)
    choice = answer["choices"][0]
    message = choice["message"]
    calls = [
        (call.get("id", ""), call["function"]["name"], json.loads(call["function"]["arguments"] or "{}"))
        for call in message.get("tool_calls") or ()
    ]
    return Read(text or "", message.get("reasoning_content") or "", calls, tokens, choice["finish_reason"])


@pytest.mark.parametrize("name", ANSWERS)
@given(data=st.data(), reasons=st.none() | st.booleans())
def test_an_answer_says_the_same_as_to_a_single_call(name: str, data: st.DataObject, *, reasons: bool | None) -> None:
    endpoint = replace(ENDPOINTS[name], reasons=reasons)
    body = json.dumps(data.draw(ANSWERS[name])).encode()
    found, expected = by_rust(endpoint, body), by_python(endpoint, body)
    if name == "openai":  # it stays as it is written
        found.reasoning = expected.reasoning
    if expected.tokens[0] is None and expected.tokens[2] is None:
        found.tokens = expected.tokens  # what a cache gave of nothing
    assert found == expected


@pytest.mark.parametrize(
    "name",
    [
        "aimock-ollama.json",
        "llama-chat.json",
        "llama-messages.json",
        "llama-responses.json",
        "llmock-chat.json",
        "llmock-gemini.json",
        "llmock-messages.json",
    ],
)
def test_real_answers(name: str) -> None:
    assert by_rust(endpoint_of(name), transcript(name)) == by_python(endpoint_of(name), transcript(name))


@pytest.mark.parametrize("name", ENDPOINTS)
@given(body=st.binary() | st.text().map(str.encode))
def test_no_bytes_break_it(name: str, body: bytes) -> None:
    for translate in (target(ENDPOINTS[name]).encode, target(ENDPOINTS[name]).decode):
        with pytest.raises(ValueError, match=r".*"):  # neither is an answer, nor a row
            translate(CHAT, body)


def test_what_cannot_be_said_is_named() -> None:
    body = {"messages": [{"role": "user", "content": "hi", "name": "Ada"}]}
    with pytest.raises(ValueError, match="name") as refused:
        target(ENDPOINTS["gemini"]).encode(CHAT, json.dumps(body).encode())
    assert refused.value.args == ("messages[0].name", "other protocols have no names for who speaks")
    with pytest.raises(ValueError, match=r"an error stands where an answer should: \"no memory left\""):
        target(ENDPOINTS["ollama"]).decode(CHAT, b'{"error": "no memory left"}')
