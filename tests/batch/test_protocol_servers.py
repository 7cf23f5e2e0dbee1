"""Bodies of batches, answered by real servers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from llmock.scenarios import Reply, ToolCall

from kandil import http
from kandil.secret import Secret
from tests.batch.targets import CHAT, target
from tests.providers.asking import curated, unknown
from tests.support.servers.llama import Llama
from tests.support.servers.llmock import Llmock
from tests.support.servers.ollama_api import ANSWER, TOOL, OllamaApi

if TYPE_CHECKING:
    from kandil.providers import Endpoint

KEY = Secret("sk-" + "a1B2" * 12)
PIXEL = "data:image/png;base64,iVBORw0KGgo="
CALLED = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
FULL = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": PIXEL}}],
        },
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
    llmock_server.will(Reply("It rains."), Reply(tool_calls=(ToolCall("get_weather", {"city": "Paris"}),)))
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
