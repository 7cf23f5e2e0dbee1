"""What an answer cost."""

import pytest

from kandil.completions import cost_usd
from kandil.profiles import Price
from kandil.providers.events import Usage

PRICE = Price(input=3.0, output=15.0, cache_read=0.3)


def usage(into: int | None, out: int | None, cached: int | None = None) -> Usage:
    return Usage(input_tokens=into, output_tokens=out, cached_tokens=cached)


def test_input_and_output_have_their_prices() -> None:
    assert cost_usd(PRICE, usage(1_000_000, 100_000)) == 4.5


def test_what_was_cached_has_its_own() -> None:
    assert cost_usd(PRICE, usage(1_000_000, 0, 900_000)) == 0.57


def test_without_a_price_for_it_what_was_cached_is_input() -> None:
    assert cost_usd(Price(input=3.0, output=15.0), usage(1_000_000, 0, 900_000)) == 3.0


@pytest.mark.parametrize(("tokens", "dollars"), [(200_000, 0.2), (200_001, 0.400002), (600_000, 2.4)])
def test_large_prompts_reach_a_tier(tokens: int, dollars: float) -> None:
    tiers = ({"above_input_tokens": 200_000, "input": 2.0}, {"above_input_tokens": 500_000, "input": 4.0})
    assert cost_usd(Price(input=1.0, output=10.0, tiers=tiers), usage(tokens, 0)) == dollars


@pytest.mark.parametrize(
    ("price", "used"),
    [
        (None, usage(1, 1)),
        (PRICE, None),
        (PRICE, usage(None, 1)),
        (PRICE, usage(1, None)),
        (Price(input=1), usage(1, 1)),
    ],
)
def test_what_is_not_known_costs_nobody_knows_what(price: Price | None, used: Usage | None) -> None:
    assert cost_usd(price, used) is None


def test_free_is_free() -> None:
    assert cost_usd(Price(input=0, output=0), usage(10, 10)) == 0


def test_a_cache_larger_than_the_prompt_costs_no_less_than_nothing() -> None:
    assert cost_usd(PRICE, usage(10, 0, 10**9)) == 3e-06
