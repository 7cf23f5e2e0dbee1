"""The bytes of an answer become events, whatever their framing."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

from kandil.errors import KandilError, ReplyUnreadable, StreamBroken
from kandil.providers.events import Stop
from kandil.providers.fields import decoded, says_refused, shown
from kandil.providers.lines import Lines
from kandil.providers.sse import ServerSentEvents

if TYPE_CHECKING:
    from kandil.providers.events import Event
    from kandil.providers.reply import Reply

LARGEST_REPLY_BYTES: Final = 64 << 20
_BLANK: Final = codecs.BOM_UTF8 + b" \t\r\n"


class Decoder:
    """Events of one reply with a good status. Its first byte tells whether it is a stream or one JSON value.

    So that a server that does not stream, or streams unasked, or names another content type, is understood too.
    """

    def __init__(self, reply: Reply, *, largest_bytes: int = LARGEST_REPLY_BYTES) -> None:
        self._reply = reply
        self._provider = reply.endpoint.provider
        self._bytes_left = largest_bytes
        self._stream: ServerSentEvents | Lines | None = None
        self._whole: list[bytes] = []
        self._failure: KandilError | None = None

    @property
    def over(self) -> bool:
        """The provider said that nothing follows: what is fed from now on is not looked at."""
        return self._reply.over

    def feed(self, content: bytes) -> list[Event]:
        """The events that `content` completes.

        Raises:
            ProviderRefused: the provider says inside its answer that it failed.
            ReplyUnreadable: it is not of the protocol, or larger than was allowed.
            What came with it and before it is returned first: then the next call raises.
        """
        if self._failure is not None:
            raise self._failure
        found: list[Event] = []
        if self.over:
            return found
        try:
            self._take(content, found)
        except KandilError as failure:
            self._failure = failure
            if not found:
                raise
        return found

    def end(self) -> list[Event]:
        """The last events: nothing follows, as the connection said.

        Raises:
            StreamBroken: the answer has no end.
            KandilError: as `feed` does.
        """
        if self._failure is not None:
            raise self._failure
        found: list[Event] = []
        if self.over:
            return found
        if self._stream is not None:
            self._read_rest(found)
        elif whole := b"".join(self._whole):
            self._read(whole, found)
            if not found and self._reply.stop is None:
                raise self._foreign(whole)
            self._reply.stop = self._reply.stop or Stop("other", "")
        if not self.over:
            if self._reply.stop is None:
                raise StreamBroken(self._provider)
            self._finish(found)
        return found

    def _take(self, content: bytes, found: list[Event]) -> None:
        self._bytes_left -= len(content)
        if self._bytes_left < 0:
            raise ReplyUnreadable(self._provider, "it is larger than was allowed", hint="ask for a shorter answer")
        if self._stream is None:
            if not self._whole:
                content = content.lstrip(_BLANK)
            if not content:
                return
            if self._whole or not self._begin(content):
                self._whole.append(content)
                return
        assert self._stream is not None
        for value in self._stream.feed(content):
            self._read(value, found)
            if self.over:
                return

    def _begin(self, content: bytes) -> bool:
        """Whether it is a stream, by its first byte."""
        first = content[:1]
        if first == b"<":
            raise ReplyUnreadable(self._provider, "it is a web page", begins=shown(content))
        if first not in b'{["':
            self._stream = ServerSentEvents(self._provider)
        elif self._reply.framing == "ndjson":
            self._stream = Lines(self._provider)
        return self._stream is not None

    def _read(self, value: bytes, found: list[Event]) -> None:
        value = value.strip()
        if not value:
            return
        if value == b"[DONE]":
            self._finish(found)
            return
        parsed = decoded(value, self._provider)
        for fields in parsed if isinstance(parsed, list) else (parsed,):
            if not isinstance(fields, dict):
                raise self._foreign(value)
            if says_refused(fields):
                self._reply.refuse(fields)
            found.extend(self._reply.take(fields))
            if self._reply.over:
                found.extend(self._reply.last())
                return

    def _read_rest(self, found: list[Event]) -> None:
        assert self._stream is not None
        rest = self._stream.rest()
        for value in rest if isinstance(rest, list) else [rest]:
            try:
                self._read(value, found)
            except ReplyUnreadable:  # cut off within
                raise StreamBroken(self._provider) from None

    def _foreign(self, value: bytes) -> ReplyUnreadable:
        return ReplyUnreadable(self._provider, "it is of another protocol", begins=shown(value))

    def _finish(self, found: list[Event]) -> None:
        self._reply.over = True
        found.extend(self._reply.last())
