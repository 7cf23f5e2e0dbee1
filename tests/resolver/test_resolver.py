"""The ladder: each rung takes what it should and nothing else; what is only like a name is never taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil import profiles, resolver
from kandil.errors import NameAmbiguous, NameUnknown
from kandil.profiles import Profile
from kandil.resolver import Names, resolve


def own(name: str) -> Profile:
    fields = {"provider": "house", "protocol": "openai", "base_url": "https://llm.example.org/v1", "api_model": "m"}
    return profiles.from_fields({**fields, "id": name, "name": name, "source": "user"})


@pytest.mark.parametrize(
    ("query", "expected", "rung"),
    [
        ("claude-3.5-sonnet", "claude-3.5-sonnet", "exact"),
        ("gpt-4-turbo", "gpt-4-turbo", "exact"),
        ("gemini-1.5-pro", "gemini-1.5-pro", "exact"),
        ("qwen2.5-coder-32b", "qwen2.5-coder-32b", "exact"),
        ("qwen-max", "qwen-max", "exact"),
        ("llama3.1:70b", "llama3.1:70b", "exact"),
        ("deepseek-coder:33b", "deepseek-coder:33b", "exact"),
        ("mistral-large:123b", "mistral-large:123b", "exact"),
        ("groq/gpt-oss-120b", "groq/gpt-oss-120b", "exact"),
        ("sonnet", "claude-sonnet-5-5", "alias"),
        ("qwen2.5-coder", "qwen2.5-coder:7b", "alias"),
        ("qwen2.5-coder:latest", "qwen2.5-coder:7b", "alias"),
        ("qwen2.5-coder:7b-instruct-q4_K_M", "qwen2.5-coder:7b", "alias"),
        ("GPT-5", "gpt-5", "spelling"),
        ("gpt 5", "gpt-5", "spelling"),
        ("\uff27\uff30\uff34\uff0d\uff15", "gpt-5", "spelling"),
        ("Llama3.1_70B", "llama3.1:70b", "spelling"),
        ("claude 3 5 sonnet", "claude-3.5-sonnet", "spelling"),
        ("claude-3-5-sonnet-20241022", "claude-3.5-sonnet", "alias"),
        ("anthropic/claude-opus-5-5", "claude-opus-5-5", "spelling"),
        ("openai:gpt-5", "gpt-5", "spelling"),
        ("ollama:qwen2.5-coder:7b", "qwen2.5-coder:7b", "spelling"),
        ("ollama/llama3.1:70b", "llama3.1:70b", "spelling"),
        ("https://ollama.com/library/llama3.1:70b", "llama3.1:70b", "spelling"),
        ("hf.co/bartowski/aya-23-8B-GGUF:Q4_K_M", "aya-23-8b-q4_k_m@bartowski", "spelling"),
        ("hf.co/bartowski/aya-23-8B-GGUF", "aya-23-8b-q4_k_m@bartowski", "spelling"),
        ("hf://bartowski/aya-23-8B-GGUF:q4_k_m", "aya-23-8b-q4_k_m@bartowski", "spelling"),
        ("https://huggingface.co/bartowski/aya-23-8B-GGUF", "aya-23-8b-q4_k_m@bartowski", "spelling"),
        ("bartowski/aya-23-8B-GGUF", "aya-23-8b-q4_k_m@bartowski", "spelling"),
        ("aya-23-8B-Q4_K_M.gguf", "aya-23-8b-q4_k_m@bartowski", "spelling"),
        ("  gpt-5\n", "gpt-5", "exact"),
    ],
)
def test_a_name_stands_on_its_rung(query: str, expected: str, rung: str) -> None:
    resolution = resolve(query)
    assert (resolution.profile.id, resolution.rung, resolution.query) == (expected, rung, query)


def test_every_id_is_its_own_name() -> None:
    for profile_id in profiles.ids():
        resolution = resolve(profile_id)
        assert (resolution.profile.id, resolution.rung) == (profile_id, "exact")


def test_every_alias_leads_where_it_says() -> None:
    for alias in profiles.aliases():
        found = resolve(alias.name)
        assert (found.profile.id, found.also, found.instead_of) == (alias.target, alias.also, alias.instead_of)


def test_a_retired_model_says_so_and_offers_another() -> None:
    profile = resolve("claude-3.5-sonnet").profile
    assert (profile.status, profile.shutdown_date, profile.successor) == ("retired", "2025-10-28", "claude-sonnet-4-6")


def test_an_alias_says_what_else_it_means() -> None:
    resolution = resolve("gpt4")
    assert (resolution.profile.id, resolution.instead_of) == ("gpt-5.6-sol", "gpt-4-turbo")


@pytest.mark.parametrize("query", ["qwn2.5 codr 32", "claud sonet", "llama31 70", "gpt5x", "sonet"])
def test_what_is_only_like_a_name_is_never_taken(query: str) -> None:
    with pytest.raises(NameUnknown) as error:
        resolve(query)
    assert error.value.exit_code == 3
    assert 1 <= len(error.value.candidates) <= 5
    assert query not in error.value.candidates
    assert all(profiles.find(one) for one in error.value.candidates)
    chosen = Names().choose(query, error.value.candidates[0])
    assert (chosen.profile.id, chosen.rung, chosen.query) == (error.value.candidates[0], "choice", query)


def test_the_name_of_several_is_none_s() -> None:
    with pytest.raises(NameAmbiguous) as error:
        resolve("openai/gpt-oss-120b")
    assert len(error.value.candidates) > 1
    assert "groq/gpt-oss-120b" in error.value.candidates


@pytest.mark.parametrize("query", ["", "  ", "zzzzqqqq", "\x00", "🦙🦙🦙", "a" * 5000])
def test_what_is_like_nothing_has_no_candidates(query: str) -> None:
    with pytest.raises(NameUnknown) as error:
        resolve(query)
    assert error.value.candidates == ()
    assert error.value.hint


def test_the_user_s_own_model_goes_before_the_catalogue_s() -> None:
    mine = {"gpt-5": own("gpt-5"), "House Llama": own("House Llama")}
    assert resolve("gpt-5", own=mine).profile.source == "user"
    assert resolve("house_llama", own=mine).profile.id == "House Llama"
    assert resolve("gpt-5-mini", own=mine).profile.source == "cloud"
    with pytest.raises(NameUnknown) as error:
        resolve("hose lama", own=mine)
    assert error.value.candidates[0] == "House Llama"


def test_a_user_s_alias_goes_before_the_built_in_one() -> None:
    aliases = {"sonnet": "claude-3.5-sonnet", "work": "sonnet", "Loop": "loop", "loop": "Loop", "lost": "no such model"}
    resolution = resolve("sonnet", aliases=aliases)
    assert (resolution.profile.id, resolution.rung) == ("claude-3.5-sonnet", "user alias")
    assert resolve("work", aliases=aliases).profile.id == "claude-sonnet-5-5"  # the built-in meaning: no chain
    assert resolve("WORK", aliases=aliases).profile.id == "claude-sonnet-5-5"
    for name in ("loop", "lost"):
        with pytest.raises(NameUnknown):
            resolve(name, aliases=aliases)


def test_an_alias_that_leads_nowhere_is_named() -> None:
    with pytest.raises(NameUnknown, match=r"'lost'.*'claude-sonet-9'"):
        resolve("lost", aliases={"lost": "claude-sonet-9"})


def test_a_clear_winner_is_said_to_be_one() -> None:
    names = Names()
    assert resolver.is_clear(names.search("claud opus 5.5"))
    assert not resolver.is_clear(names.search("coder 7b"))
    assert not resolver.is_clear([])


def answers(query: str) -> tuple[str, ...]:
    """The profile that is meant, or those that may be."""
    try:
        resolution = resolve(query)
    except (NameAmbiguous, NameUnknown) as error:
        return error.candidates
    return (resolution.profile.id, *resolution.also)


@given(st.text(max_size=60))
def test_any_text_has_an_answer(query: str) -> None:
    assert all(profiles.find(one) for one in answers(query))


@given(st.sampled_from(profiles.ids()), st.sampled_from(["-", "_", " ", ":"]))
def test_separators_and_case_do_not_matter(profile_id: str, separator: str) -> None:
    assert profile_id in answers(profile_id.upper().replace("-", separator).replace(":", separator))
