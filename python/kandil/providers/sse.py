"""Server-sent events, after the WHATWG's standard (HTML, 9.2.6): their data; types, ids and retry times are not needed.

Every protocol repeats the type of an event in its data.
"""

from __future__ import annotations

from kandil.errors import ReplyUnreadable
from kandil.providers.lines import LARGEST_LINE_BYTES, Lines


class ServerSentEvents:
    """The data of events, as bytes come. A byte order mark at the start is the caller's to take off."""

    __slots__ = ("_data", "_data_bytes", "_lines", "_provider")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._lines = Lines(provider)
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, content: bytes) -> list[bytes]:
        """The data of each event that `content` completes.

        Raises:
            ReplyUnreadable: one line, or the data of one event, is of more than 4 MiB.
        """
        found = []
        for line in self._lines.feed(content):
            if line:
                self._take(line)
            elif self._data:
                found.append(self._event())
        return found

    def rest(self) -> list[bytes]:
        """The data of the event that the stream ended in; some servers leave out the last empty line."""
        if line := self._lines.rest():
            self._take(line)
        return [self._event()] if self._data else []

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name != b"data":  # comments have no name
            return
        self._data.append(value.removeprefix(b" "))
        self._data_bytes += len(line)
        if self._data_bytes > LARGEST_LINE_BYTES:
            raise ReplyUnreadable(self._provider, f"an event of more than {LARGEST_LINE_BYTES >> 20} MiB")

    def _event(self) -> bytes:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data.clear()
        self._data_bytes = 0
        return data
