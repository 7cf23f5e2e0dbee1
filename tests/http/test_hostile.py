"""Servers that answer as none should: each ends in an error that says so, within bounds of time and memory."""

# ruff: noqa: PT012, PT017, SIM117 (a reply is read within its request, and errors come of either)

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel

from kandil import http
from kandil.errors import (
    BodyCut,
    ConnectionLost,
    KandilError,
    ReplyMalformed,
    ReplyTooLarge,
)
from tests.support.servers.raw import OK, reply, reset, serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Answer = bytes | Callable[[trio.abc.Stream, bytes], Awaitable[bool | None]]


async def _got(answer: Answer, largest_bytes: int = 1 << 20) -> bytes:
    async with serving(answer, close=True) as server, http.open_client() as client:
        async with client.send("POST", server.url, body=b"{}") as response:
            return await response.read(largest_bytes)


def _endless(start: bytes, again: bytes) -> Answer:
    async def answer(stream: trio.abc.Stream, _: bytes) -> None:
        await stream.send_all(start)
        while True:
            await stream.send_all(again)

    return answer


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (_endless(OK, b"x-more: " + b"x" * 1000 + b"\r\n"), "head"),
        (_endless(OK + b"x-more: ", b"x" * 4096), "head"),
        (_endless(b"HTTP/1.1 200 ", b"x" * 4096), "head"),
        (_endless(b"", b"HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n"), "head"),
        (_endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "head"),
        (_endless(OK + b"\r\n", b"x" * 65536), "body"),
        (_endless(OK + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 1000), "body"),
        (_endless(OK + b"content-length: 99999999999999\r\n\r\n", b"x" * 65536), "body"),
    ],
)
async def test_what_has_no_end(answer: Answer, part: str) -> None:
    with pytest.raises(ReplyTooLarge) as refused:
        await _got(answer, 1 << 16)
    assert refused.value.part == part


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\xff\xfe\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 999999 OK\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTQ",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nxx",
        OK + b"no colon\r\n\r\n",
        OK + b"x: a\x00b\r\n\r\n",
        OK + b"content-length: x\r\n\r\n",
        OK + b"content-length: -1\r\n\r\n",
        OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        OK + b"content-length: " + b"9" * 5000 + b"\r\n\r\n",
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n-1\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 21 + b"\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n5;" + b"x" * 200_000 + b"\r\nhello\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * 40_000 + b"\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
    ],
)
async def test_what_is_not_http(sent: bytes) -> None:
    with pytest.raises(ReplyMalformed) as refused:
        await _got(sent)
    assert refused.value.message.isprintable()


async def test_a_server_that_speaks_tls_is_told() -> None:
    with pytest.raises(ReplyMalformed, match="speaks TLS"):
        await _got(b"\x15\x03\x01\x00\x02\x02\x46")


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 20", OK, OK + b"x: y\r\n"])
@pytest.mark.parametrize("how", ["reset", "closed"])
async def test_an_end_before_the_reply(sent: bytes, how: str) -> None:
    async def answer(stream: trio.abc.Stream, _: bytes) -> bool:
        await stream.send_all(sent)
        await trio.lowlevel.checkpoint()
        if how == "reset":
            await reset(stream)
        return True

    with pytest.raises(ConnectionLost) as lost:
        await _got(answer)
    assert lost.value.how == how


@pytest.mark.parametrize("how", ["reset", "closed"])
@pytest.mark.parametrize(
    ("head", "expected"), [(b"content-length: 100\r\n\r\n", 100), (b"transfer-encoding: chunked\r\n\r\n5\r\n", None)]
)
async def test_an_end_within_the_body_keeps_what_came(how: str, head: bytes, expected: int | None) -> None:
    got = trio.Event()

    async def answer(stream: trio.abc.Stream, _: bytes) -> bool:
        await stream.send_all(OK + head + b"begun")
        await got.wait()
        if how == "reset":
            await reset(stream)
        return True

    came = b""
    with pytest.raises(BodyCut) as cut:
        async with serving(answer) as server, http.open_client() as client:
            async with client.send("GET", server.url) as response:
                async for chunk in response.chunks():
                    came += chunk
                    got.set()
    assert came == b"begun"
    error = cut.value
    assert (error.how, error.received_bytes, error.expected_bytes) == (how, 5, expected)


def _deflated(data: bytes, bits: int) -> bytes:
    made = zlib.compressobj(wbits=bits)
    return made.compress(data) + made.flush()


TEXT = b"".join(b"%d " % number for number in range(50_000))


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", gzip.compress(TEXT)),
        (b"X-GZIP", gzip.compress(TEXT)),
        (b"gzip", gzip.compress(TEXT[:1000]) + gzip.compress(TEXT[1000:])),
        (b"deflate", _deflated(TEXT, 15)),
        (b"deflate", _deflated(TEXT, -15)),
        (b"identity", TEXT),
    ],
)
async def test_a_compressed_body(coding: bytes, body: bytes) -> None:
    assert await _got(reply(body, b"content-encoding: " + coding + b"\r\n")) == TEXT


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", gzip.compress(TEXT)[:-9]),
        (b"gzip", b"no gzip at all"),
        (b"gzip", gzip.compress(TEXT)[:20000] + b"\xff" * 20000),
        (b"deflate", b"\xff\xff\xff"),
        (b"br", b"\x0b\x02\x80hello\x03"),
        (b"zstd", b"\x28\xb5\x2f\xfd\x04\x00"),
        (b"gzip, gzip", gzip.compress(gzip.compress(TEXT))),
        (b"\xff", b""),
    ],
)
async def test_a_body_that_cannot_be_decompressed(coding: bytes, body: bytes) -> None:
    with pytest.raises(ReplyMalformed, match="compress"):
        await _got(reply(body, b"content-encoding: " + coding + b"\r\n"))


@pytest.mark.parametrize(("coding", "bits"), [(b"gzip", 31), (b"deflate", 15)])
async def test_a_bomb_ends_early_and_fills_no_memory(coding: bytes, bits: int) -> None:
    made = zlib.compressobj(wbits=bits)
    bomb = b"".join(made.compress(bytes(1 << 20)) for _ in range(300)) + made.flush()
    tracemalloc.start()
    try:
        with pytest.raises(ReplyTooLarge) as refused:
            async with serving(reply(bomb, b"content-encoding: " + coding + b"\r\n")) as server:
                async with http.open_client() as client, client.send("GET", server.url) as response:
                    async for _ in response.chunks():
                        pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.bomb
    assert peak < 8 << 20


async def test_random_bytes_are_an_error_of_ours_or_a_body() -> None:
    chance = random.Random(5)
    whole = reply(gzip.compress(TEXT[:2000]), b"content-encoding: gzip\r\nx: y\r\n")
    for _ in range(200):
        sent = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            sent[chance.randrange(len(sent))] = chance.randrange(256)
        try:
            await _got(bytes(sent[: chance.randrange(1, len(sent) + 1)]))
        except KandilError as error:
            assert error.exit_code == 6
