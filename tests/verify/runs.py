"""Verifications, run to their end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kandil.verify import FileResult, Summary, verify


class Outcome(dict[str, FileResult]):
    """Results by the name of the file, and the summary."""

    summary: Summary
    results: list[FileResult]

    def statuses(self) -> dict[str, str]:
        return {name: result.status for name, result in self.items()}


async def run(*paths: Path | bytes | str, **options: Any) -> Outcome:
    verification = verify(list(paths) or None, **options)
    outcome = Outcome()
    outcome.results = [result async for result in verification]
    outcome.summary = verification.summary
    for result in outcome.results:
        outcome[result.path.name] = result
    assert outcome.summary.files == len(outcome.results)
    assert sum(outcome.summary.by_status.values()) == len(outcome.results)
    return outcome


async def one(*paths: Path | bytes | str, **options: Any) -> FileResult:
    (result,) = (await run(*paths, **options)).results
    return result
