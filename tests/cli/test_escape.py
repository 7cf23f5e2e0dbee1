"""Untrusted text cannot move the cursor, hide, or turn around what stands beside it."""

from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil.cli.escape import printable, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("models/llama-3.gguf", "models/llama-3.gguf"),
        ("naïve 模型 🦙.gguf", "naïve 模型 🦙.gguf"),
        ("\x1b[2J\x1b]0;pwned\x07", r"\x1b[2J\x1b]0;pwned\x07"),
        ("a\nb\r\tc\x00\x7f", r"a\nb\r\tc\x00\x7f"),
        ("\x9b31m", r"\u009b31m"),
        ("\u202egguf.exe", r"\u202egguf.exe"),
        ("\u2066a\u2069", r"\u2066a\u2069"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("hidden\ufe0f\U000e0100\u3164", r"hidden\ufe0f\U000e0100\u3164"),
        ("space\u00a0\u2003", r"space\u00a0\u2003"),
        ("line\u2028paragraph\u2029", r"line\u2028paragraph\u2029"),
        (b"\xffname\x9b", r"\xffname\x9b"),
        (os.fsdecode(b"\xc3\x28"), r"\xc3("),
        (r"C:\models", r"C:\models"),
    ],
)
def test_what_cannot_be_seen_is_written_as_an_escape(text: str | bytes, shown: str) -> None:
    assert printable(text) == shown


def test_lines_are_kept_where_they_are_wanted() -> None:
    assert printable("{% if x %}\n\ty\r\n", lines=True) == "{% if x %}\n\ty\\r\n"


@given(st.text(st.characters()))
def test_nothing_but_plain_characters_comes_out(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert all(unicodedata.category(character)[0] != "C" for character in shown)
    assert printable(shown) == shown


@given(st.text(st.characters()), st.integers(2, 40))
def test_a_shortened_text_fits(text: str, width: int) -> None:
    assert len(shortened(text, width)) <= width
