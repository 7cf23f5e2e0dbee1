"""One file, from wherever it is to its name: attempts, and what becomes of each."""

from __future__ import annotations

import errno
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

from kandil import _core
from kandil.download.again import IN_VAIN, Patience, TryAgain, is_passing
from kandil.download.location import locate, packed, refusal
from kandil.download.remote import Fetched
from kandil.errors import (
    DigestDiffers,
    DownloadInterrupted,
    DownloadRefused,
    FileUnwritable,
    KandilError,
    NoSpace,
)
from kandil.hardware import disk
from kandil.http import faults
from kandil.http.proxies import proxy_for
from kandil.http.timeouts import Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable

    from kandil.download.location import Location
    from kandil.download.place import Place
    from kandil.download.remote import Remote
    from kandil.http import Client
    from kandil.secret import Secret

TIMEOUTS: Final = Timeouts(connect_seconds=10, first_byte_seconds=60, idle_seconds=30)
_LOOK_SECONDS: Final = 0.1
_MOST_VERSIONS: Final = 3
_EXPIRED: Final = {301, 302, 303, 307, 308, 401, 403, 404, 410}
"""How storage answers to an address that was good for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What holds for every file of a fetch."""

    client: Client
    secret: Secret | None
    connections: int
    rate_bytes_per_second: int | None
    patience_seconds: float
    notice: Callable[[str], None]


class Transfer:
    """Of one file, whose `part` nobody else writes to. What came is kept, whatever happens."""

    def __init__(self, remote: Remote, place: Place, how: How, tell: Callable[[int | None, int, int], None]) -> None:
        """`tell` is told the file's size, and how much has come and is hashed, what was there included."""
        self._remote, self._place, self._how, self._tell = remote, place, how, tell
        self._core: _core.Download | None = None
        self._identity = ""
        self._versions = 0
        self._size_bytes = remote.size_bytes
        self._patience = Patience(how.patience_seconds, how.notice)
        self.reused_bytes = 0

    async def run(self) -> Fetched:
        """The file has its name. Raises: as `kandil.download.fetch`."""
        location: Location | None = None
        try:
            while True:
                try:
                    location = location or await locate(self._how.client, self._remote, self._how.secret)
                    self._patience.is_met = True
                    core = await self._opened(location)
                    await self._attempted(core, location)
                    return await self._finished(core, location)
                except TryAgain as again:
                    if not await self._patience.wait(again, self._came_bytes):
                        raise again.otherwise or self._interrupted(again.reason) from again
                    if again.asks_anew or self._patience.in_vain % IN_VAIN == 0:
                        location = None
        finally:
            await self._close()

    @property
    def _came_bytes(self) -> int:
        return self._core.progress()[1] if self._core else 0

    def _interrupted(self, reason: str) -> DownloadInterrupted:
        kept_bytes = self._came_bytes if self._place.state.exists() else 0
        return DownloadInterrupted(self._remote.name, reason, kept_bytes, self._size_bytes)

    async def _close(self) -> None:
        core, self._core = self._core, None
        if core is not None:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(core.close)

    async def _opened(self, location: Location) -> _core.Download:
        """What is there is of this version. Raises: NoSpace, FileUnwritable, DownloadInterrupted."""
        identity = location.identity(self._remote)
        if self._core is not None and identity == self._identity and location.ranged:
            return self._core
        if identity != self._identity:
            self._versions += 1
            if self._versions > _MOST_VERSIONS:
                raise self._interrupted("it changes at its source again and again")
            self._patience.begin_anew()
        await self._close()
        place, size_bytes = self._place, location.size_bytes
        self._size_bytes, self._identity = size_bytes, identity
        if size_bytes is not None:
            check_room(place.final.parent, size_bytes - place.allocated_bytes())
        try:
            self._core = await trio.to_thread.run_sync(self._open, location)
        except OSError as error:
            raise self._unwritable(error.errno, error.strerror or str(error)) from error
        self.reused_bytes = self._core.resumed_bytes
        if self._core.replaced:
            self._how.notice(f"{self._remote.name} has changed at its source: it is begun anew")
        return self._core

    def _open(self, location: Location) -> _core.Download:
        if not location.ranged:
            self._place.state.unlink(missing_ok=True)  # what comes whole overwrites what that tells of
        return _core.Download(
            self._place.part,
            self._place.state if location.ranged else None,
            self._identity,
            boot(),
            location.size_bytes,
            connections=self._how.connections,
            rate_bytes_per_second=self._how.rate_bytes_per_second,
        )

    async def _attempted(self, core: _core.Download, location: Location) -> None:
        """All has come. Raises: TryAgain, and what is no use to try again."""
        url = location.url
        proxy = proxy_for(url)
        waits = (TIMEOUTS.connect_seconds, TIMEOUTS.first_byte_seconds, TIMEOUTS.idle_seconds)
        proxied = (url.origin, proxy.scheme, proxy.host, proxy.port, proxy.user) if proxy else None
        core.attempt(
            str(url),
            headers=list(location.headers),
            etag=location.etag,
            condition=location.condition,
            deadlines=waits,
            proxied=proxied,
            addresses=(url.host, list(location.addresses)) if location.addresses else None,
        )
        while (troubles := core.ended()) is None:
            await self._looked(core)
        asked = faults.Asked(url.host, url.port, str(proxy or ""), *waits)
        found = [self._meant(kind, said, asked) for kind, said in troubles]
        for trouble in sorted(found, key=_rank):
            raise trouble

    async def _looked(self, core: _core.Download) -> None:
        """Something may have happened since."""
        _, written, hashed = core.progress()
        self._tell(self._size_bytes, written, hashed)
        with trio.move_on_after(_LOOK_SECONDS):
            await trio.lowlevel.wait_readable(core.fileno())

    def _meant(self, kind: str, said: dict[str, Any], asked: faults.Asked) -> TryAgain | KandilError:
        """What a trouble of an attempt is."""
        host, name = asked.host, self._remote.name
        match kind:
            case "disk":
                return self._unwritable(said["errno"], said["reason"])
            case "fault":
                error = faults.error(asked, said["fault"])
                return TryAgain(error.message) if is_passing(error) else error
            case "encoded":
                return packed(host, name, said["coding"])
            case "changed":
                return TryAgain(said["what"], otherwise=DownloadRefused(host, name, said["what"]), asks_anew=True)
            case _:
                status = said["status"]
                refused = refusal(host, name, status, dict(said["headers"]))
                if status not in _EXPIRED or isinstance(refused, TryAgain):
                    return refused
                return TryAgain(refused.reason, otherwise=refused, asks_anew=True)

    def _unwritable(self, number: int | None, reason: str) -> NoSpace | FileUnwritable:
        if number in (errno.ENOSPC, errno.EDQUOT):
            left = (self._size_bytes or 0) - self._came_bytes
            return NoSpace(self._place.final.parent, max(left, 0))
        return FileUnwritable(str(self._place.part), reason)

    async def _finished(self, core: _core.Download, location: Location) -> Fetched:
        """The file is on the disk, and has the name that it has earned. Raises: DigestDiffers, FileUnwritable."""
        remote, place = self._remote, self._place
        try:
            while (digest := core.digest()) is None:
                core.ended()
                await self._looked(core)
            _, size_bytes, _ = core.progress()
            self._tell(size_bytes, size_bytes, size_bytes)
            actual = digest.hex()
            if remote.sha256 not in (None, actual):
                await trio.to_thread.run_sync(place.keep, place.rejected)
                raise DigestDiffers(
                    remote.name, remote.sha256 or "", actual, remote.digest_source or "as published", place.rejected
                )
            await trio.to_thread.run_sync(core.sync, abandon_on_cancel=True)
            outcome = core.outcome(place.final)
            await self._close()
            await trio.to_thread.run_sync(place.keep, place.final)
        except OSError as error:
            raise self._unwritable(error.errno, error.strerror or str(error)) from error
        return Fetched(
            path=place.final,
            sha256=actual,
            size_bytes=size_bytes,
            etag=location.etag,
            revision=remote.revision,
            reused_bytes=self.reused_bytes,
            outcome=outcome,
        )


def _rank(trouble: TryAgain | KandilError) -> tuple[bool, bool, float]:
    """Of several troubles the first is the one to heed: what is no use to try again, expired addresses, long waits."""
    if not isinstance(trouble, TryAgain):
        return False, False, 0.0
    return True, not trouble.asks_anew, -(trouble.wait_seconds or 0.0)


def check_room(folder: Path, needed_bytes: int) -> None:
    """Raises: NoSpace."""
    with suppress(OSError):
        free_bytes = disk.read(folder).free_bytes
        if needed_bytes > free_bytes:
            raise NoSpace(folder, needed_bytes, free_bytes)


def boot() -> str:
    """A name for this start of the system; of each process, where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        import secrets  # noqa: PLC0415

        return secrets.token_hex()
