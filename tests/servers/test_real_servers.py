"""The servers that other tests ask are what those tests take them for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from llmock.scenarios import Fail, StreamFault

from tests.support.servers.flaky import Fault, network
from tests.support.servers.llama import Llama
from tests.support.servers.llmock import Llmock
from tests.support.servers.ollama_api import ANSWER, OllamaApi
from tests.support.servers.raw import reply, serving

HELLO: dict[str, Any] = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False) as client:
        yield client


def test_llama_answers_by_three_protocols(llama_server: Llama, client: httpx2.Client) -> None:
    client.headers = httpx2.Headers({"authorization": f"Bearer {llama_server.key}"})
    chat = client.post(f"{llama_server.url}/v1/chat/completions", json=HELLO).json()
    assert chat["choices"][0]["message"]["content"] == llama_server.answer
    messages = client.post(f"{llama_server.url}/v1/messages", json=HELLO).json()
    assert messages["content"][-1]["text"] == llama_server.answer
    responses = client.post(f"{llama_server.url}/v1/responses", json={"model": "m", "input": "hello"}).json()
    assert responses["output"][-1]["content"][0]["text"] == llama_server.answer


def test_llama_wants_its_key(llama_server: Llama, client: httpx2.Client) -> None:
    refused = client.get(f"{llama_server.url}/v1/models", headers={"authorization": "Bearer another"})
    assert refused.status_code == 401


def test_llmock_fails_as_told_and_counts(llmock_server: Llmock, client: httpx2.Client) -> None:
    llmock_server.will(Fail(429, retry_after=7), StreamFault("truncate"))
    refused = client.post(f"{llmock_server.url}/v1/chat/completions", json=HELLO)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert llmock_server.pending() == 1
    with client.stream("POST", f"{llmock_server.url}/v1/chat/completions", json=HELLO | {"stream": True}) as cut:
        assert b"[DONE]" not in cut.read()
    assert [(one.status, one.completed) for one in llmock_server.requests()] == [(429, True), (200, False)]
    assert "truncated_stream_accepted" in llmock_server.blames()
    llmock_server.reset()
    assert (llmock_server.requests(), llmock_server.pending(), llmock_server.blames()) == ([], 0, {})


def test_ollama_streams_lines(ollama_server: OllamaApi, client: httpx2.Client) -> None:
    streamed = client.post(f"{ollama_server.url}/api/chat", json=HELLO)
    lines = [json.loads(line) for line in streamed.text.splitlines()]
    assert "".join(line["message"]["content"] for line in lines) == ANSWER
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert len(lines) > 2
    assert [one["messages"] for one in ollama_server.requests()] == [HELLO["messages"]]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(refuse=True), httpx2.TransportError),
        (Fault(ends_at=0), httpx2.RemoteProtocolError),
        (Fault(ends_at=60), httpx2.RemoteProtocolError),
        (Fault(ends_at=60, how="reset"), httpx2.ReadError),
        (Fault(ends_at=60, how="stall"), httpx2.ReadTimeout),
        (Fault(delay_seconds=5), httpx2.ReadTimeout),
        (Fault(bytes_per_second=100), None),
        (Fault(), None),
    ],
    ids=str,
)
async def test_a_fault_is_one_connections(fault: Fault, error: type[Exception] | None) -> None:
    body = b"0123456789" * 3
    answer = reply(body, head=b"connection: close\r\n")
    patience = httpx2.Timeout(60, read=0.5 if error is httpx2.ReadTimeout else 60)
    async with (
        serving(answer, close=True) as server,
        network(server.url, fault) as way,
        httpx2.AsyncClient(trust_env=False) as client,
    ):
        if error:
            with pytest.raises(error):
                await client.get(way.url, timeout=patience)
        else:
            assert (await client.get(way.url)).content == body
        assert (await client.get(way.url)).content == body
        assert way.connections == 2


async def test_one_bit_is_another() -> None:
    answer = reply(b"hello")
    async with (
        serving(answer) as server,
        network(server.url, Fault(flip_at=len(answer) - 5)) as way,
        httpx2.AsyncClient(trust_env=False) as client,
    ):
        assert (await client.get(way.url)).content == b"iello"
