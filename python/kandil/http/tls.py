"""TLS: always verified, against what the system trusts; and why it failed."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final

import httpcore2

from kandil.errors import TlsFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kandil.errors.network import TlsFault

_CERTIFICATE_FAULTS: Final[dict[int, TlsFault]] = {  # OpenSSL's X509_V_ERR_*
    9: "not-yet-valid",
    10: "expired",
    18: "self-signed",
    19: "self-signed",
    2: "unknown-issuer",
    20: "unknown-issuer",
    21: "unknown-issuer",
    23: "revoked",
    62: "wrong-host",
    64: "wrong-host",
}
_NOT_TLS: Final = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
_MOST_NAMES: Final = 8


def context(host: str, *, any_name: bool = False) -> ssl.SSLContext:
    """What trusts whom the system trusts: its own store on macOS and Windows, OpenSSL's on Linux.

    SSL_CERT_FILE and SSL_CERT_DIR take that store's place, as for OpenSSL itself. With `any_name`, a certificate may
    be for another host: such a connection is for looking at its names alone.

    Raises: TlsFailed, where those cannot be read.
    """
    try:
        made = httpcore2.default_ssl_context()
    except OSError as error:  # ssl.SSLError is one
        raise TlsFailed(host, "trust-store", reason=error.strerror or "") from None
    if any_name:
        made.check_hostname = False
    return made


def failure(host: str, error: BaseException) -> TlsFailed:
    """Why the handshake failed: trio's errors say nothing, and have OpenSSL's as their cause."""
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            fault = _CERTIFICATE_FAULTS.get(cause.verify_code, "certificate")
            return TlsFailed(host, fault, reason=cause.verify_message)
        if isinstance(cause, ssl.SSLEOFError):
            return TlsFailed(host, "closed")
        if isinstance(cause, ssl.SSLError):
            reason = cause.reason or ""
            return TlsFailed(host, "not-tls" if reason in _NOT_TLS else "handshake", reason=_words(reason))
        if isinstance(cause, ConnectionError):
            return TlsFailed(host, "closed", reason="reset")
    return TlsFailed(host, "closed")


def alert(error: BaseException) -> str:
    """What OpenSSL says of a connection that broke after the handshake; empty where TLS was not the cause."""
    reasons = (cause.reason for cause in causes(error) if isinstance(cause, ssl.SSLError))
    return _words(next(filter(None, reasons), ""))


def names(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Whom the certificate is for, the first few."""
    return tuple(str(name) for _, name in (certificate or {}).get("subjectAltName", ()))[:_MOST_NAMES]


def _words(reason: str) -> str:
    return reason.replace("_", " ").lower()


def causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
