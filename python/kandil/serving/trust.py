"""No file is loaded that was not verified: its bytes, its structure, and the first time a load in the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kandil import files, paths
from kandil.errors import FileUnreadable, FileUnwritable, NotTrusted
from kandil.verify import LoadOptions, good_statuses, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kandil.verify import FileResult


async def trusted(model: Sequence[Path], notice: Callable[[str], None], *, projector: Path | None = None) -> None:
    """All files of the model are as published, or at least sound, and llama.cpp has loaded it where it can do no harm.

    What was verified before and has not changed since is not read again, and what was loaded once is not loaded again.
    A projector is verified, and is nothing that could be loaded alone.

    Raises:
        NotTrusted: a file is bad, or its loading failed.
        FileUnreadable: a file cannot be read, so nothing is known of it.
    """
    if projector is not None:
        await _results([projector], None, notice)
    results = await _results(model, None, notice)
    if all(one.sha256 and was_loaded(one.sha256) for one in results):
        return
    notice(f"loading {model[0].name} in the sandbox, as it was never loaded before")
    for one in await _results(model, LoadOptions(), notice):
        if one.sha256 and one.load is not None and one.load.status == "passed":
            remember(one.sha256)


async def _results(model: Sequence[Path], load: LoadOptions | None, notice: Callable[[str], None]) -> list[FileResult]:
    """What `verify` says of each file; it is good."""
    results = []
    verification = verify(list(model), load=load)
    async for result in verification:
        if result.status == "error":
            raise FileUnreadable(str(result.path), result.message or "it could not be verified")
        if result.status not in good_statuses():
            raise NotTrusted(str(result.path), result.status, why(result))
        for finding in result.findings:
            if finding.severity == "suspicious":
                notice(f"warning: {result.path.name}: {finding.message} ({finding.id})")
        results.append(result)
    if load and verification.summary.loads_untested:
        notice("warning: the sandbox could not load it here (`kandil-sandbox load-test` says why)")
    return results


def why(result: FileResult) -> str:
    """What is wrong with a file that is not good."""
    if result.status == "mismatch":
        return f"its SHA-256 is {result.sha256}, and {result.expected_source} says {result.expected}"
    worst = [finding for finding in result.findings if finding.severity in ("malicious", "malformed")]
    if worst:
        return f"{result.status}: {worst[0].message} ({worst[0].id})"
    return f"{result.status}{f': {result.message}' if result.message else ''}"


def _mark(sha256: str) -> Path:
    """It exists where a file of this digest was once loaded."""
    return paths.state_dir() / "loaded" / sha256


def was_loaded(sha256: str) -> bool:
    """A file of this digest was loaded in the sandbox once."""
    return _mark(sha256).exists()


def loaded_at(sha256: str) -> str | None:
    """When it was, in RFC 3339; None: it was not."""
    try:
        seconds = _mark(sha256).stat().st_mtime
    except OSError:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def remember(sha256: str) -> None:
    """A file of this digest was loaded in the sandbox: it is not loaded there again."""
    try:
        files.write(_mark(sha256), b"")
    except FileUnwritable:
        return  # it is loaded in the sandbox again the next time
