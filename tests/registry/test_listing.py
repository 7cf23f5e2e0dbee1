"""What a list of models has."""

from __future__ import annotations

import pytest

from kandil.registry.listing import matches


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "qwen3:8b"),
        ("qwen 7b", "qwen2.5-coder:7b"),
        ("QWEN25 coder", "qwen2.5-coder:7b"),
        ("3.5", "phi3.5:3.8b"),
        ("0.6", "qwen3:0.6b"),
        ("gpt-5", "gpt-5.6-sol"),
        ("gpt5", "gpt-5"),
        (":7b", "mistral:7b"),
    ],
)
def test_words_are_found_whatever_separates_them(query: str, name: str) -> None:
    assert matches(query, name)


@pytest.mark.parametrize(
    ("query", "name"),
    [("7b", "qwen3:1.7b"), ("7b", "qwen3.6:27b"), ("7b", "qwen3-1.7b"), ("6b", "qwen3:0.6b"), ("qwen", "llama3")],
)
def test_a_number_is_found_whole(query: str, name: str) -> None:
    assert not matches(query, name)
