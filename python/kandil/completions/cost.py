"""What an answer cost, by the prices of the catalogue."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kandil.profiles import Price
    from kandil.providers.events import Usage

_PER = 1_000_000


def cost_usd(price: Price | None, usage: Usage | None) -> float | None:
    """US dollars, by the listed price; None where a price or a count is not known.

    The dearest tier counts that the prompt reaches. Prices off peak, for batches and for writing to a cache are not
    looked at, so that the bill may differ.
    """
    if price is None or usage is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    tier = _tier(price, usage.input_tokens)
    for_input, for_output = tier.get("input", price.input), tier.get("output", price.output)
    if for_input is None or for_output is None:
        return None
    for_cached = tier.get("cache_read", price.cache_read)
    cached = usage.cached_tokens or 0
    read = min(cached, usage.input_tokens) if for_cached is not None else 0
    total = (usage.input_tokens - read) * _exact(for_input) + usage.output_tokens * _exact(for_output)
    if for_cached is not None:
        total += read * _exact(for_cached)
    return float(total / _PER)


def _tier(price: Price, input_tokens: int) -> Mapping[str, float]:
    reached = [tier for tier in price.tiers if input_tokens > tier["above_input_tokens"]]
    return max(reached, key=lambda tier: tier["above_input_tokens"], default={})


def _exact(dollars: float) -> Fraction:
    """As it is listed: 0.1 is a tenth."""
    return Fraction(repr(dollars))
