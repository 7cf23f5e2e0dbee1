"""What replies say of limits, in every provider's own words. All of it is hostile: what cannot be read is not there."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COUNT: Final = re.compile(r"[0-9]{1,12}")
_NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{0,9})?")
_DURATION: Final = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{0,9})?(?:ms|us|µs|ns|d|h|m|s)){1,6}")
_PART: Final = re.compile(r"([0-9.]+)(ms|us|µs|ns|d|h|m|s)")
_UNITS: Final = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_LONGEST_VALUE: Final = 64
_EPOCH_SECONDS: Final = 1e9
"""A larger number is a moment, not a wait; one a hundred times as large a moment in milliseconds."""
_EPOCH_MILLISECONDS: Final = 1e11
_DAY_SECONDS: Final = 86_400.0
_A_MINUTE_SECONDS: Final = 90.0
_PER_SECOND: Final = ("together",)
"""Providers that speak of seconds: RPM/60."""
_REQUESTS_PER_DAY: Final = ("groq",)
"""Providers whose plain request headers are of a day."""
_FAMILIES: Final = (
    ("anthropic-ratelimit-requests-{}", "requests_per_minute"),
    ("anthropic-ratelimit-tokens-{}", "tokens_per_minute"),
    ("anthropic-ratelimit-input-tokens-{}", "input_tokens_per_minute"),
    ("anthropic-ratelimit-output-tokens-{}", "output_tokens_per_minute"),
    ("x-ratelimit-{}-requests", "requests_per_minute"),
    ("x-ratelimit-{}-requests-minute", "requests_per_minute"),
    ("x-ratelimit-{}-req-minute", "requests_per_minute"),
    ("x-ratelimit-{}-requests-day", "requests_per_day"),
    ("x-ratelimit-{}-tokens", "tokens_per_minute"),
    ("x-ratelimit-{}-tokens-minute", "tokens_per_minute"),
    ("x-ratelimit-{}-tokens-prompt", "input_tokens_per_minute"),
    ("x-ratelimit-{}-tokens-generated", "output_tokens_per_minute"),
    ("x-ratelimit-{}", "requests_per_minute"),
    ("x-tokenlimit-{}", "tokens_per_minute"),
)
_PLAIN: Final = "x-ratelimit-{}"


@dataclass(frozen=True, slots=True)
class Observation:
    """What a reply says of one limit; None: nothing."""

    limit_name: str
    """A field of `Limits`."""
    limit: int | None
    remaining: int | None
    reset_seconds: float | None
    """From now."""


def observations(headers: Mapping[str, str], provider: str) -> Iterator[Observation]:
    """All that the headers (names in small letters) say of limits. `provider` decides what ambiguous words mean."""
    now = _server_time(headers)
    for pattern, name in _FAMILIES:
        limit = _count(headers.get(pattern.format("limit")))
        remaining = _count(headers.get(pattern.format("remaining")))
        if limit is None and remaining is None:
            continue
        reset_seconds = _reset_seconds(headers.get(pattern.format("reset")), now)
        seen = Observation(name, limit or None, remaining, reset_seconds)
        if meant := _meant(seen, pattern, provider, headers):
            yield meant


def _meant(seen: Observation, pattern: str, provider: str, headers: Mapping[str, str]) -> Observation | None:
    """Where the same words mean different things."""
    if pattern == "anthropic-ratelimit-tokens-{}" and "anthropic-ratelimit-input-tokens-limit" in headers:
        return None  # whichever of the two is nearer; both are said for themselves
    if pattern == "x-ratelimit-{}-requests" and provider in _REQUESTS_PER_DAY:
        return Observation("requests_per_day", seen.limit, seen.remaining, seen.reset_seconds)
    if pattern not in (_PLAIN, "x-tokenlimit-{}"):
        return seen
    return _unnamed(seen, pattern, provider)


def _unnamed(seen: Observation, pattern: str, provider: str) -> Observation | None:
    """Of a second, a minute, or a day: the reset says which."""
    if provider in _PER_SECOND:
        return Observation(seen.limit_name, None if seen.limit is None else seen.limit * 60, None, None)
    if seen.reset_seconds is None:
        return None
    if pattern == _PLAIN and seen.reset_seconds > _A_MINUTE_SECONDS:
        return Observation("requests_per_day", seen.limit, seen.remaining, seen.reset_seconds)
    return seen


def _reset_seconds(said: str | None, now: float) -> float | None:
    """``6m0s``, ``12ms``, ``59.7``, a moment in seconds or milliseconds since 1970, ``2026-11-23T02:00:00Z``."""
    if said is None or len(said) > _LONGEST_VALUE:
        return None
    said = said.strip()
    number = _number(said)
    if number is not None:
        if number >= _EPOCH_MILLISECONDS:
            number = number / 1000 - now
        elif number >= _EPOCH_SECONDS:
            number -= now
    elif _DURATION.fullmatch(said):
        number = sum(float(part[1]) * _UNITS[part[2]] for part in _PART.finditer(said))
    else:
        moment = _rfc3339(said)
        if moment is None:
            moment = _http_date(said)
        number = None if moment is None else moment - now
    return None if number is None else min(max(number, 0.0), _DAY_SECONDS)


def _server_time(headers: Mapping[str, str]) -> float:
    moment = _http_date(headers.get("date"))
    return time.time() if moment is None else moment


def _count(said: str | None) -> int | None:
    return int(said) if said is not None and _COUNT.fullmatch(said := said.strip()) else None


def _number(said: str | None) -> float | None:
    return float(said) if said is not None and _NUMBER.fullmatch(said := said.strip()) else None


def _rfc3339(said: str) -> float | None:
    try:
        found = datetime.fromisoformat(said)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _http_date(said: str | None) -> float | None:
    if said is None or len(said) > _LONGEST_VALUE:
        return None
    try:
        found = parsedate_to_datetime(said)
        moment = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError, OSError):
        return None
    return moment if math.isfinite(moment) else None
