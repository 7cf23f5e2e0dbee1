"""Bodies of batches, which Rust translates, beside those of single calls, which Python does; and against real servers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmock.scenarios import Reply
from llmock.scenarios import ToolCall as CalledTool

from kandil import http, providers
from kandil._core import BatchTarget
from kandil.providers import Endpoint, Event, Image, Message, Reasoning, Request, Stop, Text, ToolCall, Usage
from kandil.secret import Secret
from tests.providers.asking import curated, unknown
from tests.providers.recorded import at, endpoint_of, events, transcript
from tests.support.servers.llama import Llama
from tests.support.servers.llmock import Llmock
from tests.support.servers.ollama_api import ANSWER, TOOL, OllamaApi

CHAT = "/v1/chat/completions"
ENDPOINTS = {
    "openai": at("openai"),
    "responses": at("openai", endpoint="responses"),
    "anthropic": at("anthropic"),
    "gemini": at("gemini"),
    "ollama": at("ollama"),
}
TRANSLATED = [name for name in ENDPOINTS if name != "openai"]
REASONS = {"end": "stop", "length": "length", "tool": "tool_calls", "refusal": "content_filter"}
REASONS |= {"filter": "content_filter", "other": "stop"}
KEY = Secret("sk-" + "a1B2" * 12)
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SCHEMA = {
    "type": "object",
    "properties": {"b": {"type": "string"}, "a": {"type": "number"}},
    "required": ["b", "a"],
    "additionalProperties": False,
}


def target(endpoint: Endpoint, context_tokens: int | None = None) -> BatchTarget:
    return BatchTarget(
        endpoint.protocol,
        endpoint.model,
        responses=endpoint.style == "responses",
        reasons=endpoint.reasons,
        temperature_allowed=endpoint.temperature_allowed,
        max_output_tokens=endpoint.max_output_tokens,
        context_tokens=context_tokens,
        lacks=sorted(endpoint.lacks),
    )


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


words = st.text(max_size=12)
counts = st.integers(0, 1 << 40) | st.none()
objects = st.dictionaries(words, words | st.integers() | st.booleans() | st.lists(words, max_size=2), max_size=3)
names = st.text("abc_", min_size=1, max_size=5)
thoughts = words.map(lambda thought: f"<think>{thought}</think>\n\n") | st.just("")
contents = st.builds(str.__add__, thoughts, words)


def either(*fields: str) -> Any:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(fields, counts))


anthropic_answers = st.fixed_dictionaries(
    {
        "type": st.just("message"),
        "id": names,
        "content": st.lists(
            st.fixed_dictionaries({"type": st.just("text"), "text": words})
            | st.fixed_dictionaries({"type": st.just("thinking"), "thinking": words, "signature": words})
            | st.fixed_dictionaries({"type": st.just("tool_use"), "id": names, "name": names, "input": objects})
            | st.just({"type": "redacted_thinking", "data": "x"}),
            max_size=4,
        ),
        "stop_reason": st.sampled_from(["end_turn", "stop_sequence", "max_tokens", "tool_use", "refusal", "pause_turn"]),
        "usage": either("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
    }
)
gemini_answers = st.fixed_dictionaries(
    {
        "candidates": st.lists(
            st.fixed_dictionaries(
                {
                    "content": st.fixed_dictionaries(
                        {
                            "parts": st.lists(
                                st.fixed_dictionaries({"text": words}, optional={"thought": st.booleans()})
                                | st.fixed_dictionaries(
                                    {"functionCall": st.fixed_dictionaries({"id": names, "name": names, "args": objects})}
                                ),
                                max_size=4,
                            )
                        }
                    ),
                    "finishReason": st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY", "SPII", "OTHER"]),
                }
            ),
            min_size=1,
            max_size=2,
        ),
        "usageMetadata": either(
            "promptTokenCount",
            "candidatesTokenCount",
            "thoughtsTokenCount",
            "cachedContentTokenCount",
            "toolUsePromptTokenCount",
        ),
    }
)
ollama_answers = st.fixed_dictionaries(
    {
        "message": st.fixed_dictionaries(
            {"content": contents, "thinking": words},
            optional={
                "tool_calls": st.lists(
                    st.fixed_dictionaries(
                        {"id": names, "function": st.fixed_dictionaries({"name": names, "arguments": objects})}
                    ),
                    max_size=2,
                )
            },
        ),
        "done": st.just(True),
        "done_reason": st.sampled_from(["stop", "length", "load"]),
    },
    optional={"prompt_eval_count": counts, "eval_count": counts},
)
responses_answers = st.fixed_dictionaries(
    {
        "object": st.just("response"),
        "status": st.sampled_from(["completed", "incomplete"]),
        "incomplete_details": st.none()
        | st.fixed_dictionaries({"reason": st.sampled_from(["max_output_tokens", "content_filter"])}),
        "output": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.just("message"),
                    "content": st.lists(
                        st.fixed_dictionaries({"type": st.just("output_text"), "text": words}), max_size=2
                    ),
                }
            )
            | st.fixed_dictionaries(
                {
                    "type": st.just("function_call"),
                    "call_id": names,
                    "name": names,
                    "arguments": objects.map(json.dumps),
                }
            ),
            max_size=3,
        ),
        "usage": either("input_tokens", "output_tokens"),
    }
)
chat_answers = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries(
                {
                    "message": st.fixed_dictionaries({"content": contents}),
                    "finish_reason": st.sampled_from(["stop", "length"]),
                }
            ),
            min_size=1,
            max_size=2,
        ),
        "usage": either("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens"),
    }
)
ANSWERS = {
    "anthropic": anthropic_answers,
    "gemini": gemini_answers,
    "ollama": ollama_answers,
    "responses": responses_answers,
    "openai": chat_answers,
}


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


CALLED = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
FULL = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": PIXEL}}]},
        {"role": "assistant", "content": "I look.", "tool_calls": [CALLED]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        {"role": "user", "content": "go on"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "The weather of a city.",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            },
        }
    ],
    "tool_choice": "auto",
    "max_tokens": 50,
    "temperature": 0.5,
    "top_p": 0.9,
}


async def asked(endpoint: Endpoint, body: dict[str, Any], secret: Secret | None = KEY) -> dict[str, Any]:
    """The answer to one row."""
    translated = target(endpoint).encode(CHAT, json.dumps(body).encode())
    auth = (endpoint.auth.header, endpoint.auth.scheme) if endpoint.auth else None
    headers = {"content-type": "application/json", **endpoint.headers}
    async with (
        http.open_client() as client,
        client.send("POST", endpoint.url, headers=headers, body=translated, auth=auth, secret=secret) as response,
    ):
        received = await response.read(1 << 20)
    assert response.status == 200, received
    kept, text, tokens = target(endpoint).decode(CHAT, received)
    answer: dict[str, Any] = json.loads(kept)
    assert answer["choices"][0]["message"]["content"] == (text or None)
    assert answer["usage"]["completion_tokens"] == tokens[2]
    return answer


@pytest.mark.parametrize(
    ("protocol", "path", "more"),
    [("openai", "/v1", {}), ("openai", "/v1", {"endpoint": "responses"}), ("anthropic", "", {})],
)
async def test_llama_answers(llama_server: Llama, protocol: str, path: str, more: dict[str, Any]) -> None:
    """Every message is read: of two requests that differ in one, the longer has more tokens."""
    endpoint = unknown(protocol, llama_server.url + path, **more)
    messages = FULL["messages"]
    assert isinstance(messages, list)
    told = [{"role": "user", "content": "xyz"}, {"role": "assistant", "content": "no"}, messages[-1]]
    counted = []
    for said in (told, [messages[0], *told]):
        answer = await asked(endpoint, {"messages": said, "temperature": 0, "max_tokens": 40}, Secret(llama_server.key))
        choice = answer["choices"][0]
        assert (choice["message"]["content"], choice["finish_reason"]) == (llama_server.answer, "stop")
        counted.append(answer["usage"]["prompt_tokens"])
    assert counted[1] - counted[0] == len("Be brief.") + 2


MODELS = {
    "gpt-5.4": "/v1",
    "gpt-5.4-pro": "/v1",
    "claude-haiku-4-5": "/anthropic",
    "gemini-3.5-flash": "/gemini/v1beta",
}


@pytest.mark.parametrize("model", MODELS)
async def test_providers_take_all_that_can_be_asked(llmock_server: Llmock, model: str) -> None:
    """The server checks requests as the provider's own description of its API has them."""
    endpoint = curated(model, llmock_server.url + MODELS[model])
    llmock_server.will(Reply("It rains."), Reply(tool_calls=(CalledTool("get_weather", {"city": "Paris"}),)))
    answer = await asked(endpoint, FULL)
    assert answer["choices"][0]["message"]["content"] == "It rains."
    answer = await asked(endpoint, {**FULL, "parallel_tool_calls": None, "tool_choice": "required"})
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("get_weather", {"city": "Paris"})
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    sent = json.dumps([one.body for one in llmock_server.requests()])
    assert all(said in sent for said in ("hi", "I look.", "rain", "go on", "Be brief.", "iVBORw0KGgo", "call_1"))


async def test_ollama_takes_all_that_can_be_asked(ollama_server: OllamaApi) -> None:
    endpoint = curated("llama3.1:8b", ollama_server.url)
    answer = await asked(endpoint, FULL, None)
    assert answer["choices"][0]["message"]["content"] == ANSWER
    (taken,) = ollama_server.requests()
    assert [one["role"] for one in taken["messages"]] == ["system", "user", "assistant", "tool", "user"]
    assert taken["stream"] is False
    assert taken["tools"]
    answer = await asked(endpoint, {"messages": [{"role": "user", "content": "the weather"}]}, None)
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == (
        TOOL["name"],
        json.loads(TOOL["arguments"]),
    )


def test_what_cannot_be_said_is_named() -> None:
    """For each field that some protocol has no words for: who refuses it, and where."""
    with pytest.raises(ValueError, match="logprobs") as refused:
        target(ENDPOINTS["gemini"]).encode(CHAT, json.dumps({**FULL, "logprobs": True}).encode())
    assert refused.value.args[0] == "logprobs"
