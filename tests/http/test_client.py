"""Requests to real sockets: what is sent, what comes back, and which connection serves whom."""

# ruff: noqa: PT012, SIM117 (a reply is read within its request, and errors come of either)

from __future__ import annotations

import subprocess
import sys

import pytest
import trio
import trio.testing

import kandil
from kandil import http
from kandil.errors import ConnectionRefused, NetworkError, NotConnected, ReplyTooLarge
from tests.support.servers.raw import OK, listening, reply, serving


async def test_a_request_and_its_reply() -> None:
    async with serving(reply(b'{"a": 1}', b"X-One: 1\r\nx-one: 2\r\n")) as server, http.open_client() as client:
        url = f"{server.url}v1/chat?x=y"
        async with client.send("POST", url, headers={"X-Mine": "1"}, body=b"{}") as response:
            assert response.status == 200
            assert response.url == url
            assert response.headers["x-one"] == "1, 2"
            assert await response.read(100) == b'{"a": 1}'
            assert response.received_bytes == response.expected_bytes == 8
    head = server.requests[0].lower()
    assert head.startswith(b"post /v1/chat?x=y http/1.1\r\n")
    assert head.endswith(b"\r\n\r\n{}")
    for line in (
        b"host: 127.0.0.1:%d" % server.port,
        b"x-mine: 1",
        b"user-agent: kandil/" + kandil.__version__.encode(),
    ):
        assert line in head
    assert b"cookie" not in head


async def test_a_connection_is_kept_for_the_next_request() -> None:
    async with serving(reply()) as server, http.open_client() as client:
        timings = []
        for _ in range(3):
            async with client.send("GET", server.url) as response:
                timings.append(response.timing)
                await response.read(100)
        assert server.connections == 1
    assert [timing.connect_seconds is None for timing in timings] == [False, True, True]
    assert all(timing.dns_seconds is None and timing.tls_seconds is None for timing in timings)
    assert all(timing.first_byte_seconds > 0 for timing in timings)


async def test_no_cookie_is_kept() -> None:
    async with serving(reply(head=b"set-cookie: id=1\r\n")) as server, http.open_client() as client:
        for _ in range(2):
            async with client.send("GET", server.url) as response:
                await response.read(100)
    assert b"id=1" not in server.requests[1]


async def test_chunks_come_as_they_are_sent() -> None:
    seen = trio.Event()

    async def answer(stream: trio.abc.Stream, _: bytes) -> None:
        await stream.send_all(OK + b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        await seen.wait()  # the second is sent once the first was given out
        await stream.send_all(b"3\r\ntwo\r\n0\r\n\r\n")

    async with serving(answer) as server, http.open_client() as client, client.send("GET", server.url) as response:
        chunks = response.chunks()
        assert await anext(chunks) == b"one"
        seen.set()
        assert [chunk async for chunk in chunks] == [b"two"]


async def test_what_follows_the_last_chunk_wanted_does_not_cost_the_connection() -> None:
    body = OK + b"transfer-encoding: chunked\r\n\r\n6\r\n[DONE]\r\n0\r\n\r\n"
    async with serving(body) as server, http.open_client() as client:
        for _ in range(2):
            async with client.send("GET", server.url) as response:
                assert await anext(response.chunks()) == b"[DONE]"
        assert server.connections == 1


async def test_leaving_early_closes_the_connection() -> None:
    left = trio.Event()

    async def answer(stream: trio.abc.Stream, _: bytes) -> None:
        await stream.send_all(OK + b"\r\nbegun")
        assert await stream.receive_some(1) == b""
        left.set()

    async with serving(answer) as server, http.open_client() as client:
        with pytest.raises(KeyError):
            async with client.send("GET", server.url) as response:
                assert await anext(response.chunks()) == b"begun"
                raise KeyError
        await left.wait()


@pytest.mark.parametrize("sent", [b"", OK, OK + b"\r\nbegun"])
async def test_cancelling_closes_the_connection_at_once(sent: bytes) -> None:
    asked, left = trio.Event(), trio.Event()

    async def answer(stream: trio.abc.Stream, _: bytes) -> None:
        await stream.send_all(sent)
        asked.set()
        assert await stream.receive_some(1) == b""
        left.set()

    async with serving(answer) as server, http.open_client() as client:

        async def ask() -> None:
            async with client.send("POST", server.url, body=b"{}") as response:
                await response.read(100)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await asked.wait()
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await left.wait()


async def test_a_reply_that_nobody_reads_to_its_end_does_not_hold_anybody_up() -> None:
    async def answer(stream: trio.abc.Stream, _: bytes) -> None:
        await stream.send_all(OK + b"\r\nbegun")
        await stream.receive_some(1)

    async with serving(answer) as server, http.open_client() as client:
        for _ in range(2):
            with trio.move_on_after(60) as cancelled:
                async with client.send("GET", server.url) as response:
                    assert await anext(response.chunks()) == b"begun"
                    cancelled.cancel()
        assert server.connections == 2


async def test_ipv6_on_this_machine() -> None:
    try:
        listeners = await trio.open_tcp_listeners(0, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    seen = b""

    async def serve(stream: trio.SocketStream) -> None:
        nonlocal seen
        seen = await stream.receive_some(4096)
        await stream.send_all(reply())

    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery, http.open_client() as client:
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        async with client.send("GET", f"http://[::1]:{port}/") as response:
            assert await response.read(10) == b"hello"
        nursery.cancel_scope.cancel()
    assert b"host: [::1]:%d\r\n" % port in seen.lower()


async def test_a_hundred_at_once_each_get_their_own_reply() -> None:
    async def answer(stream: trio.abc.Stream, asked: bytes) -> None:
        await stream.send_all(reply(asked.split(b" ")[1]))

    got = {}
    async with serving(answer) as server, http.open_client() as client:

        async def ask(number: int) -> None:
            async with client.send("GET", f"{server.url}{number}") as response:
                got[number] = await response.read(100)

        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(ask, number)
    assert got == {number: b"/%d" % number for number in range(100)}


async def test_reading_more_than_allowed_ends() -> None:
    async with serving(reply(b"x" * 100)) as server, http.open_client() as client:
        async with client.send("GET", server.url) as response:
            assert len(await response.read(100)) == 100
        async with client.send("GET", server.url) as response:
            with pytest.raises(ReplyTooLarge) as refused:
                await response.read(99)
    assert (refused.value.part, refused.value.largest_bytes) == ("body", 99)


async def test_a_reply_that_comes_before_the_request_was_taken_is_read() -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some(100)
        await stream.send_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
        await stream.send_eof()
        async for _ in stream:
            pass

    async with listening(answer) as port, http.open_client() as client:
        async with client.send("POST", f"http://127.0.0.1:{port}/", body=b"x" * (4 << 20)) as response:
            assert response.status == 413
            assert await response.read(10) == b"big"


async def test_nobody_listens() -> None:
    async with serving(b"") as server:
        pass
    async with http.open_client() as client:
        with pytest.raises(ConnectionRefused) as refused:
            async with client.send("GET", server.url):
                pass
    error = refused.value
    assert (error.host, error.port, error.exit_code) == ("127.0.0.1", server.port, 6)
    assert isinstance(error, NotConnected)
    assert "running on this machine" in str(error.hint)


def test_ollama_is_named_where_it_would_be() -> None:
    assert "ollama serve" in str(ConnectionRefused("localhost", 11434).hint)
    assert "ollama" not in str(ConnectionRefused("example.com", 11434).hint)


async def test_a_header_that_cannot_be_sent() -> None:
    async with http.open_client() as client:
        for headers in ({"x": "a\r\nb: c"}, {"x y": "a"}, {"x": "ä"}, {"x": ""}):
            with pytest.raises(ValueError, match="cannot be sent"):
                async with client.send("GET", "http://127.0.0.1:1/", headers=headers):
                    pass


async def test_a_length_of_the_callers_own_has_no_effect() -> None:
    async with serving(reply()) as server, http.open_client() as client:
        headers = {"Content-Length": "1", "Host": "other.example"}
        async with client.send("POST", server.url, headers=headers, body=b"four") as response:
            await response.read(10)
    assert b"content-length: 4\r\n" in server.requests[0].lower()
    assert b"other.example" not in server.requests[0]


def test_nothing_heavy_is_loaded_until_a_client_is_opened() -> None:
    heavy = "{'httpcore2', 'httpx2', 'h11', 'ssl', 'trio', 'anyio', 'rich', 'click'}"
    code = f"import sys, kandil.http, kandil.errors; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "set()\n"


def test_every_network_error_says_what_to_do() -> None:
    assert NetworkError.exit_code == 6
    assert not [error for error in NetworkError.__subclasses__() if error.code == NetworkError.code]
