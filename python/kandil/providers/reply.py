"""A reply as it is read: what each protocol has of its own is in the subclasses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal, Never

from kandil.providers.events import Event, Stop, ToolCall

if TYPE_CHECKING:
    from kandil.providers.endpoint import Endpoint
    from kandil.providers.fields import Fields

Reason = Literal["end", "length", "tool", "refusal", "filter", "other"]


class Reply(ABC):
    """Takes the JSON values of an answer one by one, be it one that is whole or the many of a stream."""

    framing: ClassVar[Literal["sse", "ndjson"]] = "sse"
    reasons: ClassVar[dict[str, Reason]] = {}
    """The provider's words, in lower case, for why an answer ended."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.over = False
        """The provider said that nothing follows."""
        self.stop: Stop | None = None
        self.calls = PartialCalls()

    @abstractmethod
    def take(self, fields: Fields) -> Iterator[Event]:
        """What `fields` says. Calls of tools, and why the answer ended, are kept for `last`."""

    def refuse(self, fields: Fields) -> Never:
        """Raises what `fields` says, instead of an answer."""
        from kandil.providers.refusals import refused  # noqa: PLC0415 (its many patterns are for what fails)

        raise refused(self.endpoint, fields)

    def ended(self, word: str) -> None:
        """The provider said why the answer ended. The first reason that is not the usual one stays."""
        if self.stop is None or self.stop.reason in ("end", "other"):
            self.stop = Stop(self.reasons.get(word.lower(), "other"), word)

    def last(self) -> Iterator[Event]:
        """What is known at the end alone: whole calls of tools, and why it ended."""
        stop = self.stop or Stop("other", "")
        for call in self.calls.whole():
            yield call
            if stop.reason in ("end", "other"):  # Gemini's word for a call is STOP
                stop = Stop("tool", stop.said)
        yield stop


class PartialCalls:
    """Calls of tools, put together of their pieces."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._open: dict[int | str, _Call] = {}

    def add(self, place: object, *, id: str = "", name: str = "", arguments: str = "") -> None:  # noqa: A002
        """One piece of the call at `place`. Its id and name come once, or are repeated.

        Another call's may come at the same place: some servers give every call the first.
        """
        key = place if isinstance(place, (int, str)) else ""
        call = self._open.get(key)
        if call is None or (name and id and call.id and call.id != id):
            call = self._open[key] = _Call()
            self._calls.append(call)
        call.id, call.name = call.id or id, call.name or name
        call.arguments.append(arguments)

    def add_whole(self, *, id: str, name: str, arguments: str) -> None:  # noqa: A002
        """A call that came at once."""
        self.add(-1 - len(self._calls), id=id, name=name, arguments=arguments)

    def whole(self) -> Iterator[ToolCall]:
        """Every call, in the order in which they began."""
        return (ToolCall(call.id, call.name, "".join(call.arguments)) for call in self._calls)


class _Call:
    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = self.name = ""
        self.arguments: list[str] = []
