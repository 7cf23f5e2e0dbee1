"""URLs, read in one way only: what was checked is what is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote, urljoin, urlsplit

from kandil.errors import UrlUnusable
from kandil.http.addresses import Zone, is_metadata_name, parsed, zone
from kandil.secret import without_keys

_LONGEST: Final = 8192
_SHOWN: Final = 200
_ODD: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
_LONGEST_NAME: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""How a host ends that the C library may take for an IPv4 address: 127.1, 0x7f000001."""
_TARGET: Final = "/%:@!$&'()*+,;=~?"
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Url:
    """`host` in lower case and ASCII, without brackets; `target` is path and query, as they are sent."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    target: str

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    def __str__(self) -> str:
        return self.origin + self.target


def parse(text: str) -> Url:
    """Raises: UrlUnusable, where nothing is ever sent to it. Names are not looked up here."""
    try:
        return _parse(text)
    except _Unusable as error:
        reason = str(error)
    raise UrlUnusable(_shown(text), reason)  # not as part of the other: that has the URL as it was given


def joined(base: Url, location: str) -> Url:
    """Where a redirect leads. Raises: UrlUnusable."""
    if _ODD.search(location) or len(location) > _LONGEST:
        raise UrlUnusable(_shown(location), "this is no URL")
    try:
        return parse(urljoin(str(base), location))
    except ValueError:  # urllib's own
        raise UrlUnusable(_shown(location), "this is no URL") from None


class _Unusable(Exception):
    pass


def _parse(text: str) -> Url:
    if len(text) > _LONGEST:
        raise _Unusable(f"longer than {_LONGEST} characters")
    if _ODD.search(text):
        raise _Unusable("it has a space, a backslash or a control character")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _Unusable("this is no URL") from None
    if parts.scheme not in ("http", "https"):
        raise _Unusable("it does not begin with https://")
    if "@" in parts.netloc:
        raise _Unusable("a name or a password stands before the host; keys are kept in the keyring")
    if port == 0:
        raise _Unusable("there is no port 0")
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    host = _host(host)
    if scheme == "http" and not _is_here(host):
        raise _Unusable("http:// is for servers on this machine alone; use https://")
    target = quote(parts.path or "/", safe=_TARGET) + (f"?{quote(parts.query, safe=_TARGET)}" if parts.query else "")
    return Url(scheme, host, port or _PORTS[scheme], target)


def _host(host: str) -> str:
    if not host.isascii():
        import idna  # noqa: PLC0415 (its tables are large)

        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            raise _Unusable("no host can be called this") from None
    host = host.removesuffix(".")
    if address := parsed(host):
        if zone(address) is None:
            raise _Unusable("nothing is sent to link-local, metadata, multicast or reserved addresses")
        return str(address)
    labels = host.split(".")
    if len(host) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)) or _NUMBER.fullmatch(labels[-1]):
        raise _Unusable("no host can be called this")
    if is_metadata_name(host):
        raise _Unusable("nothing is sent to clouds' metadata services")
    return host


def _is_here(host: str) -> bool:
    address = parsed(host)
    return host == "localhost" if address is None else zone(address) is Zone.LOOPBACK


def _shown(text: str) -> str:
    """Without what stands before the host, which may be a password."""
    scheme, mark, rest = text[:_LONGEST].partition("://")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if mark and "@" in authority:
        rest = rest[authority.rindex("@") + 1 :]
    shown = without_keys(scheme + mark + rest)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
