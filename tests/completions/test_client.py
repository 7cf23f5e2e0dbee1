"""How long a call waits for whom."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from kandil import config, providers
from kandil.completions import Target, open_client
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

    async with raw.serving(late) as server:
        url = f"{server.url}v1"
        profile = Profile(
            id="m", name="m", source="user", provider="mine", protocol="openai", api_model="m", base_url=url
        )  # fmt: skip
        target = Target(model="m", endpoint=providers.endpoint(profile, None), secret=Secret("its-own"))
        request = Request(messages=(Message("user", "6 * 7?"),))
        async with open_client(config.load().limits, notice=print) as client, client.answer(target, request) as answer:
            assert [event.text async for event in answer if isinstance(event, Text)] == ["42"]
    assert trio.current_time() > 2999
