"""What the core's transport says of a failure, as an error of kandil's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kandil import errors
from kandil.errors import network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kandil.errors import NetworkError


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of whom, as far as errors tell it. Times are seconds."""

    host: str
    port: int
    proxy: str = ""
    connect_seconds: float = 0
    first_byte_seconds: float = 0
    idle_seconds: float = 0
    total_seconds: float | None = None


_MADE: Final[Mapping[str, Callable[[Asked, dict[str, Any]], NetworkError]]] = {
    "url-unusable": lambda asked, said: errors.UrlUnusable(asked.host, **said),
    "host-not-found": lambda asked, said: errors.HostNotFound(asked.host, **said),
    "address-refused": lambda asked, said: errors.AddressRefused(asked.host, **said),
    "connection-refused": lambda asked, said: errors.ConnectionRefused(asked.host, asked.port, **said),
    "no-route": lambda asked, said: errors.NoRoute(asked.host, asked.port, **said),
    "connect-failed": lambda asked, said: errors.ConnectFailed(asked.host, asked.port, **said),
    "connect-timeout": lambda asked, said: errors.ConnectTimeout(
        asked.host, wait_seconds=asked.connect_seconds, **said
    ),
    "tls-failed": lambda asked, said: errors.TlsFailed(asked.host, **said),
    "proxy-failed": lambda asked, said: errors.ProxyFailed(asked.host, asked.proxy, **said),
    "connection-lost": lambda asked, said: errors.ConnectionLost(asked.host, **said),
    "send-timeout": lambda asked, said: errors.SendTimeout(asked.host, asked.idle_seconds, **said),
    "first-byte-timeout": lambda asked, said: errors.FirstByteTimeout(asked.host, asked.first_byte_seconds, **said),
    "body-cut": lambda asked, said: errors.BodyCut(asked.host, **said),
    "idle-timeout": lambda asked, said: errors.IdleTimeout(asked.host, asked.idle_seconds, **said),
    "total-timeout": lambda asked, said: errors.TotalTimeout(asked.host, asked.total_seconds or 0, **said),
    "reply-too-large": lambda asked, said: errors.ReplyTooLarge(asked.host, **said),
    "reply-malformed": lambda asked, said: errors.ReplyMalformed(asked.host, **said),
}


def error(asked: Asked, fault: tuple[str, dict[str, Any]]) -> network.NetworkError:
    """It is a NotConnected where nothing can have been sent."""
    kind, said = fault
    return _MADE[kind](asked, said)
