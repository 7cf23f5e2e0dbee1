"""What a row got instead of an answer, as an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from kandil import providers
from kandil.errors import KandilError, ReplyUnreadable
from kandil.http import faults

if TYPE_CHECKING:
    from kandil.providers import Endpoint

CONNECT_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 60.0
Refusal = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers, body."""
Fault = tuple[str, dict[str, Any]]


def error_of(
    endpoint: Endpoint,
    first_byte_seconds: float,
    refusal: Refusal | None,
    malformed: str | None,
    fault: Fault | None,
) -> KandilError:
    """Of the last three, one is not None."""
    if refusal is not None:
        status, headers, body = refusal
        return providers.refusal(endpoint, status, dict(headers), body)
    if fault is not None:
        url = urlsplit(endpoint.url)
        asked = faults.Asked(
            host=url.hostname or "",
            port=url.port or (443 if url.scheme == "https" else 80),
            connect_seconds=CONNECT_SECONDS,
            first_byte_seconds=first_byte_seconds,
            idle_seconds=IDLE_SECONDS,
        )
        return faults.error(asked, fault)
    return ReplyUnreadable(endpoint.provider, malformed or "it is empty")
