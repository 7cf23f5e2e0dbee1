"""Where a model answers, and what a call to it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kandil.config import Api
    from kandil.profiles import Auth, Profile, Provider
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
    temperature_allowed: bool | None = None
    """False: the model takes neither temperature nor top_p, and is sent none."""
    max_output_tokens: int | None = None
    lacks: frozenset[str] = frozenset()
    """What of its protocol the provider does not take; see `Provider.lacks`."""

    @property
    def origin(self) -> str:
        """``https://api.example.com``: what fails, and is left alone, together."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request's parts, without the key: that is added where it is sent."""

    method: Literal["GET", "POST"]
    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class _Usual:
    """Where a protocol's servers answer, if nobody says otherwise. `base_url` ends before these paths."""

    chat_path: str
    models_path: str
    header: str
    scheme: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


_USUAL: Final[Mapping[Protocol, _Usual]] = {
    "openai": _Usual("/chat/completions", "/models", "Authorization", "Bearer"),
    "anthropic": _Usual(
        "/v1/messages", "/v1/models", "x-api-key", headers=MappingProxyType({"anthropic-version": "2023-06-01"})
    ),
    "gemini": _Usual("/models/{model}:generateContent", "/models", "x-goog-api-key"),
    "ollama": _Usual("/api/chat", "/api/tags", "Authorization", "Bearer"),
}


def endpoint(
    profile: Profile, provider: Provider | None, api: Api | None = None, *, base_url: str | None = None
) -> Endpoint:
    """Where `profile`'s model answers.

    The base URL is `base_url` (of a server that kandil started), or the user's (`api`), or the profile's, or the
    provider's. `provider` is None for one that is not curated: its protocol's usual paths and key header are taken, as
    they are where the protocol is not the provider's own.

    Raises:
        ValueError: nobody says where it answers.
    """
    protocol = (api.protocol if api else None) or profile.protocol
    known = provider if provider is not None and provider.protocol == protocol else None
    base = base_url or (api.base_url if api else None) or profile.base_url or (known.base_url if known else None)
    if base is None:
        raise ValueError(f"nobody says where {profile.id} answers")
    usual = _USUAL[protocol]
    path = known.chat_path if known else usual.chat_path
    if protocol == "openai" and profile.endpoint == "responses":
        path = "/responses"
    return Endpoint(
        provider=profile.provider,
        protocol=protocol,
        url=_joined(base, path.replace("{model}", quote(profile.api_model.removeprefix("models/"), safe=""))),
        models_url=_models_url(base, known, usual),
        model=profile.api_model,
        auth=known.auth if known else _auth(usual),
        headers=MappingProxyType(dict(known.headers if known else usual.headers)),
        style="responses" if path.endswith("/responses") else "chat",
        reasons=profile.supports_reasoning,
        temperature_allowed=profile.temperature_allowed,
        max_output_tokens=profile.max_output_tokens,
        lacks=frozenset(known.lacks) if known else frozenset(),
    )


def _auth(usual: _Usual) -> Auth:
    from kandil.profiles import Auth  # noqa: PLC0415 (the facts are not needed where types alone are)

    return Auth(header=usual.header, scheme=usual.scheme)


def _models_url(base: str, known: Provider | None, usual: _Usual) -> str:
    """A list on a host of its own (Cohere's) goes with the provider's own base URL alone: keys cross no origins."""
    path = known.models_path if known else usual.models_path
    if known and "://" in path and base.rstrip("/") != known.base_url.rstrip("/"):
        path = usual.models_path
    return _joined(base, path)


def _joined(base: str, path: str) -> str:
    return path if "://" in path else base.rstrip("/") + path
