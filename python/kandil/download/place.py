"""The names that a file has on this disk, before it is whole and after."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from kandil._core import Download, Sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_READ_BYTES: Final = 8 << 20
_LONGEST_NAME_BYTES: Final = 255 - len(".part.state")
_ODD: Final = re.compile(r"[\x00-\x1f\x7f\\]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file goes."""

    final: Path

    @classmethod
    def of(cls, folder: Path, name: str) -> Place:
        """Raises: ValueError: the name leads elsewhere, or no file can have it."""
        for part in name.split("/"):
            if part in ("", ".", "..") or _ODD.search(part) or len(os.fsencode(part)) > _LONGEST_NAME_BYTES:
                raise ValueError(f"no file is kept as {name!r}")
        return cls(folder / name)

    @property
    def part(self) -> Path:
        """What there is of it. Who has locked this file is the one who fetches it."""
        return self.final.with_name(f"{self.final.name}.part")

    @property
    def state(self) -> Path:
        """Which blocks of `part` have come, and of which version."""
        return self.final.with_name(f"{self.final.name}.part.state")

    @property
    def rejected(self) -> Path:
        """What was fetched and is something else."""
        return self.final.with_name(f"{self.final.name}.rejected")

    def begun_bytes(self) -> int:
        """What has come of it, as far as its state tells; the last block may be shorter than is counted here."""
        return Download.begun_bytes(self.state)

    def allocated_bytes(self) -> int:
        """What the disk already has room for."""
        try:
            return os.stat(self.part).st_blocks * 512  # of this unit, whatever the file system's is: stat(3type)
        except OSError:
            return 0

    def forget(self) -> None:
        """What was begun is gone."""
        for path in (self.part, self.state):
            with suppress(FileNotFoundError):
                path.unlink()

    def keep(self, name: Path) -> None:
        """`part`, which is on the disk, has this name, also after a power cut. Raises: OSError."""
        os.replace(self.part, name)
        descriptor = os.open(name.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.forget()


async def digest_of(path: Path, tell: Callable[[int], None]) -> str:
    """The SHA-256 of a file; `tell` is told how many bytes are read. Raises: OSError."""
    sha256, read = Sha256(), 0
    async with await trio.open_file(path, "rb", buffering=0) as file:
        while content := await file.read(_READ_BYTES):
            await trio.to_thread.run_sync(sha256.update, content)
            read += len(content)
            tell(read)
    return sha256.hexdigest()
