"""A model of a batch, as the core sends to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kandil import _core, paths
from kandil.batch.failures import CONNECT_SECONDS, IDLE_SECONDS
from kandil.batch.order import LARGEST_ANSWER_BYTES
from kandil.completions import secret_for
from kandil.errors import FileUnwritable
from kandil.http import urls
from kandil.http.key import key_header
from kandil.http.proxies import proxy_for
from kandil.limits import Limits
from kandil.secret import forms

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kandil.batch.order import Sending
    from kandil.completions import Target
    from kandil.credentials import Keys
    from kandil.limits import Limiter
    from kandil.profiles import Price
    from kandil.secret import Secret

_PICO_PER_MILLION: Final = 1_000_000
"""Picodollars a token, of dollars a million tokens."""
_FIRST_CONCURRENCY: Final = 32
MOST_CONCURRENCY: Final = 1000
"""What the shared limits have places for."""
_USUAL_CONCURRENCY: Final = 256
USUAL_OUTPUT_TOKENS: Final = 1024
"""Reserved of the limits where a row does not say how long its answer may be; what it was is settled."""
LONGEST_OUTPUT_TOKENS: Final = 32_768
"""Where nobody knows how long a model's answers may be."""
_LARGEST_CACHE_BYTES: Final = 1 << 30
_CHAT: Final = "/chat/completions"


async def lane(
    target: Target,
    sending: Sending,
    keys: Keys,
    limiter: Limiter,
    *,
    usual_concurrency: int | None = None,
    largest_input_tokens: int = 0,
    may_ask_again: bool = False,
) -> _core.BatchLane:
    """Raises: KeyMissing, KeyUnsendable, FileUnwritable, and what keyrings fail with."""
    endpoint = target.endpoint
    secret = await secret_for(target, keys)
    most = min(sending.concurrency or usual_concurrency or _USUAL_CONCURRENCY, MOST_CONCURRENCY)
    try:
        return _core.BatchLane(
            target.model,
            protocol=endpoint.protocol,
            model=endpoint.model,
            urls=_urls(target),
            headers=await _headers(target, keys, secret),
            bucket=limiter.bucket(f"{endpoint.provider}/{endpoint.model}", target.limits or Limits()).core,
            breaker=limiter.breaker(endpoint.origin).core,
            first=most if sending.concurrency else min(most, _FIRST_CONCURRENCY),
            most=most,
            deadlines=(CONNECT_SECONDS, sending.first_byte_seconds, IDLE_SECONDS, sending.total_seconds),
            largest_body_bytes=LARGEST_ANSWER_BYTES,
            prices=pico(target.price, largest_input_tokens),
            usual_output_tokens=USUAL_OUTPUT_TOKENS,
            most_output_tokens=endpoint.max_output_tokens or LONGEST_OUTPUT_TOKENS,
            responses=endpoint.style == "responses",
            reasons=endpoint.reasons,
            temperature_allowed=endpoint.temperature_allowed,
            context_tokens=None,
            lacks=sorted(endpoint.lacks),
            secrets=[] if secret is None else _written(secret),
            may_ask_again=may_ask_again,
            cache=_cache(target) if sending.cache else None,
        )
    except OSError as error:  # of the cache
        raise FileUnwritable(str(error.filename), error.strerror or str(error)) from error


def _cache(target: Target) -> tuple[Path, bytes, int]:
    """Folder, what its answers depend on beside the rows, and its largest size."""
    endpoint = target.endpoint
    known = f"{endpoint.provider}\n{endpoint.url}\n{endpoint.model}"
    return paths.cache_dir() / "batch", known.encode(), _LARGEST_CACHE_BYTES


def _written(secret: Secret) -> list[bytes]:
    """As a server may say it again in JSON, where slashes may be escaped."""
    import json  # noqa: PLC0415

    plain = {form for one in forms(secret.reveal()) for form in (one, json.dumps(one)[1:-1])}
    return sorted(form.encode() for form in plain | {form.replace("/", "\\/") for form in plain})


def _urls(target: Target) -> tuple[str | None, str | None, str | None, str | None]:
    """Of chats, completions, embeddings, responses."""
    endpoint = target.endpoint
    if endpoint.protocol != "openai":
        return endpoint.url, None, None, None
    if endpoint.style == "responses":
        return endpoint.url, None, None, endpoint.url
    if not endpoint.url.endswith(_CHAT):
        return endpoint.url, None, None, None
    base = endpoint.url.removesuffix(_CHAT)
    return endpoint.url, f"{base}/completions", f"{base}/embeddings", f"{base}/responses"


async def _headers(target: Target, keys: Keys, secret: Secret | None) -> list[tuple[str, bytes, bool]]:
    """Name, value, and whether it is secret."""
    endpoint = target.endpoint
    fields = {
        "user-agent": f"kandil/{_core.__version__}",
        "accept": "application/json",
        "content-type": "application/json",
        **endpoint.headers,
    }
    if endpoint.provider == "openai" and (organisation := await keys.organisation("openai")):
        fields["openai-organization"] = organisation
    headers = [(name, value.encode(), False) for name, value in fields.items()]
    if secret is not None and endpoint.auth is not None:
        name, value = key_header(endpoint.origin, (endpoint.auth.header, endpoint.auth.scheme), secret)
        headers.append((name.decode(), value, True))
    return headers


def pico(price: Price | None, input_tokens: int) -> tuple[int, int, int]:
    """Picodollars a token of input, of cached input, of output: of the dearest tier that the largest prompt reaches."""
    if price is None:
        return 0, 0, 0
    reached = [tier for tier in price.tiers if input_tokens > tier["above_input_tokens"]]
    tier = max(reached, key=lambda one: one["above_input_tokens"], default={})
    shown, written = tier.get("input", price.input) or 0, tier.get("output", price.output) or 0
    cached = tier.get("cache_read", price.cache_read)
    return _pico(shown), _pico(shown if cached is None else cached), _pico(written)


def _pico(dollars: float) -> int:
    return round(dollars * _PICO_PER_MILLION)


def proxies(targets: Iterable[Target]) -> list[tuple[str, str, str, int, tuple[str, str] | None]]:
    """Who leads to these, as the environment says. Raises: ProxyFailed, UrlUnusable."""
    urls_of = {urls.parse(target.endpoint.url) for target in targets}
    found = ((url.origin, proxy) for url in urls_of if (proxy := proxy_for(url)))
    return [(origin, proxy.scheme, proxy.host, proxy.port, proxy.user) for origin, proxy in found]
