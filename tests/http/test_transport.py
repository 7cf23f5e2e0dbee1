"""The transport for httpx2, against real servers: what httpx2's own transport does, this does, too."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import sys
import zlib
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import trio
import trio.testing
import trustme

from kandil import errors
from kandil.http.transport import Transport
from tests.support.servers import asgi, certificates, flaky, proxies, raw

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

MANY = 1000


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx2.AsyncClient]:
    for name in ("https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    async with opened() as client:
        yield client


@asynccontextmanager
async def opened() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=Transport(), trust_env=False) as client:
        yield client


def core(client: httpx2.AsyncClient) -> Any:
    transport = client._transport
    assert isinstance(transport, Transport)
    return transport._core


def cause(caught: pytest.ExceptionInfo[Any]) -> Any:
    return caught.value.__cause__


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """What was sent, and by which version of HTTP."""
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message.get("more_body"):
            break
    headers = [(b"x-version", scope["http_version"].encode()), (b"x-twice", b"1"), (b"x-twice", b"2")]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": scope["method"].encode() + b" " + scope["path"].encode() + body})


async def test_an_answer_is_as_httpx2_gives_it(client: httpx2.AsyncClient) -> None:
    async with raw.serving(
        raw.reply(b'{"a": 1}', b"content-type: application/json\r\nX-Two: 1\r\nx-two: 2\r\n")
    ) as server:
        response = await client.post(server.url + "v1?a=b", json={"q": 1}, headers={"authorization": "Bearer secret"})
    assert (response.status_code, response.json(), response.http_version) == (200, {"a": 1}, "HTTP/1.1")
    assert response.headers.get_list("x-two") == ["1", "2"]
    (asked,) = server.requests
    head, _, body = asked.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1?a=b HTTP/1.1\r\n")
    assert b"authorization: Bearer secret" in head.splitlines()
    assert head.count(b"content-length") == head.count(b"host:") == 1
    assert body == b'{"q":1}'


REPLIES = {
    "whole": raw.reply(b"hello"),
    "empty": raw.reply(b""),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "chunked": raw.OK + b"transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nx-after: 1\r\n\r\n",
    "until the end": raw.OK + b"\r\nhello",
    "gzip": raw.reply(gzip.compress(b"hello" * 999), b"content-encoding: gzip\r\n"),
    "deflate": raw.reply(zlib.compress(b"hello" * 999), b"content-encoding: deflate\r\n"),
    "interim": b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + raw.reply(b"after"),
    "redirect": raw.redirect("/elsewhere"),
    "error": b"HTTP/1.1 529 Overloaded\r\nretry-after: 3\r\ncontent-length: 2\r\n\r\n{}",
    "names of headers": raw.reply(b"x", b"X-MiXeD: \xe4\r\nx-empty:\r\n"),
    "cut": raw.OK + b"content-length: 9\r\n\r\nhello",
    "cut chunk": raw.OK + b"transfer-encoding: chunked\r\n\r\n9\r\nhello",
    "not HTTP": b"SSH-2.0-OpenSSH_9\r\n",
    "nothing": b"",
    "broken chunks": raw.OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("name", REPLIES)
async def test_the_same_as_httpx2_of_its_own(client: httpx2.AsyncClient, name: str) -> None:
    async def said(client: httpx2.AsyncClient, url: str) -> Any:
        try:
            response = await client.get(url)
        except httpx2.TransportError as error:
            return type(error)
        return response.status_code, response.content, sorted(response.headers.multi_items()), response.http_version

    async with raw.serving(REPLIES[name], close=True) as server, httpx2.AsyncClient(trust_env=False) as other:
        assert await said(client, server.url) == await said(other, server.url)


async def test_bodies_come_from_wherever_they_come(client: httpx2.AsyncClient) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"a", b"b" * 100_000, b"c"):
            await trio.lowlevel.checkpoint()
            yield part

    async with raw.serving(raw.reply()) as server:
        await client.post(server.url, content=parts())
        await client.post(server.url, data={"a": "b"})
        await client.post(server.url, files={"file": b"content"})
        await client.post(server.url)
        await client.put(server.url, content=b"x" * (4 << 20))
    bodies = [asked.partition(b"\r\n\r\n")[2] for asked in server.requests]
    assert bodies[0] == b"a" + b"b" * 100_000 + b"c"
    assert bodies[1] == b"a=b"
    assert b"content" in bodies[2]
    assert bodies[3] == b""
    assert len(bodies[4]) == 4 << 20
    assert not any(b"transfer-encoding" in asked[:1000].lower() for asked in server.requests)


async def test_connections_are_kept(client: httpx2.AsyncClient) -> None:
    async with raw.serving(raw.reply()) as server:
        for _ in range(20):
            assert (await client.get(server.url)).content == b"hello"
    assert server.connections == 1
    assert core(client).under_way == 0


async def test_a_body_is_streamed_as_it_comes(client: httpx2.AsyncClient) -> None:
    heard = trio.Event()

    async def answer(stream: trio.abc.Stream, asked: bytes) -> bool:
        await stream.send_all(raw.OK + b"\r\nfirst")
        await heard.wait()
        await stream.send_all(b"second")
        return True

    async with raw.serving(answer) as server, client.stream("GET", server.url) as response:
        parts = response.aiter_raw()
        assert await anext(parts) == b"first"
        heard.set()
        assert await anext(parts) == b"second"
        assert [part async for part in parts] == []


async def test_a_body_that_nobody_reads_waits_at_its_server(client: httpx2.AsyncClient) -> None:
    size = 64 << 20
    sent = 0

    async def answer(stream: trio.abc.Stream, asked: bytes) -> None:
        nonlocal sent
        await stream.send_all(raw.OK + b"content-length: %d\r\n\r\n" % size)
        while sent < size:
            await stream.send_all(b"x" * (1 << 16))
            sent += 1 << 16

    async with raw.serving(answer) as server, client.stream("GET", server.url) as response:
        before = -1
        while before != sent:
            before = sent
            await trio.testing.wait_all_tasks_blocked(0.2)
        assert sent < size // 2
        assert sum([len(part) async for part in response.aiter_raw()]) == size


async def test_who_leaves_early_frees_the_connection(client: httpx2.AsyncClient) -> None:
    left = trio.Event()

    async def answer(stream: trio.abc.Stream, asked: bytes) -> bool:
        await stream.send_all(raw.OK + b"\r\nfirst")
        assert await stream.receive_some(1) == b""
        left.set()
        return True

    async with raw.serving(answer) as server:
        async with client.stream("GET", server.url) as response, contextlib.aclosing(response.aiter_raw()) as parts:
            assert await anext(parts) == b"first"
        await left.wait()
    assert core(client).under_way == 0


async def test_cancelling_ends_the_request_and_its_connection(client: httpx2.AsyncClient) -> None:
    asked, left = trio.Event(), trio.Event()

    async def answer(stream: trio.abc.Stream, _: bytes) -> bool:
        asked.set()
        assert await stream.receive_some(1) == b""
        left.set()
        return True

    async with raw.serving(answer) as server, trio.open_nursery() as nursery:
        nursery.start_soon(client.get, server.url)
        await asked.wait()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True), trio.fail_after(10):
            await left.wait()
    assert core(client).under_way == 0


@pytest.mark.parametrize("reply", [b"", raw.OK + b"content-length: 9\r\n\r\nhel"])
async def test_reading_takes_too_long(client: httpx2.AsyncClient, reply: bytes) -> None:
    async def answer(stream: trio.abc.Stream, asked: bytes) -> bool:
        await stream.send_all(reply)
        assert await stream.receive_some(1) == b""
        return True

    async with raw.serving(answer) as server:
        with pytest.raises(httpx2.ReadTimeout) as caught:
            await client.get(server.url, timeout=httpx2.Timeout(10, read=0.05))
    assert isinstance(cause(caught), errors.FirstByteTimeout if not reply else errors.IdleTimeout)
    assert caught.value.request.url == server.url


async def test_a_server_that_takes_nothing(client: httpx2.AsyncClient) -> None:
    async def silent(stream: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    async with raw.listening(silent) as port:
        with pytest.raises(httpx2.WriteTimeout):
            await client.post(
                f"http://127.0.0.1:{port}/", content=b"x" * (64 << 20), timeout=httpx2.Timeout(30, write=0.05)
            )


async def test_nobody_listens(client: httpx2.AsyncClient) -> None:
    async with raw.serving(raw.reply()) as server:
        pass
    with pytest.raises(httpx2.ConnectError, match="nobody listens") as caught:
        await client.get(server.url)
    assert cause(caught).port == server.port


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.org/", "url-unusable"),
        ("https://169.254.169.254/latest/meta-data", "url-unusable"),
        ("https://metadata.google.internal/", "url-unusable"),
        ("ftp://127.0.0.1/", "url-unusable"),
    ],
)
async def test_where_nothing_is_sent(client: httpx2.AsyncClient, url: str, code: str) -> None:
    with pytest.raises(httpx2.TransportError) as caught:
        await client.get(url)
    assert cause(caught).code == code


async def test_what_is_no_header_is_not_repeated(client: httpx2.AsyncClient) -> None:
    async with raw.serving(raw.reply()) as server:
        with pytest.raises(httpx2.LocalProtocolError) as caught:
            await client.get(server.url, headers={"x-api-key": "hunter2\n"})
    assert "hunter2" not in str(caught.value)
    assert not server.requests


async def test_hostile_heads_and_bombs_end(client: httpx2.AsyncClient) -> None:
    async def flood(stream: trio.abc.Stream, asked: bytes) -> bool:
        line = {b"/lines": b"x: y\r\n", b"/heads": b"HTTP/1.1 102 Processing\r\n\r\n"}[asked.split()[1]]
        await stream.send_all(raw.OK if line == b"x: y\r\n" else b"")
        while True:
            await stream.send_all(line * 100)

    async with raw.serving(flood) as server:
        for path in ("lines", "heads"):
            with pytest.raises(httpx2.RemoteProtocolError):
                await client.get(server.url + path)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (flaky.Fault(refuse=True), httpx2.TransportError),
        (flaky.Fault(ends_at=0), httpx2.RemoteProtocolError),
        (flaky.Fault(ends_at=60, how="reset"), httpx2.TransportError),
        (flaky.Fault(ends_at=60), httpx2.RemoteProtocolError),
    ],
)
async def test_a_bad_network_is_told_and_left(
    client: httpx2.AsyncClient, fault: flaky.Fault, error: type[Exception]
) -> None:
    async with raw.serving(raw.reply(b"x" * 1000)) as server, flaky.network(server.url, fault) as way:
        with pytest.raises(error):
            await client.get(way.url)
        assert (await client.get(way.url)).content == b"x" * 1000
    assert core(client).under_way == 0


async def test_a_thousand_at_once(client: httpx2.AsyncClient) -> None:
    done: list[int] = []

    async def answer(stream: trio.abc.Stream, asked: bytes) -> None:
        await stream.send_all(raw.reply(asked.split()[1]))

    async def one(number: int) -> None:
        for turn in range(2):
            response = await client.get(f"{server.url}{number}/{turn}")
            assert response.text == f"/{number}/{turn}"
        done.append(number)

    async with raw.serving(answer) as server, trio.open_nursery() as nursery:
        for number in range(MANY):
            nursery.start_soon(one, number)
    assert sorted(done) == list(range(MANY))
    assert server.connections <= MANY
    assert core(client).under_way == 0


async def test_http_2_where_it_is_offered(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = certificates.trusted(monkeypatch, tmp_path)
    async with asgi.serving(echo, authority, tmp_path) as url:
        response = await client.post(f"{url}/a", content=b" body", headers={"connection": "keep-alive"})
        assert (response.status_code, response.text) == (201, "POST /a body")
        assert (response.http_version, response.headers["x-version"]) == ("HTTP/2", "2")
        assert response.headers.get_list("x-twice") == ["1", "2"]
        large = b"x" * (3 << 20)
        assert (await client.post(f"{url}/b", content=large)).content == b"POST /b" + large


async def test_many_streams_on_few_connections(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = certificates.trusted(monkeypatch, tmp_path)
    clients = set()
    running = most = 0

    async def slow(scope: dict[str, Any], receive: Any, send: Any) -> None:
        nonlocal running, most
        clients.add(scope["client"])
        running += 1
        most = max(most, running)
        await trio.sleep(0.01)
        await echo(scope, receive, send)
        running -= 1

    async with asgi.serving(slow, authority, tmp_path) as url:

        async def one(number: int) -> None:
            assert (await client.post(f"{url}/{number}")).text == f"POST /{number}"

        async with trio.open_nursery() as nursery:
            for number in range(MANY):
                nursery.start_soon(one, number)
    assert most > 1
    assert len(clients) <= 20
    assert core(client).under_way == 0


async def test_a_cancelled_stream_is_reset(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The server hears of it, and the connection serves others."""
    authority = certificates.trusted(monkeypatch, tmp_path)
    asked, left, clients = trio.Event(), trio.Event(), set()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        clients.add(scope["client"])
        if scope["path"] != "/wait":
            await echo(scope, receive, send)
            return
        assert (await receive())["type"] == "http.request"
        asked.set()
        assert (await receive())["type"] == "http.disconnect"
        left.set()

    async with asgi.serving(app, authority, tmp_path) as url:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.get, f"{url}/wait")
            await asked.wait()
            nursery.cancel_scope.cancel()
        with trio.fail_after(10):
            await left.wait()
        assert (await client.get(f"{url}/a")).status_code == 201
    assert len(clients) == 1


def past() -> Any:
    return dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


FAULTS: dict[str, Callable[[trustme.CA], ssl.SSLContext | None]] = {
    "wrong-host": lambda authority: certificates.server_context(authority, "other.example", "more.example"),
    "unknown-issuer": lambda _: certificates.server_context(trustme.CA(), "127.0.0.1"),
    "expired": lambda authority: certificates.server_context(authority, "127.0.0.1", not_after=past()),
    "not-tls": lambda _: None,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_tls_that_cannot_be_trusted(
    client: httpx2.AsyncClient, fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context = FAULTS[fault](certificates.trusted(monkeypatch, tmp_path))

    async def serve(stream: trio.abc.Stream) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await stream.receive_some(1000)
            await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with raw.listening(serve, context) as port:
        with pytest.raises(httpx2.ConnectError) as caught:
            await client.get(f"https://127.0.0.1:{port}/")
    error = cause(caught)
    assert isinstance(error, errors.TlsFailed)
    assert error.fault == fault
    assert error.names == (("other.example", "more.example") if fault == "wrong-host" else ())


async def test_a_trust_store_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    async with opened() as client, raw.serving(raw.reply()) as server:
        assert (await client.get(server.url)).status_code == 200, "not needed here"
        with pytest.raises(httpx2.ConnectError) as caught:
            await client.get(f"https://127.0.0.1:{server.port}/")
    assert cause(caught).fault == "trust-store"


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_through_a_proxy(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = certificates.trusted(monkeypatch, tmp_path)
    context = certificates.server_context(authority, "api.example")
    serve = {"http": proxies.connect, "socks5": proxies.socks5}[kind]
    async with raw.serving(raw.reply(), context) as server, proxies.proxying(serve, server.port) as proxy:
        monkeypatch.setenv("https_proxy", f"{kind}://me:hunter2@127.0.0.1:{proxy.port}")
        if kind == "socks5":
            monkeypatch.setenv("https_proxy", f"socks5://127.0.0.1:{proxy.port}")
        async with opened() as client:
            for _ in range(2):
                response = await client.get("https://api.example/", headers={"x-api-key": "secret"})
                assert response.content == b"hello"
    (head,) = proxy.heads
    assert b"api.example:443" in head
    assert b"secret" not in head + proxy.carried


async def test_a_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refusing(client: trio.abc.Stream, to: int, proxy: proxies.Proxy) -> None:
        await client.receive_some(1000)
        await client.send_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    async with proxies.proxying(refusing) as proxy:
        monkeypatch.setenv("https_proxy", f"http://me:hunter2@127.0.0.1:{proxy.port}")
        async with opened() as client:
            with pytest.raises(httpx2.ProxyError) as caught:
                await client.get("https://api.example/")
    assert cause(caught).status == 407
    assert "hunter2" not in str(caught.value)


async def test_closing_ends_what_is_under_way() -> None:
    asked = trio.Event()

    async def answer(stream: trio.abc.Stream, _: bytes) -> bool:
        asked.set()
        assert await stream.receive_some(1) == b""
        return True

    async with raw.serving(answer) as server, trio.open_nursery() as nursery:
        client = httpx2.AsyncClient(transport=Transport(), trust_env=False)

        async def asking() -> None:
            with pytest.raises(httpx2.TransportError):
                await client.get(server.url)

        nursery.start_soon(asking)
        await asked.wait()
        await client.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what is open")
async def test_nothing_is_left_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither of what ended well, nor of what was left, was cut, or never came to be."""

    def open_here() -> int:
        """Descriptors, and threads of the core's."""
        threads = [comm.read_text() for comm in Path("/proc/self/task").glob("*/comm")]
        return len(list(Path("/proc/self/fd").iterdir())) + sum(name.startswith("kandil-io") for name in threads)

    async def answer(stream: trio.abc.Stream, asked: bytes) -> bool:
        if b"/cut" in asked:
            await stream.send_all(raw.OK + b"content-length: 9\r\n\r\nhel")
            return True
        if b"/wait" in asked:
            await stream.receive_some(1)
        await stream.send_all(raw.reply())
        return False

    async def asking(client: httpx2.AsyncClient, url: str) -> None:
        with contextlib.suppress(httpx2.TransportError), trio.move_on_after(0.2):
            await client.get(url, timeout=0.1)

    context = certificates.server_context(certificates.trusted(monkeypatch, tmp_path), "127.0.0.1")
    async with raw.serving(answer) as server, raw.serving(answer, context) as secure:
        before = open_here()
        async with opened() as client, trio.open_nursery() as nursery:
            for number in range(50):
                urls = [server.url, secure.url.replace("http", "https"), server.url.replace("http", "https")]
                for path in [url + what for url in urls for what in (str(number), "cut", "wait")]:
                    nursery.start_soon(asking, client, path)
        del client
        with trio.fail_after(10):
            while open_here() > before:  # noqa: ASYNC110 (the kernel tells nobody)
                await trio.sleep(0.01)


def test_one_transport_serves_one_run_after_another() -> None:
    transport = Transport()

    async def main() -> bytes:
        async with raw.serving(raw.reply()) as server:
            client = httpx2.AsyncClient(transport=transport, trust_env=False)
            return (await client.get(server.url)).content

    assert [trio.run(main), trio.run(main)] == [b"hello", b"hello"]
    trio.run(transport.aclose)
