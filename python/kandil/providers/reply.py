"""A reply as it is read: what each protocol has of its own is in the subclasses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from kandil.providers.events import Event, Stop, ToolCall

if TYPE_CHECKING:
    from kandil.providers.endpoint import Endpoint
    from kandil.providers.fields import Fields

Reason = Literal["end", "length", "tool", "refusal", "filter", "other"]


class Reply(ABC):
    """Takes the JSON values of an answer one by one, be it one that is whole or the many of a stream."""

    framing: ClassVar[Literal["sse", "ndjson"]] = "sse"
    reasons: ClassVar[dict[str, Reason]] = {}
    """The provider's words for why an answer ended."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.over = False
        """The provider said that nothing follows."""
        self.stop: Stop | None = None

    @abstractmethod
    def take(self, fields: Fields) -> Iterator[Event]:
        """What `fields` says. Stops and tools' calls are kept for `last`."""

    def calls(self) -> Iterator[ToolCall]:
        """The calls of tools that came in pieces."""
        return iter(())

    def ended(self, word: str) -> None:
        """The provider said why the answer ended."""
        if self.stop is None or self.stop.reason in ("end", "other"):
            self.stop = Stop(self.reasons.get(word.lower(), "other"), word)

    def blocked(self, word: str) -> None:
        """The provider would not have the prompt answered."""
        self.stop = Stop("filter", word)

    def last(self) -> Iterator[Event]:
        """What is known at the end alone: whole calls of tools, and why it ended."""
        yield from self.calls()
        yield self.stop or Stop("other", "")


class PartialCalls:
    """Calls of tools, put together of their pieces."""

    def __init__(self) -> None:
        self._calls: dict[Any, tuple[list[str], list[str], list[str]]] = {}

    def add(self, place: object, *, id: str = "", name: str = "", arguments: str = "") -> None:  # noqa: A002
        """One piece of the call at `place`; an id and a name come once, and servers may repeat them."""
        known = self._calls.setdefault(place if isinstance(place, (int, str)) else None, ([], [], []))
        for piece, kept in ((id, known[0]), (name, known[1])):
            if piece and not kept:
                kept.append(piece)
        if arguments:
            known[2].append(arguments)

    def whole(self) -> Iterator[ToolCall]:
        for ids, names, arguments in self._calls.values():
            yield ToolCall("".join(ids), "".join(names), "".join(arguments))
