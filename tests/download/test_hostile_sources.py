"""Sources that are not what they should be: nothing of theirs gets a name, and nobody waits for ever."""

from __future__ import annotations

import pytest
import trio

from kandil.download import Remote
from kandil.errors import DownloadRefused, NoSpace, RedirectRefused, ReplyMalformed
from tests.download.conftest import CONTENT, NAME, SHA256, Fetching, remote
from tests.support.servers import raw
from tests.support.servers.hub import Hub


def at(server: raw.Server, size_bytes: int | None = None, sha256: str | None = None) -> Remote:
    return Remote(url=f"{server.url}x", name=NAME, size_bytes=size_bytes, sha256=sha256)


async def test_a_packed_file_is_refused(source: Hub, fetching: Fetching) -> None:
    with pytest.raises(DownloadRefused, match="gzip"):
        await fetching.one(remote(source, "packed"))
    assert fetching.there() == set()


async def test_one_that_does_not_end_is_left(fetching: Fetching) -> None:
    async def endless(stream: trio.abc.Stream, _: bytes) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await stream.send_all(b"1000\r\n" + bytes(0x1000) + b"\r\n")

    async with raw.serving(endless) as server:
        with pytest.raises(ReplyMalformed, match="more came than was asked for"):
            await fetching.one(at(server, 100_000, SHA256))
    assert fetching.there() == set()


async def test_nobody_is_led_further_inside(fetching: Fetching) -> None:
    async with raw.serving(raw.redirect("http://10.0.0.1/x")) as server:
        with pytest.raises(RedirectRefused):
            await fetching.one(at(server))


async def test_a_file_of_no_known_length_that_nobody_has_hashed(fetching: Fetching) -> None:
    async with raw.serving(b"HTTP/1.1 200 OK\r\n\r\nwhatever", close=True) as server:
        with pytest.raises(DownloadRefused, match="does not say how long"):
            await fetching.one(at(server))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"content-range: bytes 1-1/100", "another part"),
        (b"content-range: bytes 0-0/*", "another part"),
        (b"content-range: 0", "another part"),
        (b"x: y", "another part"),
    ],
)
async def test_parts_that_were_not_asked_for(fetching: Fetching, said: bytes, reason: str) -> None:
    answer = b"HTTP/1.1 206 Partial Content\r\ncontent-length: 1\r\n" + said + b"\r\n\r\nx"
    async with raw.serving(answer) as server:
        with pytest.raises(DownloadRefused, match=reason):
            await fetching.one(at(server))


async def test_parts_that_change_from_request_to_request(fetching: Fetching) -> None:
    """The first byte is given as it should be, and then always the same one."""
    answer = b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-0/%d\r\ncontent-length: 1\r\n\r\nx" % len(CONTENT)
    async with raw.serving(answer) as server:
        with pytest.raises(DownloadRefused, match="another part"):
            await fetching.one(at(server, len(CONTENT), SHA256))
        assert len(server.requests) < 100


async def test_a_file_of_a_quintillion_bytes(fetching: Fetching) -> None:
    answer = b"HTTP/1.1 206 P\r\ncontent-range: bytes 0-0/%d\r\ncontent-length: 1\r\n\r\nx" % 10**17
    async with raw.serving(answer) as server:
        with pytest.raises(NoSpace):
            await fetching.one(at(server))
    assert fetching.there() == set()


@pytest.mark.parametrize("name", ["../x", "/x", "a//x", "a/./x", "", "a\nb", "a\\b", "x" * 256])
async def test_names_that_lead_elsewhere(source: Hub, fetching: Fetching, name: str) -> None:
    with pytest.raises(ValueError, match="no file is kept as"):
        await fetching.one(remote(source, name=name))
    assert not fetching.folder.exists()
