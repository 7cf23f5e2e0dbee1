"""Bytes as they come from a network, cut into lines: of SSE, and of NDJSON."""

from __future__ import annotations

from typing import Final

from kandil.errors import ReplyUnreadable

LARGEST_LINE_BYTES: Final = 4 << 20


class Lines:
    """Lines end with CR, LF or CRLF, wherever the network split them. Every byte is looked at once."""

    __slots__ = ("_after_cr", "_begun", "_begun_bytes", "_provider")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._begun: list[bytes] = []
        self._begun_bytes = 0
        self._after_cr = False

    def feed(self, content: bytes) -> list[bytes]:
        """The lines that `content` completes, without their ends.

        Raises:
            ReplyUnreadable: a line goes on for more than 4 MiB.
        """
        if not content:
            return []
        if self._after_cr and content.startswith(b"\n"):
            content = content[1:]
            self._after_cr = False
            if not content:
                return []
        self._after_cr = content.endswith(b"\r")
        found = content.splitlines()
        rest = b"" if content.endswith((b"\r", b"\n")) else found.pop()
        if found and self._begun:
            found[0] = b"".join((*self._begun, found[0]))
            self._begun.clear()
            self._begun_bytes = 0
        if rest:
            self._begun.append(rest)
            self._begun_bytes += len(rest)
        if self._begun_bytes > LARGEST_LINE_BYTES or any(len(line) > LARGEST_LINE_BYTES for line in found):
            raise ReplyUnreadable(self._provider, f"a line of more than {LARGEST_LINE_BYTES >> 20} MiB")
        return found

    def rest(self) -> bytes:
        """What came of a line that did not end."""
        return b"".join(self._begun)
