"""What is sent: whole bodies for each protocol, and what some providers are not sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kandil import profiles
from kandil.config import Api
from kandil.profiles import Profile
from kandil.providers import Image, Message, Request, encode, endpoint
from tests.providers.recorded import at

PIXEL = Image(b"\x89PNG", "image/png")
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FULL = Request(
    messages=(Message("user", "Hi"), Message("assistant", "Hello."), Message("user", "Where?", (PIXEL,))),
    system="Be brief.",
    max_tokens=50,
    temperature=0.5,
    top_p=0.9,
    json_schema=SCHEMA,
    context_tokens=4096,
)
PLAIN = Request(messages=(Message("user", "Hi"),))
CHAT = [profile for profile in profiles.every() if profile.kind == "chat" and profile.source == "cloud"]
LIVE = [profile for profile in CHAT if profile.status != "retired"]


def body(protocol: str, request: Request, **fields: object) -> Any:
    return json.loads(encode(at(protocol, **fields), request).body)


def curated(profile: Profile, api: Api | None = None) -> Any:
    return endpoint(profile, profiles.provider(profile.provider), api)


def test_chat_completions() -> None:
    assert body("openai", FULL) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello."},
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                    {"type": "text", "text": "Where?"},
                ],
            },
        ],
        "max_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.9,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
        },
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_responses() -> None:
    assert body("openai", FULL, endpoint="responses") == {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"type": "message", "role": "user", "content": "Hi"},
            {"type": "message", "role": "assistant", "content": "Hello."},
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_image", "image_url": "data:image/png;base64,iVBORw=="},
                    {"type": "input_text", "text": "Where?"},
                ],
            },
        ],
        "max_output_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.9,
        "text": {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}},
        "store": False,
        "stream": True,
    }


def test_messages() -> None:
    assert body("anthropic", FULL) == {
        "model": "m",
        "max_tokens": 50,
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello."},
            {
                "role": "user",
                "content": [
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="},
                    },
                    {"type": "text", "text": "Where?"},
                ],
            },
        ],
        "temperature": 0.5,
        "top_p": 0.9,
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        "stream": True,
    }


@pytest.mark.parametrize(("longest", "asked"), [(None, 8192), (4096, 4096), (128_000, 32_768)])
def test_messages_always_have_a_longest_answer(longest: int | None, asked: int) -> None:
    assert body("anthropic", PLAIN, max_output_tokens=longest)["max_tokens"] == asked


def test_generate_content() -> None:
    assert body("gemini", FULL, supports_reasoning=True) == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"text": "Hello."}]},
            {
                "role": "user",
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}, {"text": "Where?"}],
            },
        ],
        "generationConfig": {
            "maxOutputTokens": 50,
            "temperature": 0.5,
            "topP": 0.9,
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA,
            "thinkingConfig": {"includeThoughts": True},
        },
    }


def test_ollama() -> None:
    assert body("ollama", FULL) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "Where?", "images": ["iVBORw=="]},
        ],
        "options": {"num_ctx": 4096, "num_predict": 50, "temperature": 0.5, "top_p": 0.9},
        "format": SCHEMA,
        "truncate": False,
        "shift": False,
        "stream": True,
    }


@pytest.mark.parametrize("protocol", ["openai", "anthropic", "gemini", "ollama"])
def test_what_nobody_set_is_not_sent(protocol: str) -> None:
    sent = encode(at(protocol), PLAIN).body.decode()
    for word in ("temperature", "top", "schema", "system", "format", '"options', "generationConfig", "null"):
        assert word not in sent


@pytest.mark.parametrize("protocol", ["openai", "anthropic", "gemini", "ollama"])
def test_temperature_is_left_out_where_it_is_not_allowed(protocol: str) -> None:
    sent = encode(at(protocol, temperature_allowed=False), FULL).body.decode()
    assert "temperature" not in sent
    assert "top_p" not in sent.lower().replace("topp", "top_p")


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (SCHEMA, True),
        ({**SCHEMA, "required": []}, False),
        ({**SCHEMA, "additionalProperties": True}, False),
        ({**SCHEMA, "properties": {"city": {"type": "object"}}}, False),
        ({**SCHEMA, "properties": {"city": {"anyOf": [SCHEMA, {"type": "null"}]}}}, True),
        ({**SCHEMA, "$defs": {"other": {"type": "object", "properties": {}}}}, False),
    ],
)
def test_strict_is_asked_for_where_openai_would_take_it(schema: Any, *, strict: bool) -> None:
    asked = body("openai", Request(messages=PLAIN.messages, json_schema=schema))
    assert asked["response_format"]["json_schema"]["strict"] is strict


def test_text_that_is_no_utf8_is_sent_replaced() -> None:
    sent = encode(at("openai"), Request(messages=(Message("user", "a\udcffb"),))).body
    assert json.loads(sent)["messages"][0]["content"] == "a?b"


@pytest.mark.parametrize("profile", LIVE, ids=lambda profile: profile.id)
def test_every_live_model_has_an_endpoint_and_takes_a_simple_request(profile: Profile) -> None:
    found = curated(profile)
    for stream in (True, False):
        call = encode(found, Request(messages=PLAIN.messages, max_tokens=5, stream=stream))
        assert call.url.startswith(("https://", "http://localhost", "http://127.0.0.1"))
        assert "{" not in call.url
        json.loads(call.body)
        assert call.headers["content-type"] == "application/json"
    assert found.models_url.startswith(("https://", "http://"))


def test_every_provider_is_among_them() -> None:
    without = {provider.id for provider in profiles.providers()} - {profile.provider for profile in LIVE}
    assert without <= {"inception", "lmstudio", "ollama", "siliconflow", "volcengine"}
    for provider in profiles.providers():
        own = profiles.from_fields(
            {
                "id": "own",
                "name": "own",
                "source": "user",
                "provider": provider.id,
                "protocol": provider.protocol,
                "api_model": "m",
            }
        )
        found = endpoint(own, provider)
        assert found.url.startswith(provider.base_url)
        assert found.auth == provider.auth
        assert encode(found, PLAIN).body


@pytest.mark.parametrize(
    ("name", "url", "models_url"),
    [
        ("gpt-4o", "https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/models"),
        ("gpt-5.3-codex", "https://api.openai.com/v1/responses", "https://api.openai.com/v1/models"),
        ("claude-sonnet-5-5", "https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1/models"),
        (
            "gemini-2.5-flash",
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
            "https://generativelanguage.googleapis.com/v1beta/models",
        ),
        ("perplexity/sonar", "https://api.perplexity.ai/v1/responses", "https://api.perplexity.ai/v1/models"),
        (
            "command-a",
            "https://api.cohere.ai/compatibility/v1/chat/completions",
            "https://api.cohere.com/v1/models",
        ),
    ],
)
def test_urls(name: str, url: str, models_url: str) -> None:
    profile = profiles.find(name) or next(one for one in CHAT if one.id.startswith(name) and one.status != "retired")
    found = curated(profile)
    assert (encode(found, PLAIN).url, found.models_url) == (url, models_url)


def sent_to(provider: str, request: Request) -> Any:
    profile = next(one for one in LIVE if one.provider == provider and one.endpoint == "chat")
    return json.loads(encode(curated(profile), request).body)


@pytest.mark.parametrize("provider", ["mistral", "cohere"])
def test_who_refuses_stream_options_is_sent_none(provider: str) -> None:
    assert "stream_options" not in sent_to(provider, PLAIN)
    assert "stream_options" in sent_to("groq", PLAIN)


@pytest.mark.parametrize("provider", ["deepseek", "zai"])
def test_who_knows_no_schemas_gets_it_in_words(provider: str) -> None:
    sent = sent_to(provider, FULL)
    assert sent["response_format"] == {"type": "json_object"}
    assert sent["messages"][0]["content"].startswith("Be brief.\n\nAnswer with JSON")
    assert json.dumps(SCHEMA) in sent["messages"][0]["content"]


def test_openai_wants_max_completion_tokens_and_others_max_tokens() -> None:
    assert sent_to("openai", FULL)["max_completion_tokens"] == 50
    assert "max_tokens" not in sent_to("openai", FULL)
    assert sent_to("together", FULL)["max_tokens"] == 50


def test_the_users_base_url_and_protocol_come_first() -> None:
    profile = profiles.find("gpt-4o")
    assert profile is not None
    moved = curated(profile, Api(base_url="https://proxy.example.org/openai/v1/"))
    assert moved.url == "https://proxy.example.org/openai/v1/chat/completions"
    assert moved.models_url == "https://proxy.example.org/openai/v1/models"
    other = curated(profile, Api(base_url="https://proxy.example.org", protocol="anthropic"))
    assert other.url == "https://proxy.example.org/v1/messages"
    assert other.auth is not None
    assert (other.auth.header, other.headers) == ("x-api-key", {"anthropic-version": "2023-06-01"})


def test_a_list_of_models_elsewhere_is_not_asked_for_with_a_moved_providers_key() -> None:
    profile = next(one for one in LIVE if one.provider == "cohere")
    moved = curated(profile, Api(base_url="https://proxy.example.org/v1"))
    assert moved.models_url == "https://proxy.example.org/v1/models"


def test_a_local_server_says_where_it_is() -> None:
    own = profiles.from_fields(
        {"id": "f", "name": "f", "source": "gguf", "provider": "local", "protocol": "openai", "api_model": "f"}
    )
    assert endpoint(own, None, base_url="http://127.0.0.1:9/v1").url == "http://127.0.0.1:9/v1/chat/completions"
    with pytest.raises(ValueError, match="nobody says where"):
        endpoint(own, None)
