"""All files of a model, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kandil.download.progress import Progress
    from kandil.download.remote import Fetched, Remote
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
    compared. Where another process fetches a file, this one waits for it, and carries on if that one dies. `secret` goes
    to the origin of each file's `url`, as a bearer's token, and to no other. `notice` is told, in a sentence, what
    people should know: that a file has changed and is begun anew, or what is waited for.

    When cancelled, it ends within a tenth of a second.

    Raises: DownloadInterrupted (nothing more came for `patience_seconds`), NoSpace, DigestDiffers, SizeDiffers,
    DownloadForbidden, DownloadRefused, another NetworkError (asking again would not help), FileUnwritable.
    """
    raise NotImplementedError


def needed_bytes(files: Sequence[Remote], folder: Path) -> int:
    """What is still to come of the files whose size is known. Nothing is written."""
    raise NotImplementedError
