"""Whether a provider takes the key that is kept for it: by a request that costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kandil import http, profiles, providers
from kandil.errors import QuotaExhausted, RateLimited, ReplyUnreadable
from kandil.providers.fields import decoded
from kandil.providers.refusals import refused_inside

if TYPE_CHECKING:
    from kandil.config import Api
    from kandil.credentials import Keys
    from kandil.errors import KandilError
    from kandil.profiles import Profile
    from kandil.providers import Endpoint
    from kandil.secret import Secret

_LARGEST_BYTES = 4 << 20
"""OpenRouter's list of models has 1 MB."""
_RATE_LIMITED = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the provider said of the key."""

    provider: str
    accepted: bool | None
    """None: it answers the same without a key, so that nothing is known. A key that is rejected is an error."""
    status: int
    limited: bool
    """It knows the key, and takes no request with it now."""
    milliseconds: float
    """To the first byte."""


async def check(provider: str, profile: Profile, api: Api | None, keys: Keys) -> Checked:
    """What the provider says of the key that is kept for it. Raises: as `check_key`; KeyMissing, and as `Keys` does."""
    return await check_key(provider, profile, api, await keys.get(provider))


async def check_key(provider: str, profile: Profile, api: Api | None, secret: Secret) -> Checked:
    """What the provider says of a key, which goes to where requests for `profile` go and nowhere else.

    Raises:
        KeyRejected, PermissionDenied: the provider does not take the key.
        NetworkError, ProviderRefused: it cannot be asked.
    """
    known = profiles.provider(provider)
    where = providers.endpoint(profile, known, api)
    elsewhere = api is not None and (api.base_url is not None or api.protocol is not None)
    url = known.check.url if known and not elsewhere else where.models_url
    async with http.open_client() as client:
        reply = await _asked(client, url, where, secret)
        open_to_all = False
        if reply.accepted and not (known and not elsewhere and known.models_need_key) and not reply.limited:
            open_to_all = (await _asked(client, url, where, None)).accepted
    if reply.error is not None:
        raise reply.error
    return Checked(
        provider=provider,
        accepted=None if open_to_all else True,
        status=reply.status,
        limited=reply.limited,
        milliseconds=reply.milliseconds,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    status: int
    error: KandilError | None
    limited: bool
    milliseconds: float

    @property
    def accepted(self) -> bool:
        return self.error is None


async def _asked(client: http.Client, url: str, where: Endpoint, secret: Secret | None) -> _Reply:
    auth = (where.auth.header, where.auth.scheme) if where.auth and secret is not None else None
    async with client.send("GET", url, headers=where.headers, auth=auth, secret=secret) as response:
        body = await response.read(_LARGEST_BYTES)
        seconds = response.timing.first_byte_seconds
        status, error = response.status, _refusal(where, response, body)
    limited = status == _RATE_LIMITED or isinstance(error, (RateLimited, QuotaExhausted))
    return _Reply(
        status=status,
        error=None if limited else error,
        limited=limited,
        milliseconds=seconds * 1000,
    )


def _refusal(where: Endpoint, response: http.Response, body: bytes) -> KandilError | None:
    if not 200 <= response.status < 300:  # noqa: PLR2004
        return providers.refusal(where, response.status, response.headers, body)
    try:  # MiniMax says with HTTP 200 that a key is wrong
        return refused_inside(where, decoded(body, where.provider))
    except ReplyUnreadable as error:
        return error
