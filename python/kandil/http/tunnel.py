"""Through a proxy to a server: CONNECT (RFC 9110, 9.3.6) and SOCKS5 (RFC 1928, 1929). The proxy looks the name up."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Final

import trio

from kandil.errors import ProxyFailed
from kandil.http import tls
from kandil.http.addresses import parsed

if TYPE_CHECKING:
    import ssl

    from kandil.http.proxies import Proxy

_LARGEST_HEAD_BYTES: Final = 16 << 10
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r]")
_CLOSED: Final = "it has closed the connection"
_NO_USER, _PASSWORD, _NO_METHOD = 0, 2, 0xFF
_ADDRESS_BYTES: Final = {1: 4, 4: 16}
_REFUSALS: Final = {
    1: "it failed",
    2: "its rules do not allow it",
    3: "it cannot reach the network",
    4: "it cannot reach the host",
    5: "nobody listens there",
    6: "it waited too long",
    7: "it cannot make connections",
    8: "it does not know such addresses",
}


async def secured(stream: trio.SocketStream, proxy: Proxy, context: ssl.SSLContext) -> trio.abc.Stream:
    """To a proxy that is itself spoken to by TLS. Raises: TlsFailed, with the proxy as its host."""
    inside: trio.SSLStream[trio.SocketStream] = trio.SSLStream(
        stream, context, server_hostname=proxy.host, https_compatible=True
    )
    try:
        await inside.do_handshake()
    except trio.BrokenResourceError as broken:
        error = tls.failure(proxy.host, broken)
    else:
        return inside
    raise error


async def lead(stream: trio.abc.Stream, proxy: Proxy, host: str, port: int) -> None:
    """What is sent from now on goes to the host. Raises: ProxyFailed."""
    try:
        if proxy.scheme == "socks5":
            await _socks5(stream, proxy, host, port)
        else:
            await _connect(stream, proxy, host, port)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        closed = True
    else:
        closed = False
    if closed:
        raise ProxyFailed(host, str(proxy), _CLOSED)


async def _connect(stream: trio.abc.Stream, proxy: Proxy, host: str, port: int) -> None:
    to = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {to} HTTP/1.1", f"Host: {to}"]
    if proxy.user:
        lines.append(f"Proxy-Authorization: Basic {b64encode(':'.join(proxy.user).encode()).decode()}")
    await stream.send_all("".join(f"{line}\r\n" for line in (*lines, "")).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):  # the server says nothing before we do: nothing follows the head
        part = await stream.receive_some(_LARGEST_HEAD_BYTES)
        if not part:
            raise ProxyFailed(host, str(proxy), _CLOSED)
        head += part
        status = _STATUS.match(head)
        if status and not status[1].startswith(b"2"):
            raise ProxyFailed(host, str(proxy), f"it answered {status[1].decode()}", status=int(status[1]))
        if (len(head) > 12 and not status) or len(head) > _LARGEST_HEAD_BYTES:  # noqa: PLR2004 (a status line's)
            raise ProxyFailed(host, str(proxy), "what answers is no HTTP proxy")


async def _socks5(stream: trio.abc.Stream, proxy: Proxy, host: str, port: int) -> None:
    methods = bytes([_NO_USER, _PASSWORD] if proxy.user else [_NO_USER])
    await stream.send_all(bytes([5, len(methods)]) + methods)
    version, method = await _exactly(stream, 2, proxy, host)
    if version != 5 or method not in (*methods, _NO_METHOD):  # noqa: PLR2004
        raise ProxyFailed(host, str(proxy), "what answers is no SOCKS5 proxy")
    if method == _PASSWORD and proxy.user:
        name, password = (part.encode()[:255] for part in proxy.user)
        await stream.send_all(bytes([1, len(name)]) + name + bytes([len(password)]) + password)
        _, refused = await _exactly(stream, 2, proxy, host)
        if refused:
            raise ProxyFailed(host, str(proxy), "it knows no such name and password", status=407)
    elif method == _NO_METHOD:
        raise ProxyFailed(host, str(proxy), "it wants another name and password, or one at all", status=407)
    await stream.send_all(b"\x05\x01\x00" + _socks_address(host) + port.to_bytes(2))
    version, answer, _, kind = await _exactly(stream, 4, proxy, host)
    if version != 5 or answer:  # noqa: PLR2004
        raise ProxyFailed(host, str(proxy), _REFUSALS.get(answer, "it refused"))
    length = _ADDRESS_BYTES.get(kind) or (await _exactly(stream, 1, proxy, host))[0]
    await _exactly(stream, length + 2, proxy, host)


def _socks_address(host: str) -> bytes:
    if address := parsed(host):
        return bytes([1 if address.version == 4 else 4]) + address.packed  # noqa: PLR2004
    return bytes([3, len(host)]) + host.encode()


async def _exactly(stream: trio.abc.Stream, size: int, proxy: Proxy, host: str) -> bytes:
    data = b""
    while len(data) < size:
        part = await stream.receive_some(size - len(data))
        if not part:
            raise ProxyFailed(host, str(proxy), _CLOSED)
        data += part
    return data
