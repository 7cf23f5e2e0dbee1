"""Servers that answer, refuse and break off as providers do: llmock's for most of them, aimock's for Ollama."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llmock.scenarios import Fail, Reply, StreamFault, ToolCall

from kandil import http
from kandil.errors import (
    BodyBroken,
    BodyCut,
    ContextExceeded,
    IdleTimeout,
    KandilError,
    KeyRejected,
    PermissionDenied,
    ProviderFailed,
    ProviderOverloaded,
    ProviderRefused,
    QuotaExhausted,
    RateLimited,
    ReplyUnreadable,
    RequestInvalid,
    StreamBroken,
)
from kandil.providers import Endpoint, Image, Message, Request
from kandil.secret import Secret
from tests.providers.asking import Answer, ask, curated, listed, request
from tests.support.servers.llmock import Llmock
from tests.support.servers.ollama_api import ANSWER, TOOL, OllamaApi

KEY = Secret("sk-" + "a1B2" * 12)
SAID = "It is what it is, and in more pieces than one."
PICTURE = Image(b"\x89PNG\r\n\x1a\n", "image/png")
RESPONSES = "gpt-5.4-pro"
"""Which answers by that API."""
MODELS = {
    "gpt-5.4": "/v1",
    RESPONSES: "/v1",
    "claude-haiku-4-5": "/anthropic",
    "gemini-3.5-flash": "/gemini/v1beta",
    "codestral-2508": "/mistral/v1",
    "groq/gpt-oss-120b": "/groq/openai/v1",
    "together/gpt-oss-120b": "/together/v1",
    "grok-4.5": "/xai/v1",
}
PROTOCOLS = list(MODELS)[:4]


@pytest.fixture(params=list(MODELS))
def endpoint(request: pytest.FixtureRequest, llmock_server: Llmock) -> Endpoint:
    return curated(request.param, llmock_server.url + MODELS[request.param])


@pytest.fixture(params=PROTOCOLS)
def each_protocol(request: pytest.FixtureRequest, llmock_server: Llmock) -> Endpoint:
    return curated(request.param, llmock_server.url + MODELS[request.param])


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer(endpoint: Endpoint, llmock_server: Llmock, *, stream: bool) -> None:
    llmock_server.will(Reply(SAID))
    answer = await ask(endpoint, request("hi", stream=stream), KEY)
    assert answer.text == SAID
    assert answer.stop is not None
    assert answer.stop.reason == "end"
    assert answer.usage is not None or (stream and endpoint.provider == "mistral")  # it has no stream_options
    assert answer.usage is None or answer.usage.output_tokens
    assert llmock_server.blames() == {}


async def test_all_that_can_be_asked_is_taken(endpoint: Endpoint, llmock_server: Llmock) -> None:
    """The server checks requests as the provider's own description of its API has them."""
    messages = (Message("user", "hi", (PICTURE,)), Message("assistant", "Hello."), Message("user", "go on"))
    asked = Request(messages=messages, system="Be brief.", max_tokens=50, temperature=0.5, top_p=0.9)
    assert (await ask(endpoint, asked, KEY)).text
    sent = json.dumps([one.body for one in llmock_server.requests()])
    assert all(text in sent for text in ("hi", "Hello.", "go on", "Be brief.", "iVBORw0KGgo="))
    assert "sk-" not in sent


async def test_its_models(endpoint: Endpoint) -> None:
    names = await listed(endpoint, KEY)
    assert names
    assert not any("/" in name and name.startswith("models/") for name in names)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_tool_that_nobody_offered(each_protocol: Endpoint, llmock_server: Llmock, *, stream: bool) -> None:
    llmock_server.will(Reply(tool_calls=(ToolCall("get_weather", {"city": "Paris"}),)))
    answer = await ask(each_protocol, request("hi", stream=stream), KEY)
    assert [(call.name, json.loads(call.arguments)) for call in answer.tool_calls] == [
        ("get_weather", {"city": "Paris"})
    ]
    assert answer.stop is not None
    assert answer.stop.reason == "tool"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("model", "word", "reasons"),
    [
        *((model, "length", {"length"}) for model in PROTOCOLS),
        # llmock's Responses API says that it is complete
        *((model, "content_filter", {"filter", "refusal"}) for model in PROTOCOLS if model != RESPONSES),
    ],
)
async def test_why_it_ended(llmock_server: Llmock, model: str, word: str, reasons: set[str], *, stream: bool) -> None:
    llmock_server.will(Reply(SAID, finish_reason=word))
    answer = await ask(curated(model, llmock_server.url + MODELS[model]), request("hi", stream=stream), KEY)
    assert answer.text == SAID
    assert answer.stop is not None
    assert answer.stop.reason in reasons


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RequestInvalid),
        (401, KeyRejected),
        (402, QuotaExhausted),
        (403, PermissionDenied),
        (404, KandilError),
        (408, ProviderFailed),
        (413, ContextExceeded),
        (422, RequestInvalid),
        (429, RateLimited),
        (500, ProviderFailed),
        (502, (ProviderFailed, ProviderOverloaded)),
        (503, ProviderOverloaded),
        (504, ProviderFailed),
        (529, ProviderOverloaded),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal(
    endpoint: Endpoint,
    llmock_server: Llmock,
    status: int,
    error: type[KandilError] | tuple[type[KandilError], ...],
    *,
    stream: bool,
) -> None:
    llmock_server.will(Fail(status))
    with pytest.raises(error) as refused:
        await ask(endpoint, request("hi", stream=stream), KEY)
    assert refused.value.exit_code == 5 if status in (401, 403) else refused.value.exit_code != 5
    if isinstance(refused.value, ProviderRefused):
        assert refused.value.status == status


@pytest.mark.parametrize("wait_seconds", [0.25, 7, 3600])
@pytest.mark.parametrize("status", [429, 503])
async def test_how_long_to_wait(endpoint: Endpoint, llmock_server: Llmock, status: int, wait_seconds: float) -> None:
    llmock_server.will(Fail(status, retry_after=wait_seconds))
    with pytest.raises((RateLimited, ProviderOverloaded)) as refused:
        await ask(endpoint, request("hi"), KEY)
    assert refused.value.retry_after_seconds == wait_seconds


async def broken(endpoint: Endpoint, **more: Any) -> tuple[Answer, KandilError]:
    answer = Answer()
    with pytest.raises(KandilError) as failed:
        await ask(endpoint, request("hi"), KEY, answer=answer, **more)
    return answer, failed.value


def began(answer: Answer) -> bool:
    return SAID.startswith(answer.text) and 0 < len(answer.text) < len(SAID)


@pytest.mark.parametrize("after_chunks", range(1, 7))
@pytest.mark.parametrize(
    ("kind", "error"),
    [("disconnect", BodyCut), ("truncate", StreamBroken), ("malformed", ReplyUnreadable)],
)
async def test_a_stream_that_breaks_keeps_what_came(
    endpoint: Endpoint, llmock_server: Llmock, kind: Any, error: type[KandilError], after_chunks: int
) -> None:
    llmock_server.will(Reply(SAID), StreamFault(kind, after_chunks=after_chunks))
    answer, failed = await broken(endpoint)
    assert isinstance(failed, error)
    assert failed.exit_code == 6
    assert answer.stop is None
    assert began(answer) or (after_chunks < 5 and not answer.text)


async def test_a_stream_that_stalls(each_protocol: Endpoint, llmock_server: Llmock) -> None:
    llmock_server.will(Reply(SAID), StreamFault("stall", after_chunks=5, stall_seconds=60))
    answer, failed = await broken(each_protocol, timeouts=http.Timeouts(idle_seconds=1))
    assert isinstance(failed, IdleTimeout)
    assert isinstance(failed, BodyBroken)
    assert began(answer)


@pytest.mark.parametrize("stream", [True, False])
async def test_ollama_answers(ollama_server: OllamaApi, *, stream: bool) -> None:
    asked = request("hi", "Hello.", "go on", system="Be brief.", max_tokens=9, temperature=0.5, stream=stream)
    answer = await ask(curated("llama3.1:8b", ollama_server.url), asked)
    assert answer.text == ANSWER
    assert answer.stop is not None
    assert answer.stop.reason == "end"
    assert answer.usage is not None
    (taken,) = ollama_server.requests()
    assert [one["role"] for one in taken["messages"]] == ["system", "user", "assistant", "user"]
    assert (taken["max_tokens"], taken["temperature"], taken["stream"]) == (9, 0.5, stream)


@pytest.mark.parametrize("stream", [True, False])
async def test_ollama_calls_tools(ollama_server: OllamaApi, *, stream: bool) -> None:
    answer = await ask(curated("llama3.1:8b", ollama_server.url), request("the weather", stream=stream))
    (call,) = answer.tool_calls
    assert (call.name, json.loads(call.arguments)) == (TOOL["name"], json.loads(TOOL["arguments"]))
    assert answer.stop is not None
    assert answer.stop.reason == "tool"


async def test_ollama_fails(ollama_server: OllamaApi) -> None:
    with pytest.raises(ProviderFailed, match="no memory left"):
        await ask(curated("llama3.1:8b", ollama_server.url), request("fail"))


async def test_ollamas_models(ollama_server: OllamaApi) -> None:
    assert await listed(curated("llama3.1:8b", ollama_server.url))
