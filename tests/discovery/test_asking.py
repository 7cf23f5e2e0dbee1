"""Lists in pages are followed to their end, to no other server, and not for ever."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from kandil.discovery import files_of, search
from kandil.discovery.asking import MOST_PAGES
from kandil.discovery.kept import LARGEST_BYTES
from kandil.errors import ReplyTooLarge, ReplyUnreadable
from tests.discovery.conftest import lead
from tests.support.servers import raw

REPOSITORY = b'{"siblings": [{"rfilename": "tiny-Q8_0.gguf"}]}'
FILE = b'[{"type": "file", "path": "tiny-Q8_0.gguf", "size": 5, "lfs": {"oid": "%s"}}]' % (b"0" * 64)


async def hub(link: bytes, stream: trio.abc.Stream, asked: bytes) -> None:
    """Describes a repository whose tree goes on at `link`."""
    head = b"Link: " + link + b"\r\n" if link else b""
    await stream.send_all(raw.reply(FILE, head) if b"/tree/" in asked else raw.reply(REPOSITORY))


@pytest.mark.parametrize(
    ("link", "error"),
    [
        (b'<?recursive=true&cursor=x>; rel="next"', "goes on after"),
        (b'<http://127.0.0.2:1/tree/>; rel="next"', "at another server"),
        (b'<https://127.0.0.1/tree/>; rel="next"', "at another server"),
        (b'<file:///etc/passwd>; rel="next"', "what is no URL"),
        (b'<http://[>; rel="next"', "what is no URL"),
    ],
)
async def test_a_list_that_does_not_end_here(link: bytes, error: str) -> None:
    async with raw.serving(partial(hub, link)) as server:
        with pytest.raises(ReplyUnreadable, match=error):
            await files_of("hf:acme/tiny", lead(huggingface=server.url))
    assert len(server.requests) <= 1 + MOST_PAGES


@pytest.mark.parametrize("link", [b"", b'<?a>; rel="prev"', b"\xff\xfe", b"<>; rel=next"])
async def test_a_list_that_ends(link: bytes) -> None:
    async with raw.serving(partial(hub, link)) as server:
        assert (await files_of("hf:acme/tiny", lead(huggingface=server.url))).size_bytes == 5
    assert len(server.requests) == 2


async def test_a_query_is_nothing_but_words() -> None:
    async with raw.serving(raw.reply(b"[]")) as server:
        found = await search("qwen:7b &limit=9", lead(huggingface=server.url), sources=("huggingface",))
    assert not found.failures
    assert b"/api/models?search=qwen%207b%20%26limit%3D9&filter=gguf&" in server.requests[0]


async def test_an_answer_without_end_is_left() -> None:
    async def endless(stream: trio.abc.Stream, asked: bytes) -> bool:
        await stream.send_all(raw.OK + b"transfer-encoding: chunked\r\n\r\n1\r\n[\r\n")
        sent = 0
        while True:
            await stream.send_all(b"100000\r\n" + b" " * 0x100000 + b"\r\n")
            sent += 0x100000
            assert sent < 4 * LARGEST_BYTES

    async with raw.serving(endless) as server:
        with pytest.raises(ReplyTooLarge):
            await files_of("hf:acme/tiny", lead(huggingface=server.url))
