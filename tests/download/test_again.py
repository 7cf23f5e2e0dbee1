"""How long is waited before the next attempt, by a clock that is the test's own."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from kandil.download.again import IN_VAIN, Patience, TryAgain
from kandil.download.location import refusal
from kandil.errors import DownloadRefused

AGAIN = TryAgain("it was cut")


async def test_waits_grow_until_patience_ends(autojump_clock: MockClock) -> None:
    patience, began = Patience(300, lambda _: None), trio.current_time()
    waits: list[float] = []
    while await patience.wait(AGAIN, 0):
        waits.append(trio.current_time() - began - sum(waits))
    assert 200 < sum(waits) <= 300
    assert max(waits) <= 30
    assert waits[0] <= 0.5
    assert len(waits) > 10


async def test_a_server_that_has_never_answered_is_not_waited_for_long(autojump_clock: MockClock) -> None:
    unmet = TryAgain("nobody listens", met=False)
    patience, began = Patience(300, lambda _: None), trio.current_time()
    while await patience.wait(unmet, 0):
        pass
    assert trio.current_time() - began <= 20
    patience, began = Patience(300, lambda _: None), trio.current_time()
    assert await patience.wait(AGAIN, 0)
    while await patience.wait(unmet, 0):
        pass
    assert trio.current_time() - began > 200, "it was there a moment ago"


async def test_whoever_gets_on_has_patience_again(autojump_clock: MockClock) -> None:
    patience = Patience(60, lambda _: None)
    for came in range(1, 100):
        assert await patience.wait(AGAIN, came)
        assert patience.in_vain == 1
        await trio.sleep(50)
    patience.begin_anew()
    assert await patience.wait(AGAIN, 1), "of another version, less may have come"
    assert patience.in_vain == 1


async def test_what_a_server_asks_for_is_waited_for_and_said(autojump_clock: MockClock) -> None:
    notices: list[str] = []
    patience = Patience(60, notices.append)
    asked = refusal("hub", "m.gguf", 429, {"retry-after": "40"})
    assert isinstance(asked, TryAgain)
    began = trio.current_time()
    assert await patience.wait(asked, 0)
    assert trio.current_time() - began == 40
    assert notices == ["hub answers with HTTP 429 and asks to wait 40 s; trying again in 40 s"]
    assert not await patience.wait(asked, 0), "that would be longer than anybody waits"
    assert trio.current_time() - began == 40


async def test_what_is_no_chance_is_not_tried_for_ever(autojump_clock: MockClock) -> None:
    patience = Patience(1e9, lambda _: None)
    wrong = TryAgain("odd", otherwise=DownloadRefused("hub", "m.gguf", "odd"))
    assert [await patience.wait(wrong, 0) for _ in range(IN_VAIN)] == [True, True, False]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Mon, 23 Nov 2026 09:00:30 GMT", "date": "Mon, 23 Nov 2026 09:00:00 GMT"}, 30),
        ({"retry-after": "Mon, 23 Nov 2026 09:00:00 GMT", "date": "Mon, 23 Nov 2026 09:00:30 GMT"}, 0),
        ({"retry-after": "999999999"}, 86_400),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    for status in (429, 503):
        asked = refusal("hub", "m.gguf", status, headers)
        assert isinstance(asked, TryAgain)
        assert asked.wait_seconds == seconds


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (404, {"x-error-code": "EntryNotFound"}, "hub does not give it: it is not there (EntryNotFound)"),
        (404, {"x-error-code": "<b>\x1b[2J"}, "hub does not give it: it is not there"),
        (410, {}, "hub does not give it: it is not there any more"),
        (418, {}, "hub does not give it: it answers with HTTP 418"),
    ],
)
def test_refusals(status: int, headers: dict[str, str], said: str) -> None:
    error = refusal("hub", "m.gguf", status, headers)
    assert isinstance(error, DownloadRefused)
    assert error.message == f"m.gguf: {said}"
    assert (error.status, error.exit_code) == (status, 6)
