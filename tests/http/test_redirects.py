"""Redirects: followed by hand, a few, never inwards, and the key stays at home."""

# ruff: noqa: SIM117 (a reply is read within its request, and errors come of either)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from kandil import http
from kandil.errors import AddressRefused, RedirectRefused
from kandil.secret import Secret
from tests.support.servers.certificates import server_context, trusted
from tests.support.servers.names import Names, simulated
from tests.support.servers.raw import redirect, reply, serving

if TYPE_CHECKING:
    from pathlib import Path

AUTH = ("authorization", "Bearer")
KEY = "canary-1234567890"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_within_an_origin_the_key_goes_along(status: int) -> None:
    async def answer(stream: trio.abc.Stream, asked: bytes) -> None:
        await stream.send_all(reply() if b" /there " in asked else redirect("/there", status))

    async with serving(answer) as server, http.open_client() as client:
        async with client.send("GET", server.url, auth=AUTH, secret=Secret(KEY)) as response:
            assert await response.read(10) == b"hello"
            assert response.url == f"{server.url}there"
    assert [KEY.encode() in asked for asked in server.requests] == [True, True]


async def test_the_key_never_goes_to_another_origin_even_by_the_way_back() -> None:
    async with serving(reply()) as other:

        async def answer(stream: trio.abc.Stream, asked: bytes) -> None:
            await stream.send_all(redirect(other.url) if b" / " in asked else reply())

        async with serving(answer) as server, http.open_client() as client:
            headers = {"X-Organisation": "mine", "Range": "bytes=0-"}
            async with client.send("GET", server.url, headers=headers, auth=AUTH, secret=Secret(KEY)) as response:
                assert await response.read(10) == b"hello"
    assert KEY.encode() in server.requests[0]
    assert KEY.encode() not in other.requests[0]
    assert b"mine" not in other.requests[0]
    assert b"bytes=0-" in other.requests[0]


async def test_back_at_the_first_origin_the_key_stays_away() -> None:
    there: list[str] = []

    async def answer(stream: trio.abc.Stream, asked: bytes) -> None:
        await stream.send_all(reply() if b" /back " in asked else redirect(there[0]))

    async with serving(answer) as server, serving(redirect(f"{server.url}back")) as other, http.open_client() as client:
        there.append(other.url)
        async with client.send("GET", server.url, auth=AUTH, secret=Secret(KEY)) as response:
            await response.read(10)
    assert [KEY.encode() in asked for asked in (*server.requests, *other.requests)] == [True, False, False]


async def test_what_was_posted_is_sent_on_within_the_origin_alone() -> None:
    async def answer(stream: trio.abc.Stream, asked: bytes) -> None:
        await stream.send_all(reply() if b" /there " in asked else redirect("/there", 307))

    async with serving(answer) as server, http.open_client() as client:
        async with client.send("POST", server.url, body=b"prompt") as response:
            await response.read(10)
    assert server.requests[1].endswith(b"prompt")
    async with serving(reply()) as other, serving(redirect(other.url, 307)) as server, http.open_client() as client:
        with pytest.raises(RedirectRefused, match="not sent elsewhere"):
            async with client.send("POST", server.url, body=b"prompt", auth=AUTH, secret=Secret(KEY)):
                pass
        assert not other.connections


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_a_post_that_would_become_a_get_is_an_error(status: int) -> None:
    async with serving(redirect("/there", status)) as server, http.open_client() as client:
        with pytest.raises(RedirectRefused):
            async with client.send("POST", server.url, body=b"{}"):
                pass
    assert len(server.requests) == 1


async def test_ten_thousand_redirects_end_after_ten() -> None:
    async with serving(redirect("/again")) as server, http.open_client() as client:
        with pytest.raises(RedirectRefused, match="redirect 11") as refused:
            async with client.send("GET", server.url):
                pass
    assert len(server.requests) == 11
    assert refused.value.exit_code == 6


@pytest.mark.parametrize(
    "location",
    ["ftp://example.com/", "file:///etc/passwd", "http://example.com/", "https://user:hush@example.com/", "https://",
     "https://169.254.169.254/latest/", "https://metadata.google.internal/", "https://[::ffff:a9fe:a9fe]/", "//[",
     "a b", "https://exa\u00admple\x85/", "javascript:alert(1)"],
)  # fmt: skip
async def test_where_no_redirect_leads(location: str) -> None:
    async with serving(redirect(location)) as server, http.open_client() as client:
        with pytest.raises(RedirectRefused) as refused:
            async with client.send("GET", server.url):
                pass
    assert "hush" not in refused.value.message


async def test_a_status_without_a_location_is_a_reply() -> None:
    async with serving(b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n") as server, http.open_client() as client:
        async with client.send("GET", server.url) as response:
            assert response.status == 302


@pytest.mark.parametrize(
    ("start", "to", "led"),
    [
        ("public.example", "other.example", True),
        ("public.example", "lan.example", False),
        ("public.example", "here.example", False),
        ("lan.example", "lan2.example", True),
        ("lan.example", "public.example", True),
        ("lan.example", "here.example", False),
        ("public.example", "10.1.2.4", False),
        ("public.example", "127.0.0.1", False),
    ],
)
async def test_a_redirect_never_leads_inwards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, start: str, to: str, *, led: bool
) -> None:
    names = Names()
    places = {
        "public.example": "93.184.216.34",
        "other.example": "93.184.216.35",
        "lan.example": "10.1.2.3",
        "lan2.example": "10.1.2.4",
        "here.example": "127.0.0.7",
    }
    for name, address in places.items():
        names.add(name, [address])
    ca = trusted(monkeypatch, tmp_path)
    context = server_context(ca, *places, "10.1.2.4", "127.0.0.1")

    async def answer(stream: trio.abc.Stream, asked: bytes) -> None:
        host = asked.lower().split(b"host: ")[1].split(b"\r\n")[0].decode()
        await stream.send_all(redirect(f"https://{to}/") if host == start else reply())

    async with serving(answer, context) as server, http.open_client() as client:
        ports = dict.fromkeys([*places.values(), "127.0.0.1"], server.port)
        connected = simulated(monkeypatch, names, ports)
        # what the user names is reached, also inside; the redirect does not get to use that connection
        async with client.send("GET", f"https://{to}/") as response:
            assert response.status == 200
        del connected[:]
        if led:
            async with client.send("GET", f"https://{start}/") as response:
                assert await response.read(10) == b"hello"
            return
        with pytest.raises(AddressRefused) as refused:
            async with client.send("GET", f"https://{start}/"):
                pass
        assert connected == [places[start]]
        assert refused.value.exit_code == 6
