"""What every provider's headers say, and that hostile ones say nothing."""

from __future__ import annotations

from fnmatch import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil import _core, profiles
from kandil.limits import Limiter
from kandil.limits.headers import Observation, observations
from kandil.providers.retry_after import retry_after_seconds

DATE = "Mon, 23 Nov 2026 02:00:00 GMT"
NOW = 1_795_399_200
FAMILIES: list[tuple[str, dict[str, str], list[Observation]]] = [
    (
        "anthropic",
        {
            "anthropic-ratelimit-requests-limit": "1000",
            "anthropic-ratelimit-requests-remaining": "999",
            "anthropic-ratelimit-requests-reset": "2026-11-23T02:00:30Z",
            "anthropic-ratelimit-tokens-limit": "480000",
            "anthropic-ratelimit-tokens-remaining": "400000",
            "anthropic-ratelimit-tokens-reset": "2026-11-23T02:01:00Z",
            "anthropic-ratelimit-input-tokens-limit": "400000",
            "anthropic-ratelimit-input-tokens-remaining": "330000",
            "anthropic-ratelimit-input-tokens-reset": "2026-11-23T02:01:00+00:00",
            "anthropic-ratelimit-output-tokens-limit": "80000",
            "anthropic-ratelimit-output-tokens-remaining": "70000",
            "anthropic-ratelimit-output-tokens-reset": "2026-11-23T02:00:00Z",
        },
        [
            Observation("requests_per_minute", 1000, 999, 30),
            Observation("input_tokens_per_minute", 400_000, 330_000, 60),
            Observation("output_tokens_per_minute", 80_000, 70_000, 0),
        ],
    ),
    (
        "openai",
        {
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-reset-requests": "1s",
            "x-ratelimit-limit-tokens": "150000",
            "x-ratelimit-remaining-tokens": "149984",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        [
            Observation("requests_per_minute", 60, 59, 1),
            Observation("tokens_per_minute", 150_000, 149_984, 360),
        ],
    ),
    (
        "groq",
        {
            "x-ratelimit-limit-requests": "14400",
            "x-ratelimit-remaining-requests": "14370",
            "x-ratelimit-reset-requests": "2m59.56s",
            "x-ratelimit-limit-tokens": "18000",
            "x-ratelimit-remaining-tokens": "17997",
            "x-ratelimit-reset-tokens": "12ms",
        },
        [
            Observation("requests_per_day", 14_400, 14_370, 179.56),
            Observation("tokens_per_minute", 18_000, 17_997, 0.012),
        ],
    ),
    (
        "cerebras",
        {
            "x-ratelimit-limit-requests-day": "14400",
            "x-ratelimit-remaining-requests-day": "14399",
            "x-ratelimit-reset-requests-day": "33011.382867",
            "x-ratelimit-limit-tokens-minute": "60000",
            "x-ratelimit-remaining-tokens-minute": "59000",
            "x-ratelimit-reset-tokens-minute": "11.38",
        },
        [
            Observation("requests_per_day", 14_400, 14_399, 33_011.382867),
            Observation("tokens_per_minute", 60_000, 59_000, 11.38),
        ],
    ),
    (
        "mistral",
        {
            "x-ratelimit-limit-req-minute": "60",
            "x-ratelimit-remaining-req-minute": "58",
            "x-ratelimit-reset-req-minute": "42",
            "x-ratelimit-limit-tokens-minute": "500000",
            "x-ratelimit-remaining-tokens-minute": "499000",
            "x-ratelimit-reset-tokens-minute": "42",
        },
        [
            Observation("requests_per_minute", 60, 58, 42),
            Observation("tokens_per_minute", 500_000, 499_000, 42),
        ],
    ),
    (
        "sambanova",
        {
            "x-ratelimit-limit-requests": "30",
            "x-ratelimit-remaining-requests": "29",
            "x-ratelimit-reset-requests": str(NOW + 20),
            "x-ratelimit-limit-requests-day": "12000",
            "x-ratelimit-remaining-requests-day": "11999",
            "x-ratelimit-reset-requests-day": str(NOW + 3600),
        },
        [
            Observation("requests_per_minute", 30, 29, 20),
            Observation("requests_per_day", 12_000, 11_999, 3600),
        ],
    ),
    (
        "fireworks",
        {"x-ratelimit-limit-tokens-prompt": "60000", "x-ratelimit-limit-tokens-generated": "6000"},
        [
            Observation("input_tokens_per_minute", 60_000, None, None),
            Observation("output_tokens_per_minute", 6000, None, None),
        ],
    ),
    (
        "moonshot",
        {"x-ratelimit-limit": "3", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 30)},
        [Observation("requests_per_minute", 3, 0, 30)],
    ),
    (
        "openrouter",
        {"x-ratelimit-limit": "50", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str((NOW + 7200) * 1000)},
        [Observation("requests_per_day", 50, 0, 7200)],
    ),
    (
        "together",
        {
            "x-ratelimit-limit": "10",
            "x-ratelimit-remaining": "9",
            "x-ratelimit-reset": "1",
            "x-tokenlimit-limit": "3000",
            "x-tokenlimit-remaining": "2000",
        },
        [
            Observation("requests_per_minute", 600, None, None),
            Observation("tokens_per_minute", 180_000, None, None),
        ],
    ),
]


@pytest.mark.parametrize(("provider", "headers", "seen"), FAMILIES, ids=[row[0] for row in FAMILIES])
def test_a_familys_headers(provider: str, headers: dict[str, str], seen: list[Observation]) -> None:
    found = list(observations({**headers, "date": DATE}, provider))
    assert [(one.limit_name, one.limit, one.remaining) for one in found] == [
        (one.limit_name, one.limit, one.remaining) for one in seen
    ]
    assert [one.reset_seconds for one in found] == [
        None if one.reset_seconds is None else pytest.approx(one.reset_seconds) for one in seen
    ]


def test_every_header_that_the_catalogue_names_is_of_a_family_here() -> None:
    known = {name for _, headers, _ in FAMILIES for name in headers} | {"retry-after"}
    named = {
        name.lower()
        for one in _core.provider_ids()
        if (provider := profiles.provider(one)) is not None
        for name in provider.limit_headers
    }
    assert named
    assert [name for name in named if not any(fnmatch(one, name) for one in known)] == []


NAMES = sorted({name for _, headers, _ in FAMILIES for name in headers} | {"retry-after", "retry-after-ms", "date"})
VALUES = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        ["0", "-1", "9" * 12, "9" * 400, "1e400", "nan", "0" * 70, "١٢", "1h" * 7, "9999999999d", "0001-01-01", DATE]
    ),
    st.integers().map(str),
    st.datetimes().map(str),
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES), st.sampled_from([row[0] for row in FAMILIES]))
def test_hostile_headers_are_bounded_and_raise_nothing(headers: dict[str, str], provider: str) -> None:
    bucket = Limiter(shared=False).bucket(f"{provider}/m")
    bucket.learn(headers)
    bucket.refused(retry_after_seconds(headers, {}))
    assert bucket.wait_seconds(input_tokens=1) <= 86_800
    for seen in observations(headers, provider):
        assert seen.limit is None or 0 < seen.limit < 10**14
        assert seen.reset_seconds is None or 0 <= seen.reset_seconds <= 86_400
