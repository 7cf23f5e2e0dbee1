"""How long a call waits for whom."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from kandil import config, providers
from kandil.completions import Client, Target, open_client
from kandil.profiles import Profile
from kandil.providers import Message, Request, Text
from kandil.secret import Secret
from tests.support.servers import raw

ANSWER = raw.reply(b'{"choices":[{"message":{"content":"42"},"finish_reason":"stop"}]}')


async def test_a_server_on_this_machine_may_take_long_to_begin(autojump_clock: MockClock) -> None:
    """It reads a long prompt without a GPU, and says nothing until it has."""

    async def late(stream: trio.abc.Stream, _asked: bytes) -> None:
        await trio.sleep(3000)
        await stream.send_all(ANSWER)

    async with raw.serving(late) as server, open_client(config.load().limits, notice=print) as client:
        assert await answered(client, target_of(server)) == ["42"]
    assert trio.current_time() > 2999


async def test_a_connection_that_was_closed_while_it_was_kept_is_no_failure() -> None:
    """One that is closed in the midst of a request is, if it is new."""
    asked, new = 0, True

    async def closing(stream: trio.abc.Stream, _asked: bytes) -> bool:
        nonlocal asked
        asked += 1
        if asked % 2 == new:
            await stream.send_all(ANSWER)
            return False
        return True

    async with raw.serving(closing) as server:
        notices: list[str] = []
        async with open_client(config.load().limits, notice=notices.append) as client:
            for _ in range(3):
                assert await answered(client, target_of(server)) == ["42"]
        assert (notices, server.connections) == ([], 3)
        asked, new = 0, False
        async with open_client(config.load().limits, notice=notices.append) as client:
            assert await answered(client, target_of(server)) == ["42"]
        assert notices == ["127.0.0.1: the connection was closed before a reply; trying again (2 of 4)"]


async def answered(client: Client, target: Target) -> list[str]:
    request = Request(messages=(Message("user", "6 * 7?"),))
    async with client.answer(target, request) as answer:
        return [event.text async for event in answer if isinstance(event, Text)]


def target_of(server: raw.Server) -> Target:
    profile = Profile(
        id="m", name="m", source="user", provider="mine", protocol="openai", api_model="m", base_url=f"{server.url}v1"
    )  # fmt: skip
    return Target(model="m", endpoint=providers.endpoint(profile, None), secret=Secret("its-own"))
