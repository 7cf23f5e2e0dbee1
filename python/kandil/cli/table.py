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


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    paint: Paint,
    *,
    numbers: Sequence[str] = (),
    yielding: Sequence[tuple[str, int]] = (),
) -> Iterator[str]:
    """A line for the heads and each row; whatever it holds is made printable.

    `numbers` stand to the right. Where the terminal is too narrow, the columns of `yielding` are cut to so many
    characters, one after the other until the rest has room; to 0: left out.
    """
    shown = [[printable(cell) or "-" for cell in row] for row in rows]
    widths = [max(cells(row[at]) for row in [heads, *shown]) for at in range(len(heads))]
    if is_terminal(sys.stdout):
        _narrow(widths, [(heads.index(name), least) for name, least in yielding], shutil.get_terminal_size().columns)
    right = [name in numbers for name in heads]
    yield paint("dim", _line(heads, widths, right))
    yield from (_line(row, widths, right) for row in shown)


def cells(text: str) -> int:
    """Columns that it takes in a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # slow to import, and few names need it

    return cell_len(text)


def _narrow(widths: list[int], steps: Sequence[tuple[int, int]], columns: int) -> None:
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - columns
    for at, least in steps:
        if over <= 0:
            return
        cut = min(over, widths[at] - least) if least else widths[at]
        widths[at] -= max(cut, 0)
        over -= max(cut, 0) + (0 if least else len(_GAP))


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for cell, width, to_right in zip(row, widths, right, strict=True):
        if width:
            text = cut(cell, width)
            room = " " * (width - cells(text))
            padded.append(room + text if to_right else text + room)
    return _GAP.join(padded).rstrip()


def cut(text: str, width: int) -> str:
    if cells(text) <= width:
        return text
    while text and cells(text) > width - 1:
        text = text[:-1]
    return text + "…"
