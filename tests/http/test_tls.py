"""TLS that fails: each way has words of its own. All by real handshakes over real sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
import trustme

from kandil import http
from kandil.errors import ConnectionLost, ConnectTimeout, NetworkError, NotConnected, TlsFailed
from tests.support.servers.certificates import server_context, trusted
from tests.support.servers.names import Names, simulated
from tests.support.servers.raw import listening, reply, reset, serving

if TYPE_CHECKING:
    from pathlib import Path

    from kandil.http import Timing

NOW = datetime.now(tz=UTC)
DAY = timedelta(days=1)


async def _asked(port: int, host: str = "127.0.0.1") -> Timing:
    async with http.open_client() as client, client.send("GET", f"https://{host}:{port}/") as response:
        assert await response.read(10) == b"hello"
        return response.timing


async def _failed(port: int, host: str = "127.0.0.1") -> TlsFailed:
    with pytest.raises(TlsFailed) as failed:
        await _asked(port, host)
    error = failed.value
    assert error.host == host
    assert error.exit_code == 6
    assert error.hint
    assert isinstance(error, NotConnected)
    assert error.__cause__ is None
    return error


async def test_a_trusted_certificate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context = server_context(trusted(monkeypatch, tmp_path), "127.0.0.1")
    async with serving(reply(), context) as server:
        timing = await _asked(server.port)
    assert timing.connect_seconds is not None
    assert timing.tls_seconds is not None


@pytest.mark.parametrize(
    ("names", "options", "fault", "says"),
    [
        (["127.0.0.1"], {"not_before": NOW - 2 * DAY, "not_after": NOW - DAY}, "expired", "has expired"),
        (["127.0.0.1"], {"not_before": NOW + DAY, "not_after": NOW + 2 * DAY}, "not-yet-valid", "not valid yet"),
        (["a.example", "*.b.example"], {}, "wrong-host", "it is for a.example, *.b.example"),
    ],
)
async def test_a_certificate_that_does_not_serve(  # noqa: PLR0917
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: list[str], options: dict[str, Any], fault: str, says: str
) -> None:
    context = server_context(trusted(monkeypatch, tmp_path), *names, **options)
    async with serving(reply(), context) as server:
        error = await _failed(server.port)
    assert error.fault == fault
    assert says in error.message
    assert server.requests == []


async def test_the_names_are_asked_of_the_same_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context = server_context(trusted(monkeypatch, tmp_path), "a.example", "b.example")
    names = Names()
    names.add("c.example", ["93.184.216.34"], ["10.0.0.1"])
    async with serving(reply(), context) as server:
        connected = simulated(monkeypatch, names, {"93.184.216.34": server.port, "127.0.0.1": server.port})
        error = await _failed(443, "c.example")
    assert (error.fault, error.names) == ("wrong-host", ("a.example", "b.example"))
    assert connected == ["93.184.216.34", "127.0.0.1"]  # the second is what the first's other end is called here
    assert server.requests == []


async def test_an_unknown_issuer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trusted(monkeypatch, tmp_path)
    async with serving(reply(), server_context(trustme.CA(), "127.0.0.1")) as server:
        error = await _failed(server.port)
    assert error.fault in ("unknown-issuer", "self-signed")
    assert "SSL_CERT_FILE" in str(error.hint)


async def test_an_issuer_in_between_that_is_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    between = trusted(monkeypatch, tmp_path).create_child_ca()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = between.issue_cert("127.0.0.1")
    path = tmp_path / "server.pem"
    path.write_bytes(certificate.private_key_pem.bytes() + certificate.cert_chain_pems[0].bytes())
    context.load_cert_chain(path)
    async with serving(reply(), context) as server:
        error = await _failed(server.port)
    assert error.fault == "unknown-issuer"


async def test_without_a_setting_the_systems_own_store_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    async with serving(reply(), server_context(trustme.CA(), "127.0.0.1")) as server:
        assert (await _failed(server.port)).fault in ("unknown-issuer", "self-signed")


@pytest.mark.parametrize("text", [None, "no certificates"])
async def test_trusted_certificates_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    error = await _failed(1)
    assert error.fault == "trust-store"
    assert "SSL_CERT_FILE" in str(error.hint)


async def _raw(answer: bytes, *, rst: bool = False) -> TlsFailed:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(answer)
        if rst:
            await reset(stream)

    async with listening(serve) as port:
        return await _failed(port)


async def test_plain_http_at_the_port() -> None:
    error = await _raw(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    assert error.fault == "not-tls"
    assert "does not speak TLS" in error.message


@pytest.mark.parametrize("rst", [False, True])
async def test_a_connection_closed_in_the_handshake(*, rst: bool) -> None:
    assert (await _raw(b"", rst=rst)).fault == "closed"


async def test_an_alert_of_the_server() -> None:
    error = await _raw(b"\x15\x03\x03\x00\x02\x02\x28")
    assert error.fault == "handshake"
    assert "handshake failure" in error.message


async def test_random_bytes_for_a_handshake() -> None:
    assert (await _raw(bytes(range(256)) * 64)).fault in ("not-tls", "handshake")


async def _served_in_a_thread(context: ssl.SSLContext, listener: socket.socket) -> None:
    """By Python's own TLS sockets, which say why they end a handshake; trio's close without a word."""

    def serve() -> None:
        client, _ = listener.accept()
        with context.wrap_socket(client, server_side=True, do_handshake_on_connect=False) as secured:
            with contextlib.suppress(OSError):
                secured.do_handshake()
            with contextlib.suppress(OSError):
                while os.read(secured.fileno(), 4096):  # until the client has gone: an early end would be a reset
                    pass

    with listener:
        await trio.to_thread.run_sync(serve)


async def _refused_by(context: ssl.SSLContext) -> NetworkError:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_served_in_a_thread, context, listener)
        try:
            await _asked(port)
        except NetworkError as error:
            return error
    raise AssertionError("nothing was refused")


async def test_only_old_versions_of_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context = server_context(trusted(monkeypatch, tmp_path), "127.0.0.1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    error = await _refused_by(context)
    assert isinstance(error, TlsFailed)
    assert (error.fault, error.reason) == ("handshake", "tlsv1 alert protocol version")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_wants_a_certificate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    authority = trusted(monkeypatch, tmp_path)
    context = server_context(authority, "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version
    authority.configure_trust(context)
    error = await _refused_by(context)
    if version is ssl.TLSVersion.TLSv1_2:
        assert isinstance(error, TlsFailed)
        assert error.fault == "handshake"
    else:  # the refusal comes after the handshake
        assert isinstance(error, ConnectionLost)
        assert "certificate required" in error.message


async def test_a_handshake_that_never_ends(autojump_clock: trio.testing.MockClock) -> None:
    async def silent(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with listening(silent) as port:
        started = trio.current_time()
        with pytest.raises(ConnectTimeout) as late:
            await _asked(port)
        assert (late.value.phase, trio.current_time() - started) == ("tls", 10)
