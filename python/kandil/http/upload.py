"""A body that is read from a file while it is sent: of known length, and never whole in memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import trio

from kandil.errors import FileUnreadable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

_PART_BYTES: Final = 256 << 10


class Upload:
    """`before`, the file, `after`. Each iteration reads the file anew, so that it can be sent again.

    Raises, when made or iterated: FileUnreadable: it cannot be read, or has another size than when this was made. What
    was sent by then is not what was announced, so that no server takes it for a whole request.
    """

    def __init__(self, path: Path, *, before: bytes = b"", after: bytes = b"") -> None:
        self._path, self._before, self._after = path, before, after
        try:
            self._file_bytes = os.stat(path).st_size
        except OSError as error:
            raise FileUnreadable(str(path), error.strerror or str(error)) from error

    def __len__(self) -> int:
        """In bytes, as it is sent."""
        return len(self._before) + self._file_bytes + len(self._after)

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        if self._before:
            yield self._before
        left = self._file_bytes
        try:
            async with await trio.open_file(self._path, "rb") as file:
                while left:
                    part = await file.read(min(left, _PART_BYTES))
                    left -= len(part)
                    # It is looked at before the last of it goes, without which this is no request.
                    if not part or (not left and os.fstat(file.fileno()).st_size != self._file_bytes):
                        raise FileUnreadable(str(self._path), "it was changed while it was sent")
                    yield part
        except OSError as error:
            raise FileUnreadable(str(self._path), error.strerror or str(error)) from error
        if self._after:
            yield self._after
