"""What an error says of other requests to the same model."""

from __future__ import annotations

from typing import Final

from kandil.errors import (
    AddressRefused,
    HostNotFound,
    KandilError,
    KeyRejected,
    KeyUnsendable,
    ModelNotOffered,
    PermissionDenied,
    ProxyFailed,
    QuotaExhausted,
    RedirectRefused,
    TlsFailed,
    UrlUnusable,
)

_FOR_ALL: Final = (
    AddressRefused, KeyRejected, KeyUnsendable, ModelNotOffered, PermissionDenied, ProxyFailed, QuotaExhausted,
    RedirectRefused, UrlUnusable,
)  # fmt: skip
_PASSING_TLS: Final = ("closed", "handshake")


def holds_for_all(error: KandilError) -> bool:
    """Whether the same would come of every other request: this one has not failed for its own reasons."""
    if isinstance(error, TlsFailed):
        return error.fault not in _PASSING_TLS
    if isinstance(error, HostNotFound):
        return not error.temporary
    return isinstance(error, _FOR_ALL)
