"""Registries that give a token to anybody, and want to see it: a 401 says where to ask.

Source: "Token Authentication Specification" of distribution, the registry that others follow.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import msgspec

from kandil.errors import UrlUnusable
from kandil.http import urls
from kandil.secret import Secret

if TYPE_CHECKING:
    from kandil.http.client import Client
    from kandil.http.response import Response

_UNAUTHORIZED: Final = 401
_CHALLENGE: Final = re.compile(r"\s*Bearer\s+(.{1,4000})", re.IGNORECASE | re.DOTALL)
_SAID: Final = re.compile(r'([a-z]{1,20})="([^"]{0,2000})"')
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,16000}")
_LARGEST_BYTES: Final = 64 << 10


class _Answer(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None


async def anonymous_token(client: Client, reply: Response) -> Secret | None:
    """What the one who has answered so would like to see. None: it is no such answer, or nobody gives it.

    It is asked for over https, or where the registry itself is: none sends kandil into a network by plain HTTP.

    Raises: NetworkError.
    """
    challenge = _CHALLENGE.match(reply.headers.get("www-authenticate", ""))
    if reply.status != _UNAUTHORIZED or not reply.keyed or challenge is None:
        return None
    said = dict(_SAID.findall(challenge[1]))
    try:
        url = urls.parse(said.pop("realm", ""))
    except UrlUnusable:
        return None
    if url.scheme != "https" and url.host != urls.parse(reply.url).host:
        return None
    asked = urlencode({name: said[name] for name in ("service", "scope") if name in said})
    async with client.send("GET", f"{url}{'&' if '?' in url.target else '?'}{asked}") as answered:
        if answered.status != 200:  # noqa: PLR2004 - HTTP's
            return None
        body = await answered.read(_LARGEST_BYTES)
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    token = answer.token or answer.access_token or ""
    return Secret(token) if _TOKEN.fullmatch(token) else None
