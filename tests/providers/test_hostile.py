"""Servers may send anything: it ends in events, or in an error that says what is wrong."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kandil.errors import KandilError, ReplyUnreadable, StreamBroken
from kandil.providers import Decoder, Event, Reasoning, Stop, Text, ToolCall, Usage, decoder, listed_models, refusal
from tests.providers.recorded import FOLDER, STREAMS, at, endpoint_of, events, transcript

ENDPOINTS = [at("openai"), at("openai", endpoint="responses"), at("anthropic"), at("gemini"), at("ollama")]
ERRORS = sorted(path.read_bytes() for path in FOLDER.glob("*.error"))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def holds(reading: Decoder, *chunks: bytes) -> None:
    """It ends in events of the types that they say they are of, or in an error that can be shown."""
    found: list[Event] = []
    failed: list[KandilError] = []
    try:
        found = events(reading, *chunks)
    except KandilError as error:
        failed.append(error)
    assert all(error.message.isprintable() for error in failed)
    for event in found:
        match event:
            case Text() | Reasoning():
                assert isinstance(event.text, str)
                event.text.encode()
            case ToolCall():
                assert all(isinstance(part, str) for part in (event.id, event.name, event.arguments))
            case Usage():
                counts = (event.input_tokens, event.output_tokens, event.reasoning_tokens, event.cached_tokens)
                assert all(count is None or type(count) is int for count in counts)
            case Stop():
                assert isinstance(event.said, str)


def mutated(value: Any, data: st.DataObject) -> Any:
    """`value` with something else in one place, or without it."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 4)):
        name = data.draw(st.sampled_from(sorted(value)))
        if not data.draw(st.integers(0, 9)):
            return {key: kept for key, kept in value.items() if key != name}
        return {**value, name: mutated(value[name], data)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 4)):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], mutated(value[place], data), *value[place + 1 :]]
    return data.draw(json_values)


@given(st.sampled_from(STREAMS), st.data())
@settings(max_examples=600)
def test_any_field_may_be_of_any_type(name: str, data: st.DataObject) -> None:
    prefix = b"data: " if name.endswith(".sse") else b""
    lines = transcript(name).splitlines() if not name.endswith(".json") else [transcript(name)]
    places = [place for place, line in enumerate(lines) if line.removeprefix(prefix)[:1] in (b"{", b"[")]
    place = data.draw(st.sampled_from([at for at in places if lines[at] != b"data: [DONE]"]))
    value = mutated(json.loads(lines[place].removeprefix(prefix)), data)
    lines[place] = prefix + json.dumps(value).encode()
    holds(decoder(endpoint_of(name)), b"\n".join([*lines, b"", b""]))


@given(st.sampled_from(ENDPOINTS), st.lists(st.binary(max_size=40), max_size=5))
@example(ENDPOINTS[0], [b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\ndata: [DONE]\n\n'])
@example(ENDPOINTS[0], [b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\ndata: [DONE]\n\n'])
@example(ENDPOINTS[0], [b'data: {"usage":{"prompt_tokens":NaN,"completion_tokens":1e400}}\n\ndata: [DONE]\n\n'])
@example(ENDPOINTS[0], [b'data: {"choices":1,"choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n'])
def test_any_bytes(endpoint: Any, chunks: list[bytes]) -> None:
    holds(decoder(endpoint), *chunks)


@given(
    st.sampled_from(ENDPOINTS),
    st.integers(300, 599),
    st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "date", "x-request-id"]), st.text(max_size=30)),
    st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()),
)
def test_any_refusal(endpoint: Any, status: int, headers: dict[str, str], body: bytes) -> None:
    error = refusal(endpoint, status, headers, body)
    assert error.hint
    assert error.exit_code in (2, 3, 5, 6)


@given(st.sampled_from(ERRORS), st.integers(300, 599), st.data())
def test_any_field_of_a_refusal_may_be_of_any_type(body: bytes, status: int, data: st.DataObject) -> None:
    assert refusal(at("openai"), status, {}, json.dumps(mutated(json.loads(body), data)).encode()).message


@given(json_values | st.fixed_dictionaries({"data": json_values}) | st.fixed_dictionaries({"models": json_values}))
def test_any_list_of_models(value: Any) -> None:
    with contextlib.suppress(ReplyUnreadable):
        assert all(isinstance(name, str) for name in listed_models(at("openai"), json.dumps(value).encode()))


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("prefix", [b"data: ", b""])
def test_deep_nesting_is_no_crash(opening: bytes, prefix: bytes) -> None:
    with pytest.raises(ReplyUnreadable):
        events(decoder(at("openai")), prefix + opening * 200_000 + b"\n\n")


@pytest.mark.parametrize("depth", [100, 500, 900, 1500])
def test_nesting_in_arguments_is_no_crash(depth: int) -> None:
    arguments = b'{"a":' * depth + b"1" + b"}" * depth
    line = b'{"message":{"tool_calls":[{"function":{"name":"f","arguments":%s}}]},"done":true}\n' % arguments
    holds(decoder(at("ollama")), line)


@pytest.mark.parametrize("content", [b"x" * (1 << 20), b"data: " + b"x" * (1 << 20), b"data: x\n" * (1 << 17)])
def test_an_endless_line_or_event_ends_at_4_mib(content: bytes) -> None:
    with pytest.raises(ReplyUnreadable, match="4 MiB"):
        events(decoder(at("openai")), *[content] * 5)


def test_an_endless_answer_ends_where_the_caller_says() -> None:
    with pytest.raises(ReplyUnreadable, match="larger than was allowed"):
        events(decoder(at("openai"), largest_bytes=1000), *[b": still here\n" * 8] * 11)


@pytest.mark.parametrize("content", [b"", b"\n \n", b": nothing\n\n"])
def test_nothing_is_a_broken_answer(content: bytes) -> None:
    with pytest.raises(StreamBroken):
        events(decoder(at("openai")), content)


def test_a_login_page_is_called_one_and_shown_escaped() -> None:
    page = b"\n<!DOCTYPE html><html>\n<title>Guest\x1b[2J Wi-Fi \xc3\xa9</title>"
    with pytest.raises(ReplyUnreadable, match="web page") as caught:
        events(decoder(at("openai")), page)
    assert caught.value.begins == r"<!DOCTYPE html><html> <title>Guest\x1b[2J Wi-Fi \xe9</title>"


@pytest.mark.parametrize("body", [b'{"hello":"world"}', b"[]", b'"text"', b"[1]", b"{}"])
def test_json_of_another_protocol_is_called_so(body: bytes) -> None:
    with pytest.raises(ReplyUnreadable, match="another protocol"):
        events(decoder(at("openai")), body)


def test_half_of_a_surrogate_pair_is_replaced() -> None:
    line = b'data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\ndata: [DONE]\n\n'
    assert events(decoder(at("openai")), line)[0] == Text("a?")
