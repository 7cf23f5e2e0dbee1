"""Where a model answers, and what a call to it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kandil.profiles import Auth
    from kandil.profiles.profile import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Who answers for a model: all that the wire needs to know of provider and profile."""

    provider: str
    protocol: Protocol
    url: str
    """Of the completion call, whole: base URL and path, the model filled in where it is part of the path."""
    models_url: str
    """GET: the list of models, free."""
    model: str
    """As the provider calls it."""
    auth: Auth | None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Fixed ones of the provider's, as ``anthropic-version``."""
    style: Literal["chat", "responses"] = "chat"
    """What an OpenAI-like provider answers on."""
    reasons: bool | None = None
    """The model thinks before it answers: some take other parameters then."""
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request's parts, without the key: that is added where it is sent."""

    method: Literal["GET", "POST"]
    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes = b""
