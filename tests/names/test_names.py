"""`Names.rank`: what people type, against a plain definition, and whatever text there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kandil import _core
from kandil.resolver import Names as Known
from tests.names import plain

TYPED = [
    line.split("\t")
    for line in Path(__file__).with_name("typed_queries.tsv").read_text().splitlines()
    if not line.startswith("#")
]
WORDS = [
    "qwen",
    "llama",
    "coder",
    "code",
    "deep",
    "seek",
    "k",
    "m",
    "it",
    "claude",
    "sonnet",
    "qwn",
    "codr",
    "claud",
    "lamla",
    "é",
]
NUMBERS = ["2.5", "3", "3.1", "31", "7b", "70b", "7", "32", "q4", "a3b", "8x7b"]
PIECE = st.builds(str.__add__, st.sampled_from(WORDS + NUMBERS), st.sampled_from(["", *"-: ._/"]))
NAME = st.lists(PIECE, max_size=7).map("".join)
ANY = st.text(st.characters(), max_size=40)  # lone surrogates too


def test_people_get_what_they_type() -> None:
    known = Known()
    first, three, wrong = 0, 0, []
    for query, right in TYPED:
        ids = [one.profile.id for one in known.search(query)]
        meant = set(right.split("|"))
        first += bool(ids[:1] and ids[0] in meant)
        three += not meant.isdisjoint(ids[:3])
        if not ids[:1] or ids[0] not in meant:
            wrong.append((query, right, ids[:3]))
    assert len(TYPED) >= 250
    assert first / len(TYPED) >= 0.97, wrong
    assert three / len(TYPED) >= 0.99, wrong


@given(st.lists(NAME, min_size=1, max_size=12), NAME)
@example(["laguna-s-2.1", "laguna-xs-2.1"], "laguna xs")
@example(["deepseek-coder", "deep-seek-coder"], "deepseekcoder")
@example(["qwen"], "qwen-ké")
@example(["k-k-k"], "k-k-k")
def test_scores_are_those_of_the_definition(names: list[str], query: str) -> None:
    expected = plain.scores(names, query)
    ranked = dict(_core.Names(names).rank(query, len(names)))
    edge = {at for at, score in expected.items() if score < plain.FLOOR + 1e-4}
    assert ranked.keys() | edge == expected.keys() | (ranked.keys() & edge)
    assert ranked == {at: pytest.approx(expected[at], abs=1e-4) for at in ranked}


@given(st.lists(ANY, max_size=20), ANY, st.integers(0, 10))
@example(["\ud800", "e\u0301", "İ", "ﬁ", "ß"], "\udfff", 5)
@example(["q4" * 50, "a" * 300], "a" * 300, 5)
def test_any_text_is_ranked(names: list[str], query: str, limit: int) -> None:
    prepared = _core.Names(names)
    ranked = prepared.rank(query, limit)
    assert len(prepared) == len(names)
    assert ranked == prepared.rank(query, limit) == _core.Names(names).rank(query, limit)
    assert len(ranked) <= limit
    assert len({at for at, _ in ranked}) == len(ranked)
    assert all(score + 1e-6 >= plain.FLOOR and score <= 1 for _, score in ranked)
    assert ranked == sorted(ranked, key=lambda one: (-one[1], len(names[one[0]].encode("utf-8", "replace")), one[0]))


@given(st.lists(NAME, min_size=1, max_size=12), st.data())
def test_a_name_is_most_like_itself(names: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(names))
    ranked = _core.Names(names).rank(name, 1)
    if plain.atoms(name):
        assert plain.atoms(names[ranked[0][0]]) == plain.atoms(name)
        assert ranked[0][1] == pytest.approx(1)
    else:
        assert ranked == []


@pytest.mark.parametrize(
    ("right", "wrong", "query"),
    [
        ("qwen:7b", "qwen:70b", "qwen 7b"),
        ("qwen:70b", "qwen:7b", "qwen 70b"),
        ("llama3.1:8b", "llama3.2:8b", "llama 3.1 8"),
        ("coder:32b", "coder:3b", "coder 32"),
        ("qwen:7b-coder-instruct-q4_K_M", "qwen:70b", "qwen 7b"),
    ],
)
def test_a_number_is_worth_more_than_letters(right: str, wrong: str, query: str) -> None:
    (first, best), *others = _core.Names([wrong, right]).rank(query)
    assert first == 1
    assert all(best - score > 0.1 for _, score in others)


def test_equal_names_are_in_the_order_of_their_length_and_place() -> None:
    assert [at for at, _ in _core.Names(["a-b--7b", "a-b-7b", "A:B:7B"]).rank("a b 7b")] == [1, 2, 0]


@pytest.mark.parametrize("query", ["", " ", "-:/", "\x00", "zzzzzz"])
def test_nothing_is_like_nothing(query: str) -> None:
    assert _core.Names(["qwen:7b", "llama", ""]).rank(query) == []
