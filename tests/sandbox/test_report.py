"""Whatever a child says is read strictly, or not taken."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil.sandbox.report import MAX_DEPTH, MAX_TEXT, parse

LAYERS = b'{"layers": {"seccomp": "active"}}\n'


def test_a_whole_report() -> None:
    said = parse(LAYERS + b'{"step": "read"}\n{"step": "load"}\n{"report": {"keys": 3}}\n')
    assert (said.layers, said.step, said.report, said.invalid) == ({"seccomp": "active"}, "load", {"keys": 3}, None)


def test_a_refusal_is_all_that_is_said() -> None:
    said = parse(b'{"refused": "no"}\n')
    assert (said.refused, said.layers, said.invalid) == ("no", {}, None)


def test_half_a_line_is_left_out_where_the_child_was_ended() -> None:
    half = LAYERS + b'{"step": "read"}\n{"rep'
    assert (parse(half, cut=True).step, parse(half, cut=True).invalid) == ("read", None)
    assert parse(half).invalid == "the last line has no end"


def nested(depth: int) -> bytes:
    return b'{"report": ' + b'{"a": ' * depth + b"1" + b"}" * depth + b"}\n"


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (LAYERS, "'layers' at the wrong place"),
        (b'{"report": {}}\n{"report": {}}\n', "'report' at the wrong place"),
        (b'{"report": {}}\n{"step": "on"}\n', "'step' at the wrong place"),
        (b'{"error": "x"}\n{"report": {}}\n', "'report' at the wrong place"),
        (b'{"refused": "x"}\n', "'refused' at the wrong place"),
        (b'{"other": 1}\n', "'other' is not what it should be"),
        (b'{"report": []}\n', "'report' is not what it should be"),
        (b'{"step": 1}\n', "'step' is not what it should be"),
        (b'{"step": "' + b"a" * (MAX_TEXT + 1) + b'"}\n', "'step' is not what it should be"),
        (b'{"step": "a", "report": {}}\n', "not one thing said"),
        (b"{}\n", "not one thing said"),
        (b"[1]\n", "not one thing said"),
        (b'{"report": {"a": 1, "a": 2}}\n', "a key twice"),
        (b'{"report": {"a": NaN}}\n', "NaN is no number of JSON"),
        (b'{"report": {"a": ' + b"9" * 5000 + b"}}\n", "not JSON: ValueError"),
        (b"\n", "not JSON: JSONDecodeError"),
        (b"\xff\n", "not JSON: UnicodeDecodeError"),
        (b'{"report": ' + b"[" * 100_000 + b"\n", "not JSON: RecursionError"),
        (nested(MAX_DEPTH), f"deeper than {MAX_DEPTH}"),
    ],
)
def test_what_is_not_taken(after: bytes, reason: str) -> None:
    assert parse(LAYERS + after).invalid == reason


def test_the_deepest_report_that_is_taken() -> None:
    assert parse(LAYERS + nested(MAX_DEPTH - 2)).invalid is None


def test_without_layers_first_nothing_is_taken() -> None:
    said = parse(b'{"step": "read"}\n{"report": {}}\n')
    assert (said.step, said.report, said.invalid) == (None, None, "'step' at the wrong place")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(said: bytes) -> None:
    parse(LAYERS + said)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    )
)
def test_what_was_reported_is_what_is_read(value: object) -> None:
    said = parse(LAYERS + json.dumps({"report": {"value": value}}).encode() + b"\n")
    assert said.invalid == f"deeper than {MAX_DEPTH}" or said.report == {"value": value}
