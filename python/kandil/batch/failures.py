"""What a row got instead of an answer, as an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from kandil import providers
from kandil.errors import KandilError, RedirectRefused, ReplyUnreadable, UrlUnusable
from kandil.http import faults, urls

if TYPE_CHECKING:
    from kandil.batch.order import Sending
    from kandil.providers import Endpoint

CONNECT_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 60.0
Refusal = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers, body."""
Fault = tuple[str, dict[str, Any]]


def error_of(
    endpoint: Endpoint,
    sending: Sending,
    refusal: Refusal | None,
    malformed: str | None,
    fault: Fault | None,
) -> KandilError:
    """Of the last three, one is not None."""
    if refusal is not None:
        status, headers, body = refusal
        if 300 <= status < 400:  # noqa: PLR2004 - redirects
            return _redirected(endpoint, dict(headers).get("location", ""))
        return providers.refusal(endpoint, status, dict(headers), body)
    if fault is not None:
        url = urlsplit(endpoint.url)
        asked = faults.Asked(
            host=url.hostname or "",
            port=url.port or (443 if url.scheme == "https" else 80),
            connect_seconds=CONNECT_SECONDS,
            first_byte_seconds=sending.first_byte_seconds,
            idle_seconds=IDLE_SECONDS,
            total_seconds=sending.total_seconds,
        )
        return faults.error(asked, fault)
    return ReplyUnreadable(endpoint.provider, malformed or "it is empty")


def _redirected(endpoint: Endpoint, location: str) -> RedirectRefused:
    """What was sent is sent nowhere else."""
    here = urls.parse(endpoint.url)
    try:
        to = str(urls.joined(here, location))
    except UrlUnusable as error:
        return RedirectRefused(here.host, error.url, error.reason)
    return RedirectRefused(here.host, to, "what was sent is not sent elsewhere")
