"""Each wait has its own end and its own error. On a clock that jumps: nothing here waits."""

# ruff: noqa: PT012, SIM117 (a reply is read within its request, and errors come of either)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from kandil import http
from kandil.errors import BodyBroken, FirstByteTimeout, IdleTimeout, SendTimeout, TotalTimeout
from tests.support.servers.raw import OK, listening, serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LIMITS = http.Timeouts(first_byte_seconds=20, idle_seconds=5)


def _dripping(start: bytes, part: bytes, every_seconds: float) -> Callable[[trio.abc.Stream, bytes], Awaitable[None]]:
    async def answer(stream: trio.abc.Stream, _: bytes) -> None:
        await stream.send_all(start)
        while True:
            await trio.sleep(every_seconds)
            await stream.send_all(part)

    return answer


@pytest.mark.parametrize(
    ("start", "part"), [(b"", b""), (OK + b"x: y", b""), (OK + b"x: ", b"y"), (b"", b"HTTP/1.1 102 Still\r\n\r\n")]
)
async def test_no_whole_head_however_it_drips(
    start: bytes, part: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    async with serving(_dripping(start, part, 1)) as server, http.open_client(LIMITS) as client:
        before = trio.current_time()
        with pytest.raises(FirstByteTimeout) as late:
            async with client.send("POST", server.url, body=b"{}"):
                pass
        assert trio.current_time() - before == pytest.approx(20)
    assert (late.value.wait_seconds, late.value.exit_code) == (20, 6)
    assert "loading the model" in str(late.value.hint)


async def test_a_body_that_stalls_keeps_what_came(autojump_clock: trio.testing.MockClock) -> None:
    came = b""
    async with serving(_dripping(OK + b"content-length: 9\r\n\r\nbegun", b"", 60)) as server:
        async with http.open_client(LIMITS) as client:
            before = trio.current_time()
            with pytest.raises(IdleTimeout) as late:
                async with client.send("GET", server.url) as response:
                    async for chunk in response.chunks():
                        came += chunk
            assert trio.current_time() - before == pytest.approx(5)
    assert came == b"begun"
    assert (late.value.received_bytes, late.value.expected_bytes, late.value.wait_seconds) == (5, 9, 5)


async def test_a_body_that_drips_goes_on_for_as_long_as_it_does(autojump_clock: trio.testing.MockClock) -> None:
    async def answer(stream: trio.abc.Stream, _: bytes) -> None:
        await stream.send_all(OK + b"content-length: 100\r\n\r\n")
        for _each in range(100):
            await trio.sleep(4)
            await stream.send_all(b"x")

    async with serving(answer) as server, http.open_client(LIMITS) as client:
        async with client.send("GET", server.url) as response:
            assert await response.read(100) == b"x" * 100


@pytest.mark.parametrize("start", [b"", OK + b"\r\n"])
async def test_all_of_it_has_an_end(start: bytes, autojump_clock: trio.testing.MockClock) -> None:
    limits = http.Timeouts(total_seconds=30)
    async with serving(_dripping(start, start and b"x", 1)) as server, http.open_client(limits) as client:
        before = trio.current_time()
        with pytest.raises(TotalTimeout) as late:
            async with client.send("GET", server.url) as response:
                await response.read(1000)
        assert trio.current_time() - before == pytest.approx(30)
    assert late.value.wait_seconds == 30
    assert isinstance(late.value, BodyBroken)


async def test_redirects_do_not_extend_it(autojump_clock: trio.testing.MockClock) -> None:
    async def answer(stream: trio.abc.Stream, _: bytes) -> None:
        await trio.sleep(8)
        await stream.send_all(b"HTTP/1.1 302 x\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")

    async with serving(answer) as server, http.open_client(http.Timeouts(total_seconds=30)) as client:
        before = trio.current_time()
        with pytest.raises(TotalTimeout):
            async with client.send("GET", server.url):
                pass
        assert trio.current_time() - before == pytest.approx(30)


async def test_a_server_that_takes_no_more(autojump_clock: trio.testing.MockClock) -> None:
    async def deaf(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with listening(deaf) as port, http.open_client(LIMITS) as client:
        before = trio.current_time()
        with pytest.raises(SendTimeout):
            async with client.send("POST", f"http://127.0.0.1:{port}/", body=bytes(64 << 20)):
                pass
        assert trio.current_time() - before == pytest.approx(5)


async def test_a_requests_own_timeouts(autojump_clock: trio.testing.MockClock) -> None:
    async with serving(_dripping(b"", b"", 60)) as server, http.open_client() as client:
        before = trio.current_time()
        with pytest.raises(FirstByteTimeout):
            async with client.send("GET", server.url, timeouts=LIMITS):
                pass
        assert trio.current_time() - before == pytest.approx(20)


async def test_after_a_timeout_the_next_request_has_a_new_connection(autojump_clock: trio.testing.MockClock) -> None:
    async def answer(stream: trio.abc.Stream, asked: bytes) -> None:
        if b" /slow " in asked:
            await trio.sleep_forever()
        await stream.send_all(OK + b"content-length: 2\r\n\r\nok")

    async with serving(answer) as server, http.open_client(LIMITS) as client:
        with pytest.raises(FirstByteTimeout):
            async with client.send("GET", f"{server.url}slow"):
                pass
        async with client.send("GET", server.url) as response:
            assert await response.read(10) == b"ok"
        assert server.connections == 2
