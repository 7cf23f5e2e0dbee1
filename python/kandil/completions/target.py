"""Whom to ask, and under which conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
