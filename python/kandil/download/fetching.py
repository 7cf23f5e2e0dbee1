"""All files of a model, one after another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import trio

from kandil.download import ownership
from kandil.download.place import Place, digest_of
from kandil.download.progress import Progress, Rate
from kandil.download.remote import Fetched
from kandil.download.transfer import TIMEOUTS, How, Transfer, check_room
from kandil.errors import DigestDiffers, FileUnreadable
from kandil.http import open_client

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kandil.download.remote import Remote
    from kandil.secret import Secret


async def fetch(
    files: Sequence[Remote],
    folder: Path,
    *,
    secret: Secret | None = None,
    connections: int = 4,
    rate_bytes_per_second: int | None = None,
    patience_seconds: float = 300,
    progress: Callable[[Progress], None] = lambda _: None,
    notice: Callable[[str], None] = lambda _: None,
) -> tuple[Fetched, ...]:
    """Every file is in `folder` under its name, and is what was published, as far as anything was.

    Each gets its name as soon as it is verified, which takes no second read: whoever keeps a record of the model writes
    that last. What came is kept, whatever happens, and is not fetched again. A file that is there already is read and
    compared. Where another process fetches a file, this one waits for it, and carries on if that one dies. `secret`
    goes to the origin of each file's `url`, as a bearer's token, and to no other. `notice` is told, in a sentence, what
    people should know: that a file has changed and is begun anew, or what is waited for.

    When cancelled, it ends within a tenth of a second.

    Raises: DownloadInterrupted (nothing more came for `patience_seconds`), NoSpace, DigestDiffers, SizeDiffers,
    DownloadForbidden, DownloadRefused, another NetworkError (asking again would not help), FileUnwritable,
    FileUnreadable. ValueError: a name is none.
    """
    places = [Place.of(folder, remote.name) for remote in files]
    check_room(folder, sum(map(_room_bytes, files, places)))
    async with open_client(TIMEOUTS) as client:
        how = How(
            client=client,
            secret=secret,
            connections=connections,
            rate_bytes_per_second=rate_bytes_per_second,
            patience_seconds=patience_seconds,
            notice=notice,
        )
        tally = _Tally(files, progress)
        return tuple([await _one(number, files[number], places[number], how, tally) for number in range(len(files))])


def needed_bytes(files: Sequence[Remote], folder: Path) -> int:
    """What is still to come of the files whose size is known. Nothing is written."""
    return sum(
        max(remote.size_bytes - place.begun_bytes(), 0)
        for remote in files
        if remote.size_bytes is not None and not (place := Place.of(folder, remote.name)).final.exists()
    )


def _room_bytes(remote: Remote, place: Place) -> int:
    """What the disk has to have for it."""
    if remote.size_bytes is None or place.final.exists():
        return 0
    return max(remote.size_bytes - place.allocated_bytes(), 0)


async def _one(number: int, remote: Remote, place: Place, how: How, tally: _Tally) -> Fetched:
    def waiting() -> None:
        tally.tell(number, remote.size_bytes, min(place.begun_bytes(), remote.size_bytes or 0), 0, shared=True)

    async with ownership.owned(place, waiting) as given:
        there = given or place.final
        if given is not None or there.exists():
            return await _standing(number, remote, place, there, tally)
        transfer = Transfer(
            remote,
            place,
            how,
            lambda size, done, verified: tally.tell(number, size, done, verified, reused_bytes=transfer.reused_bytes),
        )
        return await transfer.run()


async def _standing(number: int, remote: Remote, place: Place, there: Path, tally: _Tally) -> Fetched:
    """A file that is there already is what was published. Raises: DigestDiffers, and it has lost its name."""
    try:
        size_bytes = os.stat(there).st_size

        def tell(read_bytes: int) -> None:
            tally.tell(number, size_bytes, size_bytes, read_bytes, reused_bytes=size_bytes)

        actual = await digest_of(there, tell)
        if remote.sha256 not in (None, actual):
            os.replace(there, place.rejected)
            raise DigestDiffers(
                remote.name, remote.sha256 or "", actual, remote.digest_source or "as published", place.rejected
            )
        os.replace(there, place.final)  # another process may have expected something else of it
    except OSError as error:
        raise FileUnreadable(str(there), error.strerror or str(error)) from error
    place.forget()
    return Fetched(
        path=place.final,
        sha256=actual,
        size_bytes=size_bytes,
        etag=None,
        revision=remote.revision,
        reused_bytes=size_bytes,
    )


class _Tally:
    """All files together."""

    def __init__(self, files: Sequence[Remote], progress: Callable[[Progress], None]) -> None:
        self._files, self._progress = files, progress
        self._sizes = [remote.size_bytes for remote in files]
        self._done = [0] * len(files)
        self._verified = [0] * len(files)
        self._came = [0] * len(files)
        self._rate = Rate()

    def tell(
        self, number: int, size: int | None, done: int, verified: int, *, reused_bytes: int = 0, shared: bool = False
    ) -> None:
        """How far one of them is."""
        self._sizes[number] = size
        self._done[number], self._verified[number] = done, verified
        self._came[number] = done - reused_bytes
        self._progress(
            Progress(
                bytes_total=None if None in self._sizes else sum(size or 0 for size in self._sizes),
                bytes_done=sum(self._done),
                bytes_verified=sum(self._verified),
                rate_bytes_per_second=self._rate.at(trio.current_time(), sum(self._came)),
                file=self._files[number].name,
                shared=shared,
            )
        )
