"""Reasoning between tags, from servers that leave it in the text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kandil.providers.events import Reasoning, Text

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"


class ThinkTags:
    """Text that begins with ``<think>`` is reasoning up to ``</think>``; the tags may come in pieces.

    Tags further on are text: an answer may speak of them.
    """

    __slots__ = ("_held", "_state")

    def __init__(self, *, looked_for: bool) -> None:
        self._state = "before" if looked_for else "text"
        self._held = ""

    def take(self, piece: str) -> Iterator[Text | Reasoning]:
        if self._state == "text":
            yield Text(piece)
            return
        said = self._held + piece
        self._held = ""
        if self._state == "before":
            begun = said.lstrip()
            if begun.startswith(_OPEN):
                self._state = "inside"
                said = begun[len(_OPEN) :]
            elif _OPEN.startswith(begun):  # nothing but space, too
                self._held = said
                return
            else:
                self._state = "text"
                yield Text(said)
                return
        if self._state == "inside":
            yield from self._inside(said)
        elif answer := said.lstrip():  # after it
            self._state = "text"
            yield Text(answer)

    def rest(self) -> Iterator[Text | Reasoning]:
        """What was held back because a tag could have followed."""
        if self._held:
            yield Reasoning(self._held) if self._state == "inside" else Text(self._held)
            self._held = ""

    def _inside(self, said: str) -> Iterator[Text | Reasoning]:
        thought, closed, answer = said.partition(_CLOSE)
        if not closed:
            kept = next(size for size in range(len(_CLOSE) - 1, -1, -1) if said.endswith(_CLOSE[:size]))
            thought, self._held = said[: len(said) - kept], said[len(said) - kept :]
        if thought:
            yield Reasoning(thought)
        if closed:
            self._state = "after"
            yield from self.take(answer)
