"""Requests to servers that may be anyone's: bounded in time and size, and a key goes to the origin it is for alone.

`open_client()` is what the rest of kandil uses; nothing is loaded for it until then. On trio, and on httpcore2: the
part of httpx2 that opens, keeps and reads connections. What httpx2 lays over it (cookies, redirects, decoding,
the environment's settings) would be switched off here, its errors hold the request, and so the key, and it has no place
for a network of one's own, where addresses are checked.

HTTP/1.1 alone: httpcore2 2.16 ends no HTTP/2 stream when its request is cancelled, and a provider would go on
generating what nobody reads and somebody pays for. A closed connection is noticed at once.
"""

from typing import TYPE_CHECKING

from kandil.http.timeouts import Timeouts, Timing

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from kandil.http.client import Client
    from kandil.http.response import Response

__all__ = ["Client", "Response", "Timeouts", "Timing", "open_client"]


def open_client(timeouts: Timeouts | None = None) -> "AbstractAsyncContextManager[Client]":
    """One for a run, to be entered by ``async with``. Connections are kept for the next request to an origin."""
    from kandil.http.client import Client  # noqa: PLC0415 (httpcore2 and ssl take a fifth of a start)

    return Client(timeouts or Timeouts())


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415

        if name not in ("Client", "Response"):
            raise AttributeError(f"module 'kandil.http' has no attribute {name!r}", name=name)
        return getattr(import_module(f"kandil.http.{name.lower()}"), name)
