"""The key: in one header of one request, and in nothing that is shown, logged or raised."""

# ruff: noqa: SIM117 (a reply is read within its request, and errors come of either)

from __future__ import annotations

import base64
import logging
import traceback
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import trio

from kandil import http
from kandil.errors import KandilError, KeyUnsendable
from kandil.secret import Secret
from tests.support.servers.raw import OK, redirect, reply, reset, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "canary/key+1234567890=="
FORMS = (KEY, quote(KEY), quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode(), repr(KEY)[1:-1])


@pytest.mark.parametrize(
    ("auth", "line"),
    [
        (("Authorization", "Bearer"), f"Authorization: Bearer {KEY}"),
        (("x-api-key", None), f"x-api-key: {KEY}"),
        (("x-goog-api-key", ""), f"x-goog-api-key: {KEY}"),
    ],
)
async def test_where_the_key_goes(auth: tuple[str, str | None], line: str) -> None:
    async with serving(reply()) as server, http.open_client() as client:
        async with client.send("GET", server.url, auth=auth, secret=Secret(KEY)):
            pass
        async with client.send("GET", server.url, auth=auth):
            pass
    assert server.requests[0].count(KEY.encode()) == 1
    assert line.lower().encode() in server.requests[0].lower()
    assert KEY.encode() not in server.requests[1]


@pytest.mark.parametrize(
    "key", ["", " ", "a b", "abc\n", "abc\r\nx: y", "\u00e9", "\u201cabc\u201d", "a\x00", "\ufeffabc"]
)
async def test_a_key_that_cannot_be_sent(key: str) -> None:
    async with serving(reply()) as server, http.open_client() as client:
        with pytest.raises(KeyUnsendable) as refused:
            async with client.send("GET", server.url, auth=("x-api-key", None), secret=Secret(key)):
                pass
        assert server.connections == 0
    assert refused.value.exit_code == 5
    assert not key.strip() or key not in refused.value.message


def _held(error: BaseException | None) -> Iterator[object]:
    """What an error holds, and those it came of: what it says, and what the frames of ours it came through know."""
    while error is not None:
        yield from (str(error), repr(error), error.args, vars(error), getattr(error, "__notes__", ()))
        for frame, _ in traceback.walk_tb(error.__traceback__):
            yield from _known(frame)
        assert error.__cause__ is None
        error = error.__context__


def _known(frame: FrameType) -> Iterator[object]:
    if "test_" not in frame.f_code.co_filename:
        for value in frame.f_locals.values():
            yield repr(value)
            if hasattr(value, "headers"):
                yield value.headers


async def _rst(stream: trio.abc.Stream, _: bytes) -> bool:
    await reset(stream)
    return True


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-x\r\n\r\n", _rst, OK + b"x: y\r\n", OK + b"content-length: 9\r\n\r\nx", redirect("https://0.0.0.0/"),
     OK + b"x: y\r\n" * 40_000, OK + b"content-encoding: br\r\n\r\nx",
     OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n"],
)  # fmt: skip
async def test_no_error_and_no_log_has_the_key(answer: object, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(answer, close=True) as server, http.open_client() as client:  # type: ignore[arg-type]
        with pytest.raises(KandilError) as failed:
            async with client.send("POST", server.url, auth=("x-api-key", None), secret=Secret(KEY)) as response:
                await response.read(1000)
    assert KEY.encode() in server.requests[0]
    shown = "".join(map(repr, _held(failed.value))) + caplog.text + "".join(traceback.format_exception(failed.value))
    for form in FORMS:
        assert form not in shown


async def test_no_log_has_the_key_where_all_goes_well(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(reply()) as server, http.open_client() as client:
        async with client.send("GET", server.url, auth=("x-api-key", None), secret=Secret(KEY)) as response:
            await response.read(1000)
            assert KEY not in repr(vars(response))
    assert KEY not in caplog.text
