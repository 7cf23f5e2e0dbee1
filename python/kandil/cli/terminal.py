"""What standard output and standard error are: a terminal or not, with colours or not."""

from __future__ import annotations

import os
import stat
import sys
from typing import IO, ClassVar

_CODES = {"red": "1;31", "yellow": "33", "green": "32", "cyan": "36", "dim": "2", "bold": "1"}
_LEAST_BESIDE = 30
_MARGIN = 4


def is_terminal(stream: IO[str]) -> bool:
    """A person is watching, and the cursor can be moved."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def is_pipe(stream: IO[str]) -> bool:
    """Another program reads it; what that prints may come to the same terminal."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def wrapped(text: str, indent: int) -> str:
    """`text`, which begins behind `indent` columns, within the terminal's width and below its own beginning.

    Where that leaves too little room it begins in a line of its own; where there is no terminal it is one line.
    """
    if not is_terminal(sys.stdout):
        return text
    import shutil
    import textwrap

    columns = shutil.get_terminal_size().columns
    beside = columns - indent >= _LEAST_BESIDE
    margin = indent if beside else _MARGIN
    lines = textwrap.wrap(text, max(columns - margin, 1), break_long_words=False, break_on_hyphens=False)
    start = "\n" + " " * margin
    return ("" if beside else start) + start.join(lines)


class MovingLine:
    """The last line of standard error, where a person watches it: it changes, and goes before anything is printed."""

    _drawn: ClassVar[bool] = False

    @classmethod
    def draw(cls, text: str) -> None:
        """`text` is printable."""
        if is_terminal(sys.stderr):
            import shutil

            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)
            cls._drawn = True

    @classmethod
    def wipe(cls) -> None:
        if cls._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            cls._drawn = False


class Paint:
    """Writes text in a colour where the stream shows colours; NO_COLOR, FORCE_COLOR and TERM=dumb are obeyed."""

    def __init__(self, stream: IO[str], *, no_color: bool = False) -> None:
        forced = os.environ.get("FORCE_COLOR", "") not in ("", "0")
        refused = no_color or bool(os.environ.get("NO_COLOR"))
        self.on = not refused and (forced or is_terminal(stream))

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.on and text else text
