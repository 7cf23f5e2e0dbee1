"""A model's answer on the terminal, as it comes: Markdown once a block of it is whole, and plain until then."""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
from typing import IO, TYPE_CHECKING, Final

from kandil.cli.terminal import Paint, is_terminal

if TYPE_CHECKING:
    from rich.console import Console

_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]"
)
"""What moves a cursor, turns the direction of text, or hides it: controls, bidi marks, lone surrogates, tags."""


def visible(text: str) -> str:
    r"""An answer's text, which is its author's to lay out: joined emoji and every script stay, `\x1b` is shown."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text.replace("\r\n", "\n"))


class Plain:
    """Shows the answer as it is, at once."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._last = "\n"

    def feed(self, text: str) -> None:
        if text:
            self._stream.write(visible(text))
            self._stream.flush()
            self._last = text[-1]

    def end(self) -> None:
        """The answer ends with a newline."""
        if self._last != "\n":
            self.feed("\n")


class Rendered:
    """Shows what comes at once, and shows each block again as Markdown when it is whole."""

    def __init__(self, stream: IO[str], *, no_color: bool) -> None:
        self._stream = stream
        self._no_color = no_color
        self._console: Console | None = None
        self._block = ""
        """The unfinished block, as it is on the screen."""
        self._line = ""
        """Of it the unfinished line."""
        self._fence: str | None = None

    def feed(self, text: str) -> None:
        for piece in visible(text).expandtabs(4).splitlines(keepends=True):
            self._stream.write(piece)
            self._block += piece
            self._line += piece
            if piece.endswith("\n"):
                self._ended(self._line.rstrip("\n"))
                self._line = ""
        self._stream.flush()

    def end(self) -> None:
        """The last block is whole."""
        if self._block and not self._block.endswith("\n"):
            self._stream.write("\n")
            self._block += "\n"
        self._show()
        self._line, self._fence = "", None
        self._stream.flush()

    def _ended(self, line: str) -> None:
        """A line is whole: is its block?"""
        mark = _FENCE.match(line)
        if self._fence is None:
            if mark:
                self._fence = mark[1]
            elif not line.strip():
                self._show()
        elif mark and mark[1].startswith(self._fence) and not line.strip().strip(self._fence[0]):
            self._fence = None
            self._show()

    def _show(self) -> None:
        block, self._block = self._block, ""
        columns, lines = shutil.get_terminal_size()
        rows = _rows(block, columns)
        if not block.strip() or rows >= lines:  # what has scrolled away cannot be taken back
            return
        from rich.console import Console
        from rich.markdown import Markdown

        self._console = self._console or Console(file=self._stream, no_color=self._no_color or None, highlight=False)
        blank = block.endswith("\n\n")
        self._stream.write(f"\x1b[{rows}A\r\x1b[J")
        self._console.print(Markdown(block, hyperlinks=False), end="\n" if blank else "")


def _rows(text: str, columns: int) -> int:
    """How many rows of the screen the lines of `text` take."""
    return sum(_rows_of(line, columns) for line in text.split("\n")[:-1])


def _rows_of(line: str, columns: int) -> int:
    rows, at = 1, 0
    for character in line:
        wide = _cells(character)
        if at + wide > columns:
            rows, at = rows + 1, 0
        at += wide
    return rows


def _cells(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Screen:
    """Where an answer goes: text to standard output, reasoning to standard error."""

    def __init__(self, *, no_color: bool, quiet: bool) -> None:
        watched = is_terminal(sys.stdout)
        self._text: Plain | Rendered = Rendered(sys.stdout, no_color=no_color) if watched else Plain(sys.stdout)
        self._thoughts = None if quiet else Plain(sys.stderr)
        self._paint = Paint(sys.stderr, no_color=no_color)
        self._thinking = False

    def text(self, text: str) -> None:
        self._stop_thinking()
        self._text.feed(text)

    def reasoning(self, text: str) -> None:
        if self._thoughts is None or not text:
            return
        if not self._thinking:
            self._text.end()
            self._thinking = True
            self._stderr_line(self._paint("dim", "thinking:"))
        self._thoughts.feed(text)

    def end(self) -> None:
        self._stop_thinking()
        self._text.end()

    @staticmethod
    def _stderr_line(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _stop_thinking(self) -> None:
        if self._thinking and self._thoughts:
            self._thinking = False
            self._thoughts.end()
            self._stderr_line("")
