"""Whom to ask, and under which conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kandil import profiles

if TYPE_CHECKING:
    from kandil.credentials import Keys
    from kandil.limits import Limits
    from kandil.profiles import Price
    from kandil.providers import Endpoint
    from kandil.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A model that answers: where, at what price, within which limits."""

    model: str
    """As its user calls it."""
    endpoint: Endpoint
    price: Price | None = None
    limits: Limits | None = None
    """As listed; None: not known."""
    secret: Secret | None = None
    """Of a server that kandil started; else the key is in the keyring, under the provider's name."""
    pid: int | None = None
    """Of the process of a server that kandil started."""


async def secret_for(target: Target, keys: Keys) -> Secret | None:
    """The key: for a provider of the catalogue's it must be there; a server of the user's may take none.

    Raises: KeyMissing, and what keyrings fail with.
    """
    endpoint = target.endpoint
    if target.secret is not None or endpoint.auth is None:
        return target.secret
    known = profiles.provider(endpoint.provider)
    if known is not None and endpoint.url.startswith(known.base_url):
        return await keys.get(endpoint.provider)
    return await keys.find(endpoint.provider)
