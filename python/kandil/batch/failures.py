"""What a row got instead of an answer, as an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kandil import providers
from kandil.errors import KandilError, NetworkError, ReplyUnreadable

if TYPE_CHECKING:
    from kandil.providers import Endpoint


def error_of(endpoint: Endpoint, refusal: Any, malformed: str | None, fault: Any) -> KandilError:
    """`refusal` is status, headers and body; exactly one of the three is not None."""
    if refusal is not None:
        status, headers, body = refusal
        return providers.refusal(endpoint, status, dict(headers), body)
    if malformed is not None:
        return ReplyUnreadable(endpoint.provider, malformed)
    kind, reason = fault
    host = urlsplit(endpoint.url).hostname or ""
    return NetworkError(host, f"{host}: {kind}: {reason}")
