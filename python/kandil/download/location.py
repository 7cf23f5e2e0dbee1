"""Where a file is now, and which version of it: asked of its source before each attempt to fetch it.

Sources point to storage by addresses that are signed and expire, so that asking again also renews those.
"""

from __future__ import annotations

import json
import math
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from kandil.download.again import TryAgain, is_passing
from kandil.errors import DownloadForbidden, DownloadRefused, NetworkError, SizeDiffers
from kandil.http import dialling, urls
from kandil.http.bearer import anonymous_token
from kandil.http.key import key_header
from kandil.http.proxies import proxy_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv6Address

    from kandil.download.remote import Remote
    from kandil.http import Client, Response
    from kandil.http.addresses import Zone
    from kandil.secret import Secret

_AUTH: Final = ("authorization", "Bearer")
_RANGE: Final = re.compile(r"bytes (?:0-0|\*)/([0-9]{1,18})")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_CODE: Final = re.compile(r"[A-Za-z]{1,40}")
_GONE: Final = {404: "it is not there", 410: "it is not there any more"}
_PASSING: Final = {408, 425, 429}
_LONGEST_WAIT_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """What a source says of a file, where it has led."""

    url: urls.Url
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    """The key, where `url` is its own."""
    size_bytes: int | None
    ranged: bool
    """Parts of it can be asked for."""
    etag: str | None
    modified: str | None
    addresses: tuple[IPv4Address | IPv6Address, ...]
    """Of `url`'s host, none further inside than the one that answered; none where a proxy looks it up."""
    once: str = field(default_factory=secrets.token_hex)
    """Of this answer alone."""

    @property
    def condition(self) -> str | None:
        """For ``If-Range``: a strong validator (RFC 9110, 13.1.5)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified

    def identity(self, remote: Remote) -> str:
        """What must be the same for parts of the file to belong together: a line."""
        said = {
            "etag": self.etag,
            "modified": self.modified,
            "revision": remote.revision,
            "sha256": remote.sha256,
            "size": self.size_bytes,
        }
        if not (self.etag or self.modified or remote.sha256):
            said["once"] = self.once  # nobody could tell later whether it is the same
        return json.dumps(said)


async def locate(client: Client, remote: Remote, secret: Secret | None) -> Location:
    """Asks for the first byte, and follows redirects: the key goes to the origin of the URL alone, and so does a token
    that its server has anybody ask for.

    Raises: TryAgain; DownloadForbidden, DownloadRefused, SizeDiffers, another NetworkError: asking again is no use.
    """
    headers = {"range": "bytes=0-0", "accept-encoding": "identity"}
    try:
        async with client.send("GET", remote.url, headers=headers, auth=_AUTH, secret=secret) as response:
            token = None if secret else await anonymous_token(client, response)
            if token is None:
                return await _location(response, remote, secret)
        async with client.send("GET", remote.url, headers=headers, auth=_AUTH, secret=token) as response:
            return await _location(response, remote, token)
    except NetworkError as error:
        if is_passing(error):
            raise TryAgain(error.message, met=False) from error
        raise


async def _location(response: Response, remote: Remote, secret: Secret | None) -> Location:
    url, said = urls.parse(response.url), response.headers
    secret = secret if response.keyed else None
    _check(response, remote, url, had_key=secret is not None)
    coding = said.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise packed(url.host, remote.name, coding)
    ranged = response.status != HTTPStatus.OK
    size_bytes = _size_of_all(said, remote, url) if ranged else _size_of_body(said, remote, url)
    if remote.size_bytes is not None and size_bytes != remote.size_bytes:
        raise SizeDiffers(remote.name, url.host, remote.size_bytes, size_bytes or 0)
    return Location(
        url=url,
        headers=(key_header(url.host, _AUTH, secret),) if secret else (),
        size_bytes=size_bytes,
        ranged=ranged,
        etag=said.get("etag"),
        modified=said.get("last-modified"),
        addresses=await _addresses(url, response.zone),
    )


async def _addresses(url: urls.Url, reach: Zone) -> tuple[IPv4Address | IPv6Address, ...]:
    if proxy_for(url):
        return ()
    found = await dialling.look_up(url.host, url.port, reach, here=url.scheme == "http")
    return tuple(map(ip_address, found))


def _size_of_all(said: Mapping[str, str], remote: Remote, url: urls.Url) -> int:
    """Of the file that the reply is a part of."""
    found = _RANGE.fullmatch(said.get("content-range", ""))
    if found is None:
        raise DownloadRefused(url.host, remote.name, "it sends another part than it was asked for")
    return int(found[1])


def _size_of_body(said: Mapping[str, str], remote: Remote, url: urls.Url) -> int | None:
    """Of the file that the reply is. None: its end says so."""
    found = _LENGTH.fullmatch(said.get("content-length", ""))
    size_bytes = int(found[0]) if found else remote.size_bytes
    if size_bytes is None and remote.sha256 is None and "transfer-encoding" not in said:
        raise DownloadRefused(url.host, remote.name, "it does not say how long it is, and no digest was published")
    return size_bytes


def _check(response: Response, remote: Remote, url: urls.Url, *, had_key: bool) -> None:
    """Raises, unless the reply is of the file."""
    status = response.status
    if status in (200, 206, 416):  # the last: it is empty, and has no first byte
        return
    if status in (401, 403) and url.origin == urls.parse(remote.url).origin:
        raise DownloadForbidden(url.host, remote.name, status, remote.key_name, had_key=had_key)
    raise refusal(url.host, remote.name, status, response.headers)


def refusal(host: str, file: str, status: int, headers: Mapping[str, str]) -> TryAgain | DownloadRefused:
    """What it means that a server answers so."""
    said = f"it answers with HTTP {status}"
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        wait_seconds = _retry_after(headers)
        asks = f" and asks to wait {wait_seconds:.0f} s" if wait_seconds else ""
        return TryAgain(f"{host} answers with HTTP {status}{asks}", wait_seconds=wait_seconds)
    code = headers.get("x-error-code", "")  # of Hugging Face: RepoNotFound, GatedRepo
    reason = _GONE.get(status, said) + (f" ({code})" if _CODE.fullmatch(code) else "")
    return DownloadRefused(host, file, reason, status=status)


def packed(host: str, file: str, coding: str) -> DownloadRefused:
    """The server has compressed it by mistake."""
    known = coding if _CODE.fullmatch(coding) else "something"
    return DownloadRefused(host, file, f"it sends it packed as {known}, though asked not to: that was not published")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds; a date is read by the server's clock (RFC 9110, 10.2.3)."""
    said = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", said):
        seconds = float(said)
    elif then := _moment(said):
        seconds = (then - (_moment(headers.get("date", "")) or datetime.now(UTC))).total_seconds()
    else:
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS) if math.isfinite(seconds) else None


def _moment(date: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 (slow to load, and hardly ever needed)

    try:
        found = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
