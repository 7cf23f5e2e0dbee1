"""What servers answered, as events: the same whatever the network does to the bytes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kandil.errors import KandilError, KeyRejected, ProviderFailed, ProviderOverloaded, RateLimited, StreamBroken
from kandil.providers import Event, Reasoning, Stop, Text, ToolCall, Usage, decoder
from tests.providers.recorded import STREAMS, at, endpoint_of, events, replay, transcript

HELLO = "Hello from a tiny real model."


def said(found: list[Event]) -> str:
    return "".join(event.text for event in found if isinstance(event, Text))


def thought(found: list[Event]) -> str:
    return "".join(event.text for event in found if isinstance(event, Reasoning))


def counted(found: list[Event]) -> tuple[int | None, ...]:
    usage = [event for event in found if isinstance(event, Usage)][-1]
    return usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.cached_tokens


def outcome(name: str, *chunks: bytes) -> tuple[list[Event], KandilError | None]:
    """What came, and how it failed."""
    reading = decoder(endpoint_of(name))
    found: list[Event] = []
    failed: KandilError | None = None
    try:
        for chunk in chunks:
            found += reading.feed(chunk)
        found += reading.end()
    except KandilError as error:
        failed = error
    return found, failed


@pytest.mark.parametrize("name", [name for name in STREAMS if name.startswith("llama-") and "json." not in name])
def test_llama_cpp_answers_alike_by_each_protocol(name: str) -> None:
    found = replay(name)
    assert said(found) == HELLO
    assert counted(found)[:2] == (6, 7)
    assert found[-1] in (Stop("end", "stop"), Stop("end", "completed"), Stop("end", "end_turn"))


def test_llama_cpp_keeps_to_a_schema_until_it_may_not_go_on() -> None:
    found = replay("llama-json.sse")
    assert said(found).startswith("{")
    assert found[-1] == Stop("length", "length")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("llmock-chat.sse", "Simulated answer from gpt-4o for 'hi'."),
        ("llmock-chat.json", "Simulated answer from gpt-4o for 'hi'."),
        ("llmock-responses.sse", "Simulated answer from gpt-4o for 'hi'."),
        ("llmock-messages.sse", "Hello! claude-sonnet-4-5 received: hi"),
        ("llmock-messages.json", "Hello! claude-sonnet-4-5 received: hi"),
        ("llmock-gemini.sse", "Hi there. This is a simulated reply from gemini-2.5-flash."),
        ("llmock-gemini.json", "Hi there. This is a simulated reply from gemini-2.5-flash."),
        ("llmock-mistral.sse", "mistral-large-latest mock reply: I saw 'hi'."),
        ("aimock-ollama.ndjson", "Hello from a fixture."),
        ("aimock-ollama.json", "Hello from a fixture."),
        ("aimock-chat.sse", "Hello from a fixture."),
    ],
)
def test_mock_servers_answers(name: str, text: str) -> None:
    found = replay(name)
    assert said(found) == text
    assert isinstance(found[-1], Stop)
    assert found[-1].reason == "end"


@pytest.mark.parametrize("server", ["chat.sse", "messages.sse", "gemini.sse", "responses.sse", "ollama.ndjson"])
def test_a_tool_is_asked_for_whole(server: str) -> None:
    kind, _, ending = server.partition(".")
    found = replay(f"aimock-{kind}-tool.{ending}")
    call, stop = found[-2:]
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments) == ("get_weather", '{"city":"Paris"}')
    assert isinstance(stop, Stop)
    assert stop.reason == "tool"


@pytest.mark.parametrize("server", ["chat", "messages", "gemini", "responses"])
def test_reasoning_is_apart(server: str) -> None:
    found = replay(f"aimock-{server}-thinking.sse")
    assert (thought(found), said(found)) == ("Two and two.", "Four.")


@pytest.mark.parametrize(
    ("name", "thoughts", "text", "usage", "stop"),
    [
        ("openrouter.sse", "Let me see", "Ünïcodé 🎈", (10, 4, 3, 8), Stop("end", "stop")),
        ("groq.sse", "", "Hi", (72, 2, None, None), Stop("end", "stop")),
        ("deepseek.sse", "9.8 is more.", "9.8", (18, 40, 30, 0), Stop("end", "stop")),
        ("mistral.sse", "Hmm.", "Yes.", (5, 4, None, None), Stop("end", "stop")),
        ("moonshot.sse", "", "Hi", (19, 13, None, 4), Stop("end", "stop")),
        ("xai.sse", "", "101*3 is 303.", (32, 103, 94, None), Stop("end", "stop")),
        (
            "messages-thinking.sse",
            "27 * 453: 12231",
            "27 * 453 = 12,231",
            (1125, 40, None, 1000),
            Stop("end", "end_turn"),
        ),
        ("messages-refusal.sse", "", "", (1125, 3, None, 1000), Stop("refusal", "refusal")),
        ("gemini-thoughts.sse", "**Thinking**", "Hi!", (10, 52, 50, 4), Stop("end", "STOP")),
        ("gemini-blocked.sse", "", "", (9, None, None, None), Stop("filter", "PROHIBITED_CONTENT")),
        ("gemini-array.json", "", "AB", (1, 2, None, None), Stop("length", "MAX_TOKENS")),
        ("ollama-thinking.ndjson", "Two and two.", "Four", (26, 298, None, None), Stop("end", "stop")),
        ("responses-reasoning.sse", "**One**\n\n**Two**", "Hi", (37, 11, 5, 2), Stop("end", "completed")),
        ("responses-incomplete.sse", "", "Hi", (37, 11, 5, 2), Stop("length", "max_output_tokens")),
        ("responses-refusal.sse", "", "I can't.", (37, 11, 5, 2), Stop("refusal", "completed")),
    ],
)
def test_what_providers_document(
    name: str, thoughts: str, text: str, usage: tuple[int | None, ...], stop: Stop
) -> None:
    found = replay(f"documented-{name}")
    assert (thought(found), said(found), counted(found), found[-1]) == (thoughts, text, usage, stop)


def test_refusals_and_filters_of_chat_completions() -> None:
    refused = replay("documented-refusal.sse")
    assert said(refused) == "I'm sorry, I cannot."
    assert refused[-1] == Stop("refusal", "stop")
    assert replay("documented-filter.sse")[-1] == Stop("filter", "content_filter")


def test_think_tags_at_the_start_alone() -> None:
    found = replay("documented-think-tags.sse")
    assert (thought(found), said(found)) == ("Two and two.", "Four <think> is a tag.")
    plain = events(decoder(at("openai", supports_reasoning=False)), transcript("documented-think-tags.sse"))
    assert thought(plain) == ""


def test_calls_of_tools_that_come_mixed() -> None:
    assert replay("documented-tools.sse") == [
        ToolCall("call_a", "weather", '{"city":"Rome"}'),
        ToolCall("call_b", "time", "{}"),
        Stop("tool", "tool_calls"),
    ]
    assert replay("documented-messages-tool.sse")[-2:] == [
        ToolCall("toolu_01", "get_weather", '{"location": "San Francisco"}'),
        Stop("tool", "tool_use"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("openrouter-error.sse", "Half an ", ProviderFailed),
        ("openai-error.sse", "Once", ProviderFailed),
        ("messages-overloaded.sse", "Hel", ProviderOverloaded),
        ("ollama-error.ndjson", "The sky", ProviderFailed),
        ("responses-failed.sse", "Hi", ProviderFailed),
        ("responses-error.sse", "", RateLimited),
        ("cut.sse", "Once upon a", StreamBroken),
        ("minimax.json", "", KeyRejected),
    ],
)
def test_failures_inside_an_answer_come_after_what_came(name: str, text: str, error: type[KandilError]) -> None:
    found, failed = outcome(f"documented-{name}", transcript(f"documented-{name}"))
    assert said(found) == text
    assert type(failed) is error


@pytest.mark.parametrize("name", STREAMS)
def test_byte_by_byte_is_the_same(name: str) -> None:
    content = transcript(name)
    singly = outcome(name, *(content[place : place + 1] for place in range(len(content))))
    assert repr(singly) == repr(outcome(name, content))


@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 7000), max_size=6))
def test_cuts_anywhere_are_the_same(name: str, cuts: list[int]) -> None:
    content = transcript(name)
    places = [0, *sorted(cuts), len(content)]
    in_pieces = outcome(name, *(content[a:b] for a, b in itertools.pairwise(places)))
    assert repr(in_pieces) == repr(outcome(name, content))


@given(st.sampled_from([name for name in STREAMS if name.endswith("sse")]), st.sampled_from([b"\n", b"\r", b"\r\n"]))
@settings(max_examples=60)
def test_line_ends_and_a_byte_order_mark_do_not_matter(name: str, ending: bytes) -> None:
    plain = transcript(name).replace(b"\r\n", b"\n")
    other = b"\xef\xbb\xbf" + plain.replace(b"\n", ending)
    in_pieces = outcome(name, *(other[place : place + 3] for place in range(0, len(other), 3)))
    assert repr(in_pieces) == repr(outcome(name, plain))


@given(st.sampled_from(STREAMS), st.data())
def test_an_answer_cut_off_is_called_so_unless_its_end_had_come(name: str, data: st.DataObject) -> None:
    content = transcript(name)
    found, failed = outcome(name, content[: data.draw(st.integers(0, len(content) - 1))])
    whole, _ = outcome(name, content)
    if failed is None:
        assert said(found) == said(whole)
    else:
        assert said(whole).startswith(said(found)) or "think-tags" in name


def test_after_the_end_nothing_is_looked_at() -> None:
    reading = decoder(at("openai"))
    found = reading.feed(transcript("llmock-chat.sse"))
    assert reading.over
    assert isinstance(found[-1], Stop)
    assert reading.feed(b"data: {{{\n\n") == []
    assert reading.end() == []


def test_a_stop_that_came_is_enough_where_the_last_line_is_missing() -> None:
    content = transcript("llmock-chat.sse").replace(b"data: [DONE]", b": bye")
    assert events(decoder(at("openai")), content)[-1] == Stop("end", "stop")


def test_whole_calls_without_a_place_of_their_own() -> None:
    calls = b"".join(
        b'data: {"choices":[{"delta":{"tool_calls":[{"id":"%s","function":{"name":"f","arguments":"{}"}}]}}]}\n\n' % one
        for one in (b"a", b"b")
    )
    found = events(decoder(at("openai")), calls + b"data: [DONE]\n\n")
    assert found == [ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"), Stop("tool", "")]
