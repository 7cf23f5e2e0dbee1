"""A file was not fetched, or is not the one that was published. What came of it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kandil.errors.network import NetworkError
from kandil.errors.root import KandilError

if TYPE_CHECKING:
    from pathlib import Path

_AGAIN = "run it again: it goes on from there"
_GIB = 1 << 30


class DownloadInterrupted(KandilError):
    """The rest of the file did not come. `kept_bytes` of it are on the disk, and are not fetched again."""

    exit_code = 7
    code = "download-interrupted"

    def __init__(self, file: str, reason: str, kept_bytes: int, size_bytes: int | None) -> None:
        of = "" if size_bytes is None else f" of {size_bytes:,}"
        super().__init__(f"{file}: {reason}; {kept_bytes:,}{of} bytes are kept", hint=_AGAIN)
        self.file, self.reason, self.kept_bytes, self.size_bytes = file, reason, kept_bytes, size_bytes


class NoSpace(KandilError):
    """The file system cannot take what is still to come. `free_bytes` is None where it was full in the middle."""

    exit_code = 7
    code = "no-space"

    def __init__(self, folder: Path, needed_bytes: int, free_bytes: int | None = None) -> None:
        has = "is full" if free_bytes is None else f"has {free_bytes / _GIB:,.1f} GiB free"
        super().__init__(
            f"{folder} {has}, and {needed_bytes / _GIB:,.1f} GiB are still to come",
            hint="make room, then run it again: what has come is kept",
        )
        self.folder, self.needed_bytes, self.free_bytes = str(folder), needed_bytes, free_bytes


class DigestDiffers(KandilError):
    """The file is whole, and not the one that was published. It lies at `kept_as`, under no name that is used."""

    exit_code = 8
    code = "digest-differs"

    def __init__(self, file: str, expected: str, actual: str, source: str, kept_as: Path) -> None:
        super().__init__(
            f"{file} is not what was published: SHA-256 {actual}, expected {expected} ({source}); kept as {kept_as}",
            hint="do not use it; run it again to fetch it anew, and if that ends the same, ask who publishes it",
        )
        self.file, self.expected, self.actual, self.source = file, expected, actual, source
        self.kept_as = str(kept_as)


class SizeDiffers(KandilError):
    """The server has another file than was published: nothing of it was fetched."""

    exit_code = 8
    code = "size-differs"

    def __init__(self, file: str, host: str, expected_bytes: int, announced_bytes: int) -> None:
        super().__init__(
            f"{file}: {host} has {announced_bytes:,} bytes of it, and {expected_bytes:,} were published",
            hint="the source may just have changed: look at it again with --refresh",
        )
        self.file, self.host = file, host
        self.expected_bytes, self.announced_bytes = expected_bytes, announced_bytes


class DownloadForbidden(NetworkError):
    """The source wants a key, or another one."""

    exit_code = 5
    code = "download-forbidden"

    def __init__(self, host: str, file: str, status: int, key_name: str | None, *, had_key: bool) -> None:
        wants = "does not take this key" if had_key else "wants a key"
        hint = "its page may ask for consent to a licence first"
        if key_name:
            hint = f"`kandil auth set {key_name}` stores a key; the file's page may ask for consent to a licence first"
        super().__init__(host, f"{file}: {host} {wants} (HTTP {status})", hint=hint)
        self.file, self.status, self.key_name, self.had_key = file, status, key_name, had_key


class DownloadRefused(NetworkError):
    """The source does not give the file; asking again would not help."""

    code = "download-refused"

    def __init__(self, host: str, file: str, reason: str, *, status: int | None = None) -> None:
        super().__init__(host, f"{file}: {host} does not give it: {reason}", hint="check the name, or try later")
        self.file, self.reason, self.status = file, reason, status
