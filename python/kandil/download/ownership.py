"""Who fetches a file, where several want it: one process; the others wait, and take what it has fetched."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import trio

from kandil.errors import FileUnwritable
from kandil.paths import make_private

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from kandil.download.place import Place

_LOOK_SECONDS: Final = 0.25


@asynccontextmanager
async def owned(place: Place, waiting: Callable[[], None]) -> AsyncGenerator[Path | None]:
    """This process alone has the file, which goes with the process, however that ends. `waiting` is called while it
    waits for another one. Yields the name that that one has given the file meanwhile.

    The lock is on `place.part`, so that nothing is left of it. Raises: FileUnwritable.
    """
    with ExitStack() as opened:
        try:
            given = await _taken(place, waiting, opened)
        except OSError as error:
            raise FileUnwritable(str(place.part), error.strerror or str(error)) from error
        try:
            yield given
        finally:
            with suppress(OSError):
                if not place.state.exists():
                    place.part.unlink()  # of no use: nobody knows what of it has come


async def _taken(place: Place, waiting: Callable[[], None], opened: ExitStack) -> Path | None:
    make_private(place.part.parent)
    while True:
        descriptor = os.open(place.part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        opened.callback(os.close, descriptor)
        while not _locked(descriptor):
            waiting()
            await trio.sleep(_LOOK_SECONDS)
        if _is_at(place.part, descriptor):
            return None
        for name in (place.final, place.rejected):
            if _is_at(name, descriptor):
                return name
        opened.pop_all().close()  # gone meanwhile


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
