"""One metadata value, whole or shortened."""

from __future__ import annotations

import math
import struct
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING

from kandil.cli.escape import printable, shortened
from kandil.cli.json_lines import write_json
from kandil.cli.sizes import human_size
from kandil.errors import KeyUnknown, ValueUnreadable

if TYPE_CHECKING:
    from kandil._core import Header

type_of_value = bool | int | float | str | list[bool] | list[int] | list[float] | list[str]
LONG = 16
"""Arrays with more elements are not read to be listed: a vocabulary has hundreds of thousands."""
LARGE_BYTES = 1 << 20
"""Nor are larger values, whatever their type: `--key` reads them."""


def read(header: Header, key: str) -> type_of_value:
    """The value. Raises: KeyUnknown, ValueUnreadable."""
    if key not in header:
        raise KeyUnknown(key, tuple(get_close_matches(key, header.keys(), n=3)))
    try:
        return header[key]
    except (OSError, ValueError) as error:
        raise ValueUnreadable(key, str(error)) from error


def show(header: Header, key: str, *, json: bool) -> None:
    """Prints the value: a string as it is, an array one element a line."""
    value = read(header, key)
    if json:
        write_json({"key": key, "type": header.type(key), "value": value, "schema": "kandil.inspect-key/1"})
        return
    terminal = sys.stdout.isatty()
    if isinstance(value, str) and not terminal:
        sys.stdout.buffer.write(value.encode("utf-8", "surrogateescape"))
        sys.stdout.buffer.flush()
        return
    for element in value if isinstance(value, list) else [value]:
        text = in_words(element, header.type(key))
        print(printable(text, lines=not isinstance(value, list)) if terminal else text)


def summary(header: Header, key: str, width: int) -> str:
    """The value in at most `width` characters, or how many elements a long array has."""
    count = header.count(key)
    if count is not None and count > LONG:
        return f"{count} elements"
    if header.value_size_bytes(key) > LARGE_BYTES:
        return human_size(header.value_size_bytes(key))
    try:
        value = read(header, key)
    except ValueUnreadable as error:
        return shortened(f"({error.reason})", width)
    elements = value if isinstance(value, list) else [value]
    return shortened(", ".join(in_words(element, header.type(key)) for element in elements), width)


def in_words(value: object, kind: str) -> str:
    """`true`, `1e-05`: a float32 in the fewest digits that give it again."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and "float32" in kind and math.isfinite(value):
        single = struct.pack("<f", value)
        texts = (f"{value:.{digits}g}" for digits in range(1, 10))
        return repr(next((float(text) for text in texts if _single(text) == single), value))
    return str(value)


def _single(text: str) -> bytes | None:
    try:
        return struct.pack("<f", float(text))
    except OverflowError:  # rounded up beyond the largest
        return None


def text_or_none(header: Header, key: str) -> str | None:
    """The value where it is a short string, else None."""
    value = header.kept(key)
    return value if isinstance(value, str) else None


def count_or_none(header: Header, key: str) -> int | None:
    """The value where it is an integer, else None."""
    value = header.kept(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
