"""Untrusted text, made safe to show: what cannot be seen, or moves the cursor, is written as an escape."""

from __future__ import annotations

import os
import re

# What Unicode calls default ignorable and `str.isprintable` lets through: grapheme joiner, Hangul and Braille blanks,
# Khmer and Mongolian marks, variation selectors. Text can be hidden in them.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def printable(text: str | bytes | os.PathLike[str], *, lines: bool = False) -> str:
    r"""`text` with each character that is not plainly visible as `\n`, `\x1b`, `\u202e`, …

    That is all of Unicode's control, format (bidi, zero-width, tags), private, unassigned and surrogate characters,
    every space but U+0020, and the invisible marks. A byte that is not UTF-8 is shown as `\xff`. With `lines`,
    newlines and tabs stay.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    text = os.fspath(text)
    if text.isprintable() and not _UNSEEN.search(text):
        return text
    return "".join(character if lines and character in "\n\t" else _shown(character) for character in text)


def _shown(character: str) -> str:
    if character.isprintable() and not _UNSEEN.match(character):
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 (PEP 383: an undecodable byte)
        return f"\\x{code - 0xDC00:02x}"
    if 0x80 <= code <= 0xFF:  # noqa: PLR2004 (a code point, where \x9b would say a byte)
        return f"\\u{code:04x}"
    return character.encode("unicode_escape").decode("ascii")


def shortened(text: str, width: int) -> str:
    """`text` as :func:`printable` shows it, in at most `width` characters."""
    shown = printable(text[: width + 1])
    return shown if len(shown) <= width else shown[: width - 1] + "…"
