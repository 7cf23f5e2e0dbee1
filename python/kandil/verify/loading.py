"""After its bytes were checked a file is loaded, in the sandbox: `kandil verify --load`."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio

from kandil.errors import KandilError
from kandil.sandbox import LoadReport, load_test
from kandil.verify.judge import with_findings
from kandil.verify.plan import LoadOptions
from kandil.verify.result import FileResult, Finding, Status

TIMEOUT_SECONDS = 30.0
_BYTES_A_SECOND = 100_000_000
"""What any disk reads: large files have longer, in this measure."""
_SPARE_BYTES = 1 << 30
_LOADABLE: tuple[Status, ...] = ("ok", "unverified", "suspicious")
_MAGIC = b"GGUF"


@dataclass(slots=True)
class Loads:
    """The loads of one verification. A file with several names is loaded once."""

    options: LoadOptions
    untested: int = 0
    """Files that nothing could be said of; `reasons` why, each once."""
    reasons: dict[str, None] = field(default_factory=dict)
    _reports: dict[Path, LoadReport] = field(default_factory=dict)

    async def load(self, results: list[FileResult]) -> list[FileResult]:
        """The results with what came of loading: those that are not sound, or no GGUF files, are as they were."""
        wanted = await trio.to_thread.run_sync(_wanted, results)  # a disk may be slow
        has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        budget = _Budget(self.options.memory_bytes or has // 2)
        places = trio.CapacityLimiter(os.cpu_count() or 1)
        async with trio.open_nursery() as nursery:
            for one in wanted:
                nursery.start_soon(self._load, one.path, one.size_bytes or 0, budget, places)
        return [self._with_report(result) for result in results]

    async def _load(self, path: Path, size: int, budget: _Budget, places: trio.CapacityLimiter) -> None:
        try:
            async with places, budget.taking(size + _SPARE_BYTES) as memory:
                self._reports[path] = await load_test(
                    path,
                    timeout_seconds=TIMEOUT_SECONDS + size / _BYTES_A_SECOND,
                    memory_bytes=memory,
                    allow_weaker=self.options.allow_weaker,
                )
        except (OSError, KandilError) as error:
            self._not_tested(f"{path}: {error}")
            return
        if self._reports[path].status == "not-tested":
            report = self._reports[path]
            self._not_tested(f"{report.reason}{f' ({report.hint})' if report.hint else ''}")

    def _not_tested(self, reason: str) -> None:
        self.untested += 1
        self.reasons[reason] = None

    def _with_report(self, result: FileResult) -> FileResult:
        report = self._reports.get(result.same_as or result.path)
        if report is None or result.status not in _LOADABLE:
            return result
        findings = tuple(Finding(one.id, one.severity, one.message) for one in report.findings)
        return replace(with_findings(result, findings), load=report)


class _Budget:
    """Memory that loads share."""

    def __init__(self, size_bytes: int) -> None:
        self._size = self._free = size_bytes
        self._changed = trio.Condition()

    @asynccontextmanager
    async def taking(self, wanted: int) -> AsyncGenerator[int]:
        """Waits until so much is free; what asks for more than there is gets all of it."""
        wanted = min(wanted, self._size)
        async with self._changed:
            while self._free < wanted:
                await self._changed.wait()
            self._free -= wanted
        try:
            yield wanted
        finally:
            self._free += wanted
            with trio.CancelScope(shield=True):
                async with self._changed:
                    self._changed.notify_all()


def _wanted(results: list[FileResult]) -> list[FileResult]:
    return [one for one in results if one.same_as is None and one.status in _LOADABLE and _is_gguf(one.path)]


def _is_gguf(path: Path) -> bool:
    """Stores name files by their digests: the name does not tell."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.read(fd, len(_MAGIC)) == _MAGIC
    except OSError:
        return False
    finally:
        os.close(fd)
