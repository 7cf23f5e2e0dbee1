"""Compressed bodies, piece by piece: gzip and deflate, which are what is asked for."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCEPTED: Final = "gzip, deflate"
_PIECE_BYTES: Final = 64 << 10
_LARGEST_RATIO: Final = 200
_UNSUSPICIOUS_BYTES: Final = 4 << 20
_FORMATS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_RAW_DEFLATE: Final = -15


class Undecodable(Exception):
    """The bytes are not what they are said to be; the text says how."""


class Bomb(Exception):
    """Few bytes that become very many."""


class Decoder:
    """Of one body. Memory stays within a piece, whatever comes."""

    def __init__(self, coding: str) -> None:
        """Raises: Undecodable, for a coding that was not asked for."""
        if coding not in _FORMATS:
            raise Undecodable("the body is compressed in a way that was not asked for")
        self._format = _FORMATS[coding]
        self._inflate = zlib.decompressobj(self._format)
        self._taken = self._given = 0

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What `data` becomes, 64 KiB at a time. Raises: Undecodable, Bomb."""
        if not self._taken and self._format == _FORMATS["deflate"] and not _has_zlib_header(data):
            self._inflate = zlib.decompressobj(_RAW_DEFLATE)  # what some servers understand by deflate
        self._taken += len(data)
        while True:
            if self._inflate.eof and data:  # gzip: one more member
                self._inflate = zlib.decompressobj(self._format)
            try:
                piece = self._inflate.decompress(data, _PIECE_BYTES)
            except zlib.error:
                raise Undecodable("the body's compression is broken") from None
            self._given += len(piece)
            if self._given > max(_UNSUSPICIOUS_BYTES, _LARGEST_RATIO * self._taken):
                raise Bomb
            if piece:
                yield piece
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
            if not data and len(piece) < _PIECE_BYTES:  # else zlib may hold more, without input
                return

    @property
    def is_whole(self) -> bool:
        """Whether the compressed data has come to its end, or has not begun."""
        return self._inflate.eof or not self._taken


def _has_zlib_header(data: bytes) -> bool:
    return data[0] & 0x0F == 8 and (len(data) < 2 or int.from_bytes(data[:2]) % 31 == 0)  # noqa: PLR2004 (RFC 1950)
