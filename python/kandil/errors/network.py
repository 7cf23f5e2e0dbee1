"""A server was not reached, or did not answer as servers do."""

from __future__ import annotations

from typing import Final, Literal

from kandil.errors.root import KandilError

_OLLAMA_PORT: Final = 11434
_LOOPBACK: Final = ("localhost", "127.", "::1")


def _is_loopback(host: str) -> bool:
    return host.startswith(_LOOPBACK)


class NetworkError(KandilError):
    """What happened between this machine and `host`."""

    exit_code = 6
    code = "network"

    def __init__(self, host: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.host = host


class UrlUnusable(NetworkError):
    """Nothing is asked of this URL: it is malformed, or not one that kandil sends anything to."""

    exit_code = 9
    code = "url-unusable"

    def __init__(self, url: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__("", f"{url}: {reason}", hint=hint or "see the base_url in `kandil config show`")
        self.url, self.reason = url, reason


class KeyUnsendable(NetworkError):
    """The key has characters that cannot stand in a header. Nothing was sent."""

    exit_code = 5
    code = "key-unsendable"

    def __init__(self, host: str) -> None:
        super().__init__(
            host,
            f"the key for {host} has a space, a line break or another character that no key has",
            hint="`kandil auth set PROVIDER` stores it anew; copy the key alone",
        )


class NotConnected(NetworkError):
    """No connection was made: nothing was sent, and trying again repeats nothing."""

    code = "not-connected"


class AddressRefused(NotConnected):
    """The host's address is one that kandil never connects to, or not from where it was asked to."""

    code = "address-refused"

    def __init__(self, host: str, address: str, reason: str, *, hint: str | None = None) -> None:
        where = host if host == address else f"{host} ({address})"
        super().__init__(host, f"{where} is not connected to: {reason}", hint=hint)
        self.address, self.reason = address, reason


class HostNotFound(NotConnected):
    """The name has no address. `temporary`: the name server did not answer, so nothing is known."""

    code = "host-not-found"

    def __init__(self, host: str, reason: str, *, temporary: bool) -> None:
        hint = "check the network and its name server" if temporary else "check the name, and that the network is up"
        super().__init__(host, f"the name {host} has no address: {reason}", hint=hint)
        self.reason, self.temporary = reason, temporary


class ConnectionRefused(NotConnected):
    """The machine is there, and nobody listens at the port."""

    code = "connection-refused"

    def __init__(self, host: str, port: int) -> None:
        hint = "check the port, and that the server is running"
        if _is_loopback(host):
            start = " `ollama serve` starts Ollama" if port == _OLLAMA_PORT else ""
            hint = f"is the server running on this machine?{start}"
        super().__init__(host, f"nobody listens at {host} port {port}", hint=hint)
        self.port = port


class NoRoute(NotConnected):
    """This machine knows no way to the address."""

    code = "no-route"

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(host, f"no way leads to {host} port {port}: {reason}", hint="check that the network is up")
        self.port, self.reason = port, reason


class ConnectFailed(NotConnected):
    """The system gave another reason for making no connection."""

    code = "connect-failed"

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(host, f"cannot connect to {host} port {port}: {reason}", hint="check the network and firewall")
        self.port, self.reason = port, reason


class ConnectTimeout(NotConnected):
    """No connection within `wait_seconds`; `phase` is what was waited for."""

    code = "connect-timeout"
    _PHASES: Final = {
        "name": ("the name server", "check the network's name server"),
        "tcp": ("its machine", "check the network; a firewall may swallow connections"),
        "proxy": ("the proxy", "check HTTPS_PROXY"),
        "tls": ("the TLS handshake", "a proxy or firewall between may hold it up"),
    }

    def __init__(self, host: str, phase: Literal["name", "tcp", "proxy", "tls"], wait_seconds: float) -> None:
        waited, hint = self._PHASES[phase]
        super().__init__(host, f"{host}: no answer from {waited} within {wait_seconds:g} s", hint=hint)
        self.phase, self.wait_seconds = phase, wait_seconds


TlsFault = Literal[
    "expired", "not-yet-valid", "wrong-host", "unknown-issuer", "self-signed", "revoked", "certificate",
    "not-tls", "closed", "handshake", "trust-store",
]  # fmt: skip


class TlsFailed(NotConnected):
    """There is no connection that can be trusted. `names` are those of the certificate, where it is another's."""

    code = "tls-failed"
    _SAID: Final[dict[TlsFault, tuple[str, str]]] = {
        "expired": ("its certificate has expired", "check this machine's clock; else its owner must renew it"),
        "not-yet-valid": ("its certificate is not valid yet", "check this machine's clock"),
        "wrong-host": ("its certificate is for another name", "check the URL; who answers is not who was asked"),
        "unknown-issuer": (
            "nobody whom this system trusts has issued its certificate",
            "a company's proxy needs its certificate in the system's trust store, or SSL_CERT_FILE naming a file of it",
        ),
        "self-signed": (
            "its certificate is signed by itself or by an issuer that this system does not trust",
            "your own server, or a company's proxy: add its certificate to the system's, or name it in SSL_CERT_FILE",
        ),
        "revoked": ("its certificate was revoked", "do not send it anything; ask its owner"),
        "certificate": ("its certificate cannot be trusted", "ask the server's owner"),
        "not-tls": ("what answers does not speak TLS", "check the port; http:// is for servers on this machine alone"),
        "closed": ("the connection was closed in the TLS handshake", "a firewall or proxy may cut it; check the port"),
        "handshake": (
            "the TLS handshake failed",
            "the server may only know old versions of TLS, or want a certificate",
        ),
        "trust-store": ("the trusted certificates cannot be read", "check SSL_CERT_FILE and SSL_CERT_DIR"),
    }

    def __init__(self, host: str, fault: TlsFault, *, reason: str = "", names: tuple[str, ...] = ()) -> None:
        said, hint = self._SAID[fault]
        detail = f"it is for {', '.join(names)}" if names else reason
        super().__init__(host, f"{host}: {said}{f' ({detail})' if detail else ''}", hint=hint)
        self.fault, self.reason, self.names = fault, reason, names


class ProxyFailed(NotConnected):
    """The proxy made no connection. `proxy` is its address without what its user is called; `status` what it said."""

    code = "proxy-failed"

    def __init__(self, host: str, proxy: str, reason: str, *, status: int | None = None) -> None:
        hint = "check HTTPS_PROXY; hosts in NO_PROXY are reached without it"
        if status == 407:  # noqa: PLR2004
            hint = "the proxy wants a name and a password: HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT"
        super().__init__(host, f"the proxy {proxy} does not lead to {host}: {reason}", hint=hint)
        self.proxy, self.reason, self.status = proxy, reason, status


class ConnectionLost(NetworkError):
    """The connection ended before a reply: whether the server has done what was asked is not known.

    `reused`: it had brought a reply before, and was most likely closed for having been idle.
    """

    code = "connection-lost"

    def __init__(self, host: str, how: Literal["reset", "closed"], *, reason: str = "", reused: bool = False) -> None:
        said = "reset" if how == "reset" else "closed"
        detail = f" ({reason})" if reason else ""
        super().__init__(host, f"{host}: the connection was {said} before a reply{detail}", hint="try again")
        self.how, self.reason, self.reused = how, reason, reused


class SendTimeout(NetworkError):
    """The server took nothing more of the request for `wait_seconds`."""

    code = "send-timeout"

    def __init__(self, host: str, wait_seconds: float) -> None:
        super().__init__(host, f"{host} stopped taking the request for {wait_seconds:g} s", hint="try again later")
        self.wait_seconds = wait_seconds


class FirstByteTimeout(NetworkError):
    """The request was sent, and no whole reply head came within `wait_seconds`."""

    code = "first-byte-timeout"

    def __init__(self, host: str, wait_seconds: float) -> None:
        hint = "the server may be loading the model; try again" if _is_loopback(host) else "try again later"
        super().__init__(host, f"{host} took the request and did not reply within {wait_seconds:g} s", hint=hint)
        self.wait_seconds = wait_seconds


class BodyBroken(NetworkError):
    """The reply began and did not end: the chunks before this error are what came.

    `received_bytes` as they were sent (still compressed); `expected_bytes` where the server said how many.
    """

    code = "body-broken"

    def __init__(self, host: str, what: str, received_bytes: int, expected_bytes: int | None) -> None:
        of = f" of {expected_bytes}" if expected_bytes is not None else ""
        super().__init__(host, f"{host}: {what} after {received_bytes}{of} bytes of the reply", hint="try again")
        self.received_bytes, self.expected_bytes = received_bytes, expected_bytes


class BodyCut(BodyBroken):
    """The connection ended within the body."""

    code = "body-cut"

    def __init__(
        self, host: str, how: Literal["reset", "closed"], received_bytes: int, expected_bytes: int | None
    ) -> None:
        super().__init__(host, f"the connection was {how}", received_bytes, expected_bytes)
        self.how = how


class IdleTimeout(BodyBroken):
    """Nothing more of the body came for `wait_seconds`."""

    code = "idle-timeout"

    def __init__(self, host: str, wait_seconds: float, received_bytes: int, expected_bytes: int | None) -> None:
        super().__init__(host, f"nothing came for {wait_seconds:g} s", received_bytes, expected_bytes)
        self.wait_seconds = wait_seconds


class TotalTimeout(BodyBroken):
    """Request and reply, redirects included, were not through after `wait_seconds`."""

    code = "total-timeout"

    def __init__(self, host: str, wait_seconds: float, received_bytes: int, expected_bytes: int | None) -> None:
        super().__init__(host, f"not through after {wait_seconds:g} s,", received_bytes, expected_bytes)
        self.wait_seconds = wait_seconds


class ReplyTooLarge(NetworkError):
    """The reply's head or body goes on past what was allowed; the rest was not read."""

    code = "reply-too-large"

    def __init__(self, host: str, part: Literal["head", "body"], largest_bytes: int, *, bomb: bool = False) -> None:
        what = "is compressed as no honest reply is" if bomb else f"is longer than {largest_bytes} bytes"
        super().__init__(host, f"{host}: the {part} of the reply {what}", hint="is this the server that you meant?")
        self.part, self.largest_bytes, self.bomb = part, largest_bytes, bomb


class ReplyMalformed(NetworkError):
    """What came is not HTTP, or not as HTTP says."""

    code = "reply-malformed"

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(host, f"{host}: {reason}", hint="is this the server that you meant? check the URL's port")
        self.reason = reason


class RedirectRefused(NetworkError):
    """The server points elsewhere, and kandil does not go there."""

    code = "redirect-refused"

    def __init__(self, host: str, to: str, reason: str) -> None:
        super().__init__(
            host, f"{host} redirects to {to}: {reason}", hint="if that is right, put the new address into base_url"
        )
        self.to, self.reason = to, reason
