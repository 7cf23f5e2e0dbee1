"""The real llama.cpp server, by each of the three protocols that it speaks, over good networks and bad ones."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from kandil import http
from kandil.errors import (
    BodyCut,
    ConnectionLost,
    ContextExceeded,
    IdleTimeout,
    KandilError,
    KeyRejected,
    RequestInvalid,
)
from kandil.providers import Endpoint, Image, Message, Request
from kandil.secret import Secret
from tests.providers.asking import Answer, ask, listed, request, unknown
from tests.support.servers.flaky import Fault, network
from tests.support.servers.llama import Llama

PROTOCOLS = {
    "chat": ("openai", "/v1", {}),
    "responses": ("openai", "/v1", {"endpoint": "responses"}),
    "messages": ("anthropic", "", {}),
}
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": ["green"]}},
    "required": ["colour"],
    "additionalProperties": False,
}
PICTURE = Image(b"\x89PNG\r\n\x1a\n", "image/png")


@pytest.fixture(params=list(PROTOCOLS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def at(url: str, kind: str) -> Endpoint:
    protocol, path, fields = PROTOCOLS[kind]
    return unknown(protocol, url + path, **fields)


@pytest.fixture
def endpoint(llama_server: Llama, kind: str) -> Endpoint:
    return at(llama_server.url, kind)


@pytest.fixture
def secret(llama_server: Llama) -> Secret:
    return Secret(llama_server.key)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer(endpoint: Endpoint, secret: Secret, llama_server: Llama, *, stream: bool) -> None:
    answer = await ask(endpoint, request("xyz", stream=stream), secret)
    assert answer.text == llama_server.answer
    assert answer.stop is not None
    assert answer.stop.reason == "end"
    assert answer.usage is not None
    assert answer.usage.output_tokens == len(llama_server.answer.split()) + 1
    assert answer.usage.input_tokens is not None


async def test_all_that_was_said_is_read(endpoint: Endpoint, secret: Secret) -> None:
    """In this model's vocabulary a letter is a token, and so is each end of a message."""

    async def tokens(asked: Request) -> int:
        answer = await ask(endpoint, asked, secret)
        assert answer.usage is not None
        assert answer.usage.input_tokens is not None
        return answer.usage.input_tokens

    one = await tokens(request("xyz"))
    assert await tokens(request("xyzxyz")) == one + 3
    assert await tokens(request("xyz", system="abcd")) == one + 4 + 2
    assert await tokens(request("xyz", "uvw", "xyz")) == one + 2 * (3 + 2)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_is_cut_short(endpoint: Endpoint, secret: Secret, kind: str, *, stream: bool) -> None:
    answer = await ask(endpoint, request("xyz", max_tokens=2, stream=stream), secret)
    assert answer.text == "Hello from"
    assert answer.stop is not None
    assert answer.stop.reason == "length" or kind == "responses"  # there, it says that this was all


async def test_json_of_a_schema(llama_server: Llama, secret: Secret) -> None:
    """By one protocol alone: in the others llama.cpp takes no notice of a schema."""
    answer = await ask(at(llama_server.url, "chat"), request("xyz", json_schema=SCHEMA, max_tokens=200), secret)
    assert json.loads(answer.text) == {"colour": "green"}


async def test_its_models(endpoint: Endpoint, secret: Secret) -> None:
    assert await listed(endpoint, secret) == ("answering",)


@pytest.mark.parametrize("key", [Secret("sk-another"), None])
async def test_another_key(endpoint: Endpoint, key: Secret | None) -> None:
    for refused in (ask(endpoint, request("xyz"), key), listed(endpoint, key)):
        with pytest.raises(KeyRejected):
            await refused


async def test_more_than_fits(endpoint: Endpoint, secret: Secret) -> None:
    with pytest.raises(ContextExceeded) as refused:
        await ask(endpoint, request("x" * 5000), secret)
    assert refused.value.needed_tokens is not None
    assert refused.value.needed_tokens > 5000
    assert refused.value.available_tokens is not None
    assert refused.value.available_tokens < 5000


async def test_a_picture_that_it_cannot_see(endpoint: Endpoint, secret: Secret) -> None:
    seen = Request(messages=(Message("user", "what is it?", (PICTURE,)),))
    with pytest.raises(RequestInvalid, match="image"):
        await ask(endpoint, seen, secret)


async def test_an_address_of_another_kind(llama_server: Llama, secret: Secret) -> None:
    """As where a base URL has lost its ``/v1``."""
    with pytest.raises(KandilError) as refused:
        await ask(replace(at(llama_server.url, "chat"), url=f"{llama_server.url}/nothing"), request("xyz"), secret)
    assert refused.value.exit_code == 6


async def carried(llama_server: Llama, kind: str, fault: Fault, **more: Any) -> tuple[Answer, KandilError | None, int]:
    """What came, what failed, and how many bytes came down."""
    answer = Answer()
    async with network(llama_server.url, fault) as way:
        try:
            await ask(at(way.url, kind), request("xyz"), Secret(llama_server.key), answer=answer, **more)
        except KandilError as error:
            return answer, error, way.carried_bytes
        return answer, None, way.carried_bytes


async def test_a_cut_anywhere_is_told_and_nothing_that_came_is_lost(llama_server: Llama, kind: str) -> None:
    whole, _, length = await carried(llama_server, kind, Fault())
    assert whole.text == llama_server.answer
    came = 0
    for ends_at in range(0, length - 5, length // 40):
        answer, error, _ = await carried(llama_server, kind, Fault(ends_at=ends_at))
        assert llama_server.answer.startswith(answer.text)
        if error is None:  # the provider had said that it was all
            assert answer.text == llama_server.answer
            assert ends_at > length * 0.8
        else:
            assert isinstance(error, (ConnectionLost, BodyCut))
        assert len(answer.text) >= came
        came = len(answer.text)
    assert came == len(llama_server.answer)


async def test_silence_in_the_middle(llama_server: Llama, kind: str) -> None:
    patience = http.Timeouts(idle_seconds=1)
    fault = Fault(ends_at=1200, how="stall")
    answer, error, _ = await carried(llama_server, kind, fault, timeouts=patience)
    assert isinstance(error, IdleTimeout)
    assert answer.events


async def test_one_wrong_bit_anywhere_is_survived(llama_server: Llama, kind: str) -> None:
    """Most are errors; one in a letter of the answer nobody can notice."""
    _, _, length = await carried(llama_server, kind, Fault())
    patience = http.Timeouts(first_byte_seconds=1, idle_seconds=1)
    failed = 0
    for flip_at in range(0, length, length // 60):
        answer, error, _ = await carried(llama_server, kind, Fault(flip_at=flip_at), timeouts=patience)
        failed += error is not None
        assert error is None or error.exit_code in (5, 6)
        assert error is not None or answer.stop is not None
    assert failed
