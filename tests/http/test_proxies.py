"""Proxies of the environment: what goes through them, what never does, and what they get to see."""

# ruff: noqa: SIM117 (a reply is read within its request, and errors come of either)

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from kandil import http
from kandil.errors import ConnectTimeout, NetworkError, ProxyFailed, TlsFailed
from kandil.http import urls
from kandil.http.proxies import proxy_for
from kandil.secret import Secret
from tests.support.servers.certificates import server_context, trusted
from tests.support.servers.proxies import Proxy, connect, proxying, socks5
from tests.support.servers.raw import reply, serving

if TYPE_CHECKING:
    from pathlib import Path

KEY = "canary-1234567890"
PASSWORD = "hush-98765"
VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def _ask(url: str = "https://api.example/v1") -> bytes:
    async with http.open_client() as client:
        async with client.send("GET", url, auth=("authorization", "Bearer"), secret=Secret(KEY)) as response:
            return await response.read(100)


@pytest.mark.parametrize("kind", ["http", "https", "bare", "socks5", "socks5h", "ALL_PROXY"])
async def test_a_request_through_a_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    authority = trusted(monkeypatch, tmp_path)
    tls = server_context(authority, "127.0.0.1") if kind == "https" else None
    async with serving(reply(), server_context(authority, "api.example")) as server:
        async with proxying(socks5 if "socks" in kind else connect, server.port, tls) as proxy:
            scheme = {"bare": "", "ALL_PROXY": "http://"}.get(kind, f"{kind}://")
            monkeypatch.setenv("ALL_PROXY" if kind == "ALL_PROXY" else "HTTPS_PROXY", f"{scheme}127.0.0.1:{proxy.port}")
            assert await _ask() == b"hello"
    assert b"api.example:443" in proxy.heads[0]
    assert KEY.encode() in server.requests[0]
    assert KEY.encode() not in b"".join(proxy.heads) + proxy.carried


async def test_its_user_is_told_to_the_proxy_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    context = server_context(trusted(monkeypatch, tmp_path), "api.example")
    async with serving(reply(), context) as server, proxying(connect, server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{PASSWORD}@127.0.0.1:{proxy.port}")
        assert await _ask() == b"hello"
    assert b"proxy-authorization: basic " in proxy.heads[0].lower()
    assert b"proxy-authorization" not in server.requests[0].lower()
    assert PASSWORD not in caplog.text
    assert PASSWORD not in str(proxy_for(urls.parse("https://api.example/")))
    assert PASSWORD not in repr(proxy_for(urls.parse("https://api.example/")))


async def test_this_machine_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES[:3]:
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving(reply()) as server:
        assert await _ask(server.url) == b"hello"
        assert await _ask(f"http://localhost:{server.port}/") == b"hello"


@pytest.mark.parametrize(
    ("exempt", "url", "through"),
    [
        ("", "https://api.example/", True),
        ("api.example", "https://api.example/", False),
        ("example", "https://api.example/", False),
        (".example", "https://api.example/", False),
        ("*.example", "https://api.example/", False),
        ("pi.example", "https://api.example/", True),
        ("other, API.example", "https://api.example/", False),
        ("*", "https://api.example/", False),
        ("api.example:443", "https://api.example/", False),
        ("api.example:8443", "https://api.example/", True),
        ("10.0.0.0/8", "https://10.1.2.3/", False),
        ("10.0.0.0/8", "https://11.1.2.3/", True),
        ("10.1.2.3", "https://10.1.2.3/", False),
        ("fd00::/8", "https://[fd12::1]/", False),
        ("[fd12::1]:443", "https://[fd12::1]/", False),
        ("[::1", "https://api.example/", True),
        ("", "https://localhost/", False),
        ("", "https://127.0.0.1/", False),
        ("", "http://[::1]/", False),
    ],
)
def test_who_is_asked_without_it(monkeypatch: pytest.MonkeyPatch, exempt: str, url: str, *, through: bool) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert (proxy_for(urls.parse(url)) is not None) is through


def test_small_letters_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://large.example:1")
    monkeypatch.setenv("https_proxy", "http://small.example:2")
    assert str(proxy_for(urls.parse("https://api.example/"))) == "http://small.example:2"


@pytest.mark.parametrize("text", ["ftp://proxy:1", "http://", "http://proxy:99999", "http://[::1", "socks4://proxy:1"])
async def test_what_is_no_proxy(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", text)
    with pytest.raises(ProxyFailed, match="HTTPS_PROXY"):
        await _ask()


async def _failed(monkeypatch: pytest.MonkeyPatch, scheme: str, sent: bytes) -> NetworkError:
    async def serve(client: trio.abc.Stream, _to: int, _proxy: Proxy) -> None:
        await client.receive_some(4096)
        await client.send_all(sent)
        await client.receive_some(4096)

    async with proxying(serve) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://me:{PASSWORD}@127.0.0.1:{proxy.port}")
        with pytest.raises(NetworkError) as failed:
            await _ask()
    error = failed.value
    assert error.exit_code == 6
    for text in (error.message, str(error.hint), repr(vars(error))):
        assert PASSWORD not in text
        assert KEY not in text
        assert text.isprintable()
    return error


@pytest.mark.parametrize("status", [403, 407, 502, 503])
async def test_a_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    error = await _failed(monkeypatch, "http", b"HTTP/1.1 %d \x1b[2J\r\ncontent-length: 0\r\n\r\n" % status)
    assert isinstance(error, ProxyFailed)
    assert error.status == status
    assert ("NAME:PASSWORD" in str(error.hint)) is (status == 407)


@pytest.mark.parametrize(
    ("scheme", "sent"),
    [("http", b"SSH-2.0-x\r\n\r\n"), ("http", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 40_000), ("socks5", b"\x05\xff"),
     ("socks5", b"HTTP/1.1 400 Bad\r\n\r\n"), ("socks5", b"\x05"), ("socks5", b"\x05\x02\x01\x00")],
)  # fmt: skip
async def test_what_is_no_proxy_at_all(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock, scheme: str, sent: bytes
) -> None:
    assert isinstance(await _failed(monkeypatch, scheme, sent), NetworkError)


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
async def test_a_proxy_that_closes(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    async def serve(client: trio.abc.Stream, _to: int, _proxy: Proxy) -> None:
        await client.receive_some(4096)

    async with proxying(serve) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        with pytest.raises((ProxyFailed, TlsFailed)):
            await _ask()


async def test_nobody_listens_where_the_proxy_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    async with proxying(connect) as proxy:
        pass
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    with pytest.raises(ProxyFailed, match="nobody listens") as failed:
        await _ask()
    assert failed.value.proxy == f"http://127.0.0.1:{proxy.port}"
    assert failed.value.host == "api.example"


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_never_answers(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock, scheme: str
) -> None:
    async def serve(client: trio.abc.Stream, _to: int, _proxy: Proxy) -> None:
        await trio.sleep_forever()

    async with proxying(serve) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        started = trio.current_time()
        with pytest.raises(ConnectTimeout) as late:
            await _ask()
        assert (late.value.phase, trio.current_time() - started) == ("proxy", 10)


async def test_metadata_services_are_refused_through_a_proxy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    for host in ("169.254.169.254", "metadata.google.internal", "[fd00:ec2::254]"):
        with pytest.raises(NetworkError, match="nothing is sent"):
            await _ask(f"https://{host}/")


async def test_the_servers_certificate_is_verified_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context = server_context(trusted(monkeypatch, tmp_path), "other.example")
    async with serving(reply(), context) as server, proxying(connect, server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(TlsFailed) as failed:
            await _ask()
    assert failed.value.fault == "wrong-host"
    assert server.requests == []
