"""The estimate, against counts by real tokenizers: Llama 3's, Qwen 2's and StarCoder's."""

from __future__ import annotations

import pytest

from kandil.providers import Image, Message, Request, estimate_input_tokens

ENGLISH = "All human beings are born free and equal in dignity and rights. " * 20
CHINESE = "人人生而自由，在尊严和权利上一律平等。" * 20  # noqa: RUF001
RUSSIAN = "Все люди рождаются свободными и равными в своем достоинстве и правах. " * 20  # noqa: RUF001
CODE = "    for name, value in sorted(fields.items()):\n        print(f'{name}={value!r}', file=out)\n" * 20


def asked(text: str, **more: object) -> int:
    return estimate_input_tokens(Request(messages=(Message("user", text),), **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "fewest", "most"), [(ENGLISH, 261, 301), (CHINESE, 240, 380), (RUSSIAN, 402, 661), (CODE, 480, 600)]
)
def test_it_is_above_what_tokenizers_count_and_not_far(text: str, fewest: int, most: int) -> None:
    assert most <= asked(text) <= 2.4 * fewest


def test_everything_that_is_sent_counts() -> None:
    plain = asked("Hi")
    assert 0 < plain < 30
    assert asked("Hi", system=ENGLISH) > asked(ENGLISH)
    assert asked("Hi", json_schema={"type": "object", "description": ENGLISH}) > asked(ENGLISH)
    picture = Image(b"x" * 1_000_000, "image/png")
    assert estimate_input_tokens(Request(messages=(Message("user", "Hi", (picture, picture)),))) == plain + 3200
