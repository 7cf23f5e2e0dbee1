"""The proxy that the environment names: HTTPS_PROXY, ALL_PROXY, NO_PROXY, in small letters first, as for curl.

HTTP_PROXY is for http:// alone, which only goes to this machine, which is never asked through a proxy: it has no
effect. Through a proxy, the proxy looks names up; that a name leads to no address that is refused is then its part.
What is sent is inside TLS to the server: the proxy sees the host's name, and never a key.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import unquote, urlsplit

from kandil.errors import ProxyFailed
from kandil.http.addresses import Zone, parsed, zone

if TYPE_CHECKING:
    from kandil.http.urls import Url

_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    scheme: Literal["http", "https", "socks5"]
    host: str
    port: int
    user: tuple[str, str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Without its user's name and password."""
        return f"{self.scheme}://{self.host}:{self.port}"


def proxy_for(url: Url) -> Proxy | None:
    """The one to go through, None to go straight. Raises: ProxyFailed, where the variable names none."""
    address = parsed(url.host)
    if url.scheme == "http" or url.host == "localhost" or (address and zone(address) is Zone.LOOPBACK):
        return None
    given = _variable("https_proxy") or _variable("all_proxy")
    if not given or _is_exempt(url.host, url.port, _variable("no_proxy")):
        return None
    proxy = _parsed(given)
    if proxy is None:
        raise ProxyFailed(
            url.host, "of the environment", "HTTPS_PROXY or ALL_PROXY is no URL of an HTTP or SOCKS proxy"
        )
    return proxy


def _variable(name: str) -> str:
    return (os.environ.get(name) or os.environ.get(name.upper()) or "").strip()


def _parsed(text: str) -> Proxy | None:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not host or not host.isascii():
        return None
    user = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    kind: Literal["http", "https", "socks5"] = (
        "socks5" if scheme.startswith("socks5") else "https" if scheme == "https" else "http"
    )
    return Proxy(kind, host, port or _PORTS[scheme], user)


def _is_exempt(host: str, port: int, exempt: str) -> bool:
    address = parsed(host)
    for word in exempt.lower().replace(",", " ").split():
        name, _, only = word.rpartition(":")
        if name and only.isdigit() and (":" not in name or name.endswith("]")):
            if int(only) != port:
                continue
        else:
            name = word
        if name == "*":
            return True
        name = name.strip("[]").removeprefix("*").removeprefix(".")
        if address:
            try:
                if address in ip_network(name, strict=False):
                    return True
            except ValueError:
                continue
        elif name and (host == name or host.endswith(f".{name}")):
            return True
    return False
