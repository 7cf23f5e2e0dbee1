"""Where in a TOML file each key and value stands: what tomllib does not tell.

It is asked for only where a place is to be named or a key to be renamed. The text has been through tomllib, so that it
is known to be TOML.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

KeyPath = tuple[str, ...]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
SEGMENT: Final = re.compile(r"""[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*""")
_STRING: Final = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?'{3,5}(?!')|"(?:[^"\\]|\\.)*"|'[^']*\'''', re.DOTALL
)
_PLAIN: Final = re.compile(
    r"[^\s,\]}#]+(?: \d\d:[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?", re.IGNORECASE
)  # a date may have a space


@dataclass(frozen=True, slots=True)
class Place:
    """Offsets in the text. Of a table that a header opened, the value is the header's key."""

    key: int
    value: int
    end: int
    """Behind the value."""


@lru_cache(maxsize=2)  # one question is seldom the last: a user's file and a project's
def places(text: str) -> Mapping[KeyPath, Place]:
    """Every key and table of the document. Of an array's tables, the first that has the key."""
    return _Scan(text).places


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Both count from 1, as editors do; columns are characters."""
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - start + 1


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.places: dict[KeyPath, Place] = {}
        self.at = 0
        table: KeyPath = ()
        while self.blank() < len(text):
            if text[self.at] == "[":
                self.at += 2 if text.startswith("[[", self.at) else 1
                table, starts = self.key(())
                for depth, start in enumerate(starts, 1):
                    self.note(table[:depth], start, start, self.at)
                self.at = text.index("]", self.at) + (2 if text.startswith("]]", self.at) else 1)
            else:
                self.pair(table)

    def blank(self) -> int:
        match = _BLANK.match(self.text, self.at)
        assert match is not None  # it matches nothing, too
        self.at = match.end()
        return self.at

    def note(self, path: KeyPath, key: int, value: int, end: int) -> None:
        self.places.setdefault(path, Place(key, value, end))

    def key(self, table: KeyPath) -> tuple[KeyPath, list[int]]:
        """The dotted key that begins here, and where each of its own segments does."""
        starts: list[int] = []
        while match := SEGMENT.match(self.text, self.at):
            starts.append(match.start(1))
            table = (*table, unquoted(match[1]))
            self.at = match.end()
            if not self.text.startswith(".", self.at):
                break
            self.at += 1
        return table, starts

    def pair(self, table: KeyPath) -> None:
        path, starts = self.key(table)
        self.at = self.text.index("=", self.at) + 1
        while self.text[self.at] in " \t":
            self.at += 1
        value = self.at
        self.value(path)
        for depth, start in enumerate(starts, len(table) + 1):
            self.note(path[:depth], start, value, self.at)

    def value(self, path: KeyPath) -> None:
        opening = self.text[self.at]
        if opening in "[{":
            self.at += 1
            while self.text[self.blank()] not in "]}":
                if opening == "[":
                    self.value(path)
                else:
                    self.pair(path)
                if self.text[self.blank()] == ",":
                    self.at += 1
            self.at += 1
            return
        match = (_STRING if opening in "\"'" else _PLAIN).match(self.text, self.at)
        assert match is not None
        self.at = match.end()


def unquoted(segment: str) -> str:
    """What a key's segment says, without its quotes. Raises: ValueError."""
    if segment.startswith(("'", '"')):
        return str(tomllib.loads(f"key = {segment}")["key"])
    return segment
