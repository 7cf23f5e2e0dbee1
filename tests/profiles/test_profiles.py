"""What kandil ships: enough, consistent, and the same for a user's own models."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

import pytest

from kandil import Profile, _core, profiles

OWN = {
    "id": "house/llama",
    "provider": "house",
    "protocol": "openai",
    "base_url": "https://llm.example.org/v1",
    "api_model": "llama-3.3-70b",
}


def test_there_is_what_users_look_for() -> None:
    every = list(profiles.every())
    cloud = [one for one in every if one.source == "cloud"]
    live = [one for one in cloud if one.status in ("active", "preview")]
    assert len(live) >= 170
    assert all(one.context_window for one in live if one.id not in ("groq/compound", "groq/compound-mini"))
    assert sum(one.source == "ollama" for one in every) >= 280
    assert sum(len(one.weights.files) for one in every if one.source == "gguf" and one.weights) >= 300
    assert len(profiles.providers()) >= 26


def test_every_profile_says_where_its_facts_are_from() -> None:
    for profile in profiles.every():
        assert profile.sources, profile.id
        assert re.fullmatch(r"2026-\d\d-\d\d", profile.date)
        for source in profile.sources:
            assert re.search(r"\d{4}", profiles.source_title(source)), source


def test_what_was_retired_has_a_day_or_a_successor() -> None:
    ended = [one for one in profiles.every() if one.status == "retired"]
    assert len(ended) >= 30
    assert [one.id for one in ended if one.shutdown_date is None and one.successor is None] == []


def test_how_a_model_ends_is_said_as_of_today() -> None:
    profile = profiles.from_fields({**OWN, "name": "x", "source": "user", "shutdown_date": "2026-03-01"})
    assert profile.ending() is None
    deprecated = dataclasses.replace(profile, status="deprecated", successor="y")
    for today, said in ((dt.date(2026, 2, 28), "ends"), (dt.date(2026, 3, 1), "was to end")):
        assert deprecated.ending(today) == f"house/llama is deprecated and {said} on 2026-03-01; its successor is y"
    retired = dataclasses.replace(profile, status="retired")
    assert retired.ending() == "house/llama was retired on 2026-03-01"
    assert dataclasses.replace(retired, shutdown_date=None).ending() == "house/llama was retired"


def test_the_ids_are_sorted_and_a_look_up_finds_each() -> None:
    ids = profiles.ids()
    assert ids == sorted(ids)
    assert all((found := profiles.find(one)) and found.id == one for one in ids)
    assert profiles.find("no such model") is None


def test_a_profile_cannot_be_changed() -> None:
    profile = profiles.find("gpt-5")
    assert isinstance(profile, Profile)
    with pytest.raises(dataclasses.FrozenInstanceError):
        profile.id = "x"  # type: ignore[misc]


def test_local_models_have_weights_and_cloud_models_none() -> None:
    for profile in profiles.every():
        assert profile.local is (profile.source != "cloud"), profile.id
        assert (profile.base_url is None) is (profile.provider == "local")


@pytest.mark.parametrize("provider", profiles.providers(), ids=lambda one: one.id)
def test_a_provider_says_where_a_key_goes(provider: profiles.Provider) -> None:
    local = provider.id in ("ollama", "lmstudio")
    assert (provider.auth is None) is local
    assert local or (provider.console_url and provider.env_vars)
    if provider.key_pattern:
        pattern = re.compile(provider.key_pattern)
        assert not pattern.search("claude-sonnet-5-5")
    assert 200 in provider.check.ok


def test_aliases_lead_to_profiles() -> None:
    listed = list(profiles.aliases())
    assert len(listed) >= 500
    for alias in listed:
        for target in (alias.target, *alias.also, *filter(None, [alias.instead_of])):
            assert profiles.find(target), (alias.name, target)
        assert alias.sources


def test_names_lead_to_their_profile() -> None:
    pairs = _core.profile_names()
    assert {target for _, target in pairs} == set(profiles.ids())
    assert ("claude-3-5-sonnet-20241022", "claude-3.5-sonnet") in pairs
    assert ("qwen2.5-coder", "qwen2.5-coder:7b") in pairs


def test_a_user_s_profile_is_made_of_its_fields() -> None:
    assert profiles.mistakes(OWN) == []
    profile = profiles.from_fields({**OWN, "name": "House", "source": "user", "price": {"input": 1.5}})
    assert (profile.id, profile.source, profile.price) == ("house/llama", "user", profiles.Price(input=1.5))


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"base_url": "http://llm.example.org/v1"}, "base_url", "is not https://"),
        ({"base_url": "https://me:secret@llm.example.org"}, "base_url", "without user"),
        ({"protocol": "grpc"}, "protocol", "is not one of openai, anthropic, gemini, ollama"),
        ({"context_window": 0}, "context_window", "a whole number from 1"),
        ({"context_window": "128k"}, "context_window", "not text"),
        ({"supports_tools": "yes"}, "supports_tools", "true or false"),
        ({"price": {"input": -1}}, "price.input", "a number from 0"),
        ({"price": {"input": float("nan")}}, "price.input", "a number from 0"),
        ({"api_model": "a\x1b[31m"}, "api_model", "text in one line"),
        ({"colour": "red"}, "colour", "there is no such field"),
    ],
)
def test_a_user_s_mistake_is_named(change: dict[str, object], field: str, said: str) -> None:
    ((where, what),) = profiles.mistakes({**OWN, **change})
    assert where == field
    assert said in what


def test_what_a_user_left_out_is_named() -> None:
    found = [what for _, what in profiles.mistakes({"id": "x"})]
    assert [what.split()[0] for what in found] == ["provider", "protocol", "base_url", "api_model"]


def test_what_no_profile_can_hold_is_refused() -> None:
    with pytest.raises(TypeError):
        profiles.mistakes({**OWN, "note": object()})
    deep: dict[str, object] = {}
    for _ in range(20):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="deep"):
        profiles.mistakes(deep)
    with pytest.raises(OverflowError):
        profiles.mistakes({**OWN, "context_window": 1 << 80})


@pytest.mark.parametrize(
    ("one", "other"), [("Qwen 2.5_Coder:7B", "qwen2.5-coder-7b"), ("GPT 5", "gpt-5"), ("a/b", "ab")]
)
def test_spellings_of_one_name(one: str, other: str) -> None:
    assert _core.normal_name(one) == _core.normal_name(other)


@pytest.mark.parametrize(("one", "other"), [("gemma2:9b", "gemma-29b"), ("gpt-4.1", "gpt-41")])
def test_spellings_of_two_names(one: str, other: str) -> None:
    assert _core.normal_name(one) != _core.normal_name(other)
