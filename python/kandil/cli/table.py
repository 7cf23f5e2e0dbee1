"""Tables of text: complete where a program reads them, as wide as the terminal where a person does."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from kandil.cli.escape import printable
from kandil.cli.terminal import is_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kandil.cli.terminal import Paint

_GAP = "  "
_LEAST = 10
"""A column is not cut to less: it is left out."""


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    paint: Paint,
    *,
    numbers: Sequence[str] = (),
    yielding: Sequence[str] = (),
) -> Iterator[str]:
    """A line for the heads and each row; whatever it holds is made printable.

    `numbers` stand to the right. Where the terminal is too narrow, those of `yielding` are cut, or left out, the first
    first; the last of them is only cut.
    """
    shown = [[printable(cell) or "-" for cell in row] for row in rows]
    widths = [max(cells(row[at]) for row in [heads, *shown]) for at in range(len(heads))]
    if is_terminal(sys.stdout):
        _narrow(widths, [heads.index(name) for name in yielding], shutil.get_terminal_size().columns)
    right = [name in numbers for name in heads]
    yield paint("dim", _line(heads, widths, right))
    yield from (_line(row, widths, right) for row in shown)


def cells(text: str) -> int:
    """Columns that it takes in a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # slow to import, and few names need it

    return cell_len(text)


def _narrow(widths: list[int], order: Sequence[int], columns: int) -> None:
    """A column of width 0 is left out."""
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - columns
    for at in order:
        cut = min(max(over, 0), max(widths[at] - _LEAST, 0))
        widths[at] -= cut
        over -= cut
    for at in order[:-1]:
        if over > 0:
            over -= widths[at] + len(_GAP)
            widths[at] = 0
    widths[order[-1]] = max(widths[order[-1]] - max(over, 0), 1)


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for cell, width, to_right in zip(row, widths, right, strict=True):
        if width:
            text = _cut(cell, width)
            room = " " * (width - cells(text))
            padded.append(room + text if to_right else text + room)
    return _GAP.join(padded).rstrip()


def _cut(text: str, width: int) -> str:
    if cells(text) <= width:
        return text
    while text and cells(text) > width - 1:
        text = text[:-1]
    return text + "…"
