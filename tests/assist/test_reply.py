"""The library: `kandil.ask` and `kandil.stream`, of a file that real llama.cpp runs, and of servers."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

import kandil
from kandil import assist, registry
from kandil.errors import (
    AttachmentUnusable,
    ModelCannot,
    NameUnknown,
    NoModelConfigured,
    ReplyNotOfSchema,
    SecretInPrompt,
)
from kandil.profiles import Profile
from kandil.providers import Message, Stop, Text, Usage
from kandil.registry import Record
from tests.support import answering
from tests.support.runtimes import xllamacpp
from tests.support.servers import raw

KEY = "sk-proj-" + "a1B2" * 12


@pytest.fixture
def model(tmp_path: Path) -> Path:
    xllamacpp()
    path = tmp_path / "tiny.gguf"
    path.write_bytes(answering.model())
    return path


async def test_a_whole_reply(model: Path) -> None:
    reply = await kandil.ask("hello", model=model)
    assert (reply.text, reply.model, reply.provider, reply.reasoning) == (answering.ANSWER, "tiny", "local", "")
    assert reply.usage is not None
    assert (reply.usage.output_tokens, reply.cost_usd, reply.tool_calls) == (7, None, ())
    assert reply.first_token_seconds is not None
    assert 0 < reply.first_token_seconds <= reply.total_seconds


async def test_events_as_they_come_and_what_came_so_far(model: Path) -> None:
    said, so_far = [], []
    async with kandil.stream("hello", model=str(model)) as answer:
        async for event in answer:
            said.append(event)
            so_far.append(answer.text)
    assert "".join(event.text for event in said if isinstance(event, Text)) == answering.ANSWER
    assert so_far[0] == "Hello"
    assert {type(event) for event in said} == {Text, Usage, Stop}


async def test_leaving_early_ends_the_server(tmp_path: Path) -> None:
    xllamacpp()
    (tmp_path / "endless.gguf").write_bytes(answering.model(endless=True, context=1 << 20))
    with trio.fail_after(30):
        async with kandil.stream("go", model=tmp_path / "endless.gguf", context_tokens=100_000) as answer:
            async for _ in answer:
                if len(answer.text) > 100:
                    break
    seconds = answer.total_seconds
    await trio.lowlevel.checkpoint()
    assert answer.total_seconds == seconds, "its clock has stopped"


async def test_a_conversation_has_turns(model: Path) -> None:
    turns = [Message("user", "hello"), Message("assistant", "hi"), Message("user", "and?")]
    many, one = await kandil.ask(turns, model=model), await kandil.ask("and?", model=model)
    assert many.usage is not None
    assert one.usage is not None
    assert (many.usage.input_tokens or 0) > (one.usage.input_tokens or 0)
    with pytest.raises(ValueError, match="the user's"):
        await kandil.ask(turns[:2], model=model)


async def test_errors_are_kandil_s(tmp_path: Path) -> None:
    with pytest.raises(NameUnknown):
        await kandil.ask("hi", model="nobody-calls-it-so-7b")
    with pytest.raises(NoModelConfigured):
        await kandil.ask("hi")
    with pytest.raises(ModelCannot, match="made for embedding"):
        await kandil.ask("hi", model="nomic-embed-text")


def described(url: str) -> Profile:
    fields = {
        "provider": "mine",
        "protocol": "openai",
        "base_url": url,
        "api_model": "m",
        "price": {"input": 1.0, "output": 2.0},
    }
    registry.add(Record(name="mine", source="manual", profile=fields))
    profile = registry.existing("mine").described()
    assert profile is not None
    return profile


ANSWERED = (
    b'{"choices":[{"message":{"content":"42"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1000,"completion_tokens":500}}'
)


async def test_what_is_sent_to_a_server_of_one_s_own() -> None:
    async with raw.serving(raw.reply(ANSWERED, b"content-type: application/json\r\n")) as server:
        profile = described(server.url + "v1")
        reply = await kandil.ask("6 * 7?", model=profile, system="be brief", max_tokens=10, temperature=0.5)
    assert (reply.text, reply.cost_usd) == ("42", 0.002)
    [asked] = server.requests
    assert asked.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert b"authorization" not in asked.lower(), "there is no key for it"
    assert b'"content":"be brief"' in asked
    assert b'"temperature":0.5' in asked


async def test_what_is_asked_for_as_json_is_checked() -> None:
    async with raw.serving(raw.reply(ANSWERED)) as server:
        profile = described(server.url + "v1")
        assert (await kandil.ask("6 * 7?", model=profile, json_schema={"type": "integer"})).text == "42"
        with pytest.raises(ReplyNotOfSchema) as caught:
            await kandil.ask("6 * 7?", model=profile, json_schema={"type": "string"})
        with pytest.raises(AttachmentUnusable, match="no JSON Schema"):
            await kandil.ask("6 * 7?", model=profile, json_schema={"type": "nonsense"})
    assert (caught.value.path, caught.value.text) == ("", "42")
    assert len(server.requests) == 2, "and what is no schema is not sent"


async def test_a_wait_for_other_calls_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANDIL_LIMITS_MAX_CONCURRENT_REQUESTS", "1")
    asked, told = trio.Event(), trio.Event()

    async def held(stream: trio.abc.Stream, _asked: bytes) -> None:
        asked.set()
        await told.wait()
        await stream.send_all(raw.reply(ANSWERED))

    def notice(text: str) -> None:
        assert text == "waiting for calls to mine to end: limits.max_concurrent_requests is 1"
        told.set()

    async def ask() -> None:
        async with assist.answering(assist.Question(text="6 * 7?", model=profile), notice=notice) as answer:
            assert [event.text async for event in answer if isinstance(event, Text)] == ["42"]

    async with raw.serving(held) as server:
        profile = described(server.url + "v1")
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                await asked.wait()
                nursery.start_soon(ask)
    assert len(server.requests) == 2


async def test_keys_are_sent_to_others_only_if_one_insists() -> None:
    profile = Profile(
        id="far", name="far", source="user", provider="far", protocol="openai", api_model="m", base_url="https://a.example/v1"
    )  # fmt: skip
    with pytest.raises(SecretInPrompt) as caught:
        await kandil.ask(f"what is\n{KEY}", model=profile)
    assert caught.value.places == (("the prompt", 2),)
    assert KEY not in str(caught.value)
