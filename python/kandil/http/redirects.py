"""Where a reply points to, and whether kandil goes there: with the key to its own origin alone, and never inwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from kandil.errors import RedirectRefused, UrlUnusable
from kandil.http import urls
from kandil.http.addresses import Zone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kandil.http.response import Response
    from kandil.http.upload import Upload

MOST: Final = 10
_STATUSES: Final = {301, 302, 303, 307, 308}
_BODILESS: Final = {"GET", "HEAD"}
_SAME_METHOD: Final = {307, 308}
_FOR_ANYONE: Final = {"accept", "accept-encoding", "range", "if-range"}
"""Headers that say nothing of who asks."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One request of those that redirects make of one."""

    method: str
    url: urls.Url
    headers: Mapping[str, str]
    body: bytes | Upload
    keyed: bool
    """The key goes along."""
    reach: Zone = Zone.LOOPBACK
    """How far inside the server may be: the user's own URL may name any."""


def after(hop: Hop, response: Response) -> Hop | None:
    """The next one; None where the reply is no redirect. Raises: RedirectRefused."""
    location = response.headers.get("location")
    if response.status not in _STATUSES or location is None:
        return None
    host = hop.url.host
    try:
        url = urls.joined(hop.url, location.encode("latin-1").decode())
    except UrlUnusable as error:
        raise RedirectRefused(host, error.url, error.reason) from None
    except UnicodeDecodeError:
        raise RedirectRefused(host, "no URL", "it is no text") from None
    if url.scheme == "http" and hop.url.scheme == "https":
        raise RedirectRefused(host, url.origin, "it leads from https:// to http://")
    elsewhere = url.origin != hop.url.origin
    if hop.method not in _BODILESS and (elsewhere or response.status not in _SAME_METHOD):
        raise RedirectRefused(host, url.origin if elsewhere else str(url), "what was sent is not sent elsewhere")
    if not elsewhere:
        return replace(hop, url=url)
    headers = {name: value for name, value in hop.headers.items() if name.lower() in _FOR_ANYONE}
    return Hop(hop.method, url, headers, b"", keyed=False, reach=min(hop.reach, response.zone))
