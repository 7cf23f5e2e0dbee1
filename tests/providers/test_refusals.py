"""Refusals as providers word them, from their documentation and from recorded answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kandil.errors import (
    ContextExceeded,
    KandilError,
    KeyRejected,
    ProviderFailed,
    ProviderOverloaded,
    ProviderRefused,
    RateLimited,
    ReplyUnreadable,
    RequestInvalid,
)
from kandil.providers import refusal
from tests.providers.recorded import at, transcript

CASES = [json.loads(line) for line in transcript("refusals.jsonl").splitlines()]
WAIT = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['status']} {case['error']}")
def test_what_providers_say(case: dict[str, Any]) -> None:
    error = refusal(at("openai"), case["status"], {}, json.dumps(case["body"]).encode())
    assert type(error).__name__ == case["error"], error
    assert error.hint


@pytest.mark.parametrize(
    ("name", "expected", "status"),
    [("context", ContextExceeded, 400), ("key", KeyRejected, 401), ("image", RequestInvalid, 500)],
)
def test_what_llama_cpp_says(name: str, expected: type[KandilError], status: int) -> None:
    error = refusal(at("openai"), status, {}, transcript(f"llama-{name}.error"))
    assert type(error) is expected


@pytest.mark.parametrize(
    ("expected", "status", "body"),
    [
        (ReplyUnreadable, 200, b"<html>Log in to the guest network</html>"),
        (ReplyUnreadable, 302, b""),
        (ReplyUnreadable, 403, b"<html>Attention Required! | Cloudflare</html>"),
        (ReplyUnreadable, 404, b"404 page not found"),
        (ContextExceeded, 413, b"<html>413 Request Entity Too Large</html>"),
        (ProviderFailed, 502, b"<html>Bad Gateway</html>"),
        (ProviderFailed, 500, b""),
        (ProviderFailed, 520, b"\xff\xfe"),
        (ProviderOverloaded, 503, b"<html>Service Unavailable</html>"),
        (RateLimited, 429, b"<html>error code: 1015</html>"),
        (KeyRejected, 401, b"Unauthorized"),
        (RequestInvalid, 400, b"Bad Request"),
        (RequestInvalid, 400, b"\x1b[31mred"),
    ],
)
def test_bodies_that_are_no_json(expected: type[KandilError], status: int, body: bytes) -> None:
    error = refusal(at("openai"), status, {}, body)
    assert type(error) is expected
    assert error.message.isprintable()


@pytest.mark.parametrize(
    ("message", "numbers"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            (9000, 8192),
        ),
        (
            "This model's maximum context length is 16385 tokens. However, you requested 20000 tokens",
            (20000, 16385),
        ),
        ("prompt is too long: 208310 tokens > 200000 maximum", (208310, 200000)),
        ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", (1200000, 1048576)),
        ("Prompt contains 33,000 tokens, too large for model with 32,768 maximum context length", (33000, 32768)),
        ("request (4004 tokens) exceeds the available context size (512 tokens), try increasing it", (4004, 512)),
        ("the input length exceeds the context length", (None, None)),
    ],
)
def test_how_much_too_long(message: str, numbers: tuple[int | None, int | None]) -> None:
    error = refusal(at("openai"), 400, {}, json.dumps({"error": {"message": message}}).encode())
    assert isinstance(error, ContextExceeded)
    assert (error.needed_tokens, error.available_tokens) == numbers


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 09:00:00 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "Sunday, 22-Nov-26 10:00:30 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Sun, 99 Foo 2026 99:99:99 GMT"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    error = refusal(at("openai"), 429, headers, b'{"error":{"message":"slow down"}}')
    assert isinstance(error, RateLimited)
    assert error.retry_after_seconds == seconds


def test_google_says_how_long_in_the_body() -> None:
    error = refusal(at("gemini"), 429, {}, json.dumps({"error": {"code": 429, "details": [WAIT]}}).encode())
    assert isinstance(error, RateLimited)
    assert error.retry_after_seconds == 34.5


def test_only_what_passes_by_itself_is_tried_again() -> None:
    retried = {type(refusal(at("openai"), status, {}, b"{}")) for status in range(400, 600)}
    assert {one.__name__ for one in retried if issubclass(one, ProviderRefused) and one.retryable} == {
        "RateLimited",
        "ProviderOverloaded",
        "ProviderFailed",
    }


def test_a_key_that_a_provider_repeats_is_shown_nowhere() -> None:
    key = "sk-proj-4nTq8Zp2Vb7Lx9Rm3Kc6Wd1Hf5Jg0Ys8Ua2Ie4Ok6"
    for status in (400, 401, 403, 404, 429, 500):
        error = refusal(
            at("openai"),
            status,
            {"x-request-id": key},
            json.dumps({"error": {"message": f"Got {key}!", "code": key, "param": key}}).encode(),
        )
        assert key not in repr([error, vars(error), str(error)])


def test_the_providers_words_and_request_id_are_kept_short() -> None:
    body = json.dumps({"error": {"message": "why " * 10_000}}).encode()
    error = refusal(at("openai"), 400, {"x-request-id": "req_1"}, body)
    assert isinstance(error, RequestInvalid)
    assert error.request_id == "req_1"
    assert len(error.message) < 600


def test_what_a_gateway_passes_on_is_shown() -> None:
    body = {"error": {"code": 502, "message": "Provider returned error", "metadata": {"raw": "upstream said no"}}}
    assert "upstream said no" in refusal(at("openai"), 502, {}, json.dumps(body).encode()).message
