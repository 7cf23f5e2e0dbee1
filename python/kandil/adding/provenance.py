"""Where a model's files come from, and what was found of them: kept in its record, and checked again when asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kandil import _core
from kandil.registry.records import now
from kandil.serving import trust

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from kandil.adding.plan import AddPlan
    from kandil.registry import Record
    from kandil.sandbox import LoadReport
    from kandil.sandbox.runtimes import Runtime
    from kandil.verify import FileResult


def provenance(plan: AddPlan, results: Sequence[FileResult], accepted: Collection[str]) -> dict[str, Any]:
    """Of files that were verified, in their order; what kandil does not know is None."""
    offer = plan.offer
    remotes = {one.name: one for one in offer.files} if offer else {}
    published = {one.sha256: one for one in remotes.values() if one.sha256}
    files = []
    for result in results:
        remote = published.get(result.sha256 or "") or remotes.get(result.path.name)
        files.append(
            {
                "path": str(result.path),
                "sha256": result.sha256,
                "size_bytes": result.size_bytes,
                "url": remote.url if remote else None,
                "digest_source": remote.digest_source if remote else result.expected_source,
                "signed_by": result.signed_by,
            }
        )
    found = {finding.id for result in results for finding in result.findings}
    return {
        "source": offer.source if offer else "file",
        "reference": offer.reference if offer else str(plan.files[0]),
        "host": offer.host if offer else None,
        "revision": offer.revision if offer else None,
        "publisher": offer.publisher if offer else None,
        "license": offer.license if offer else None,
        "published_digest": all(one["digest_source"] for one in files),
        "files": files,
        "rules": _core.__version__,
        "findings": sorted(found),
        "accepted_findings": sorted(found.intersection(accepted)),
        "sandbox": [_load(one.load) for one in results if one.load is not None] or _loads_before(results),
        "kandil_version": _core.__version__,
        "time": now(),
    }


def _load(report: LoadReport) -> dict[str, Any]:
    runtime = named(report.runtime) if report.runtime else None
    return {"status": report.status, "runtime": runtime, "layers": dict(report.layers), "time": now()}


def _loads_before(results: Sequence[FileResult]) -> list[dict[str, Any]]:
    """Of files with digests that were loaded before, which they are not again: what by is not kept."""
    times = [trust.loaded_at(one.sha256) for one in results if one.sha256]
    return [{"status": "passed", "runtime": None, "layers": {}, "time": time} for time in times if time]


def named(runtime: Runtime) -> str:
    """`xllamacpp 2026.10.11549`."""
    return " ".join(filter(None, (runtime.name, runtime.version)))


def differences(record: Record, results: Mapping[Path, FileResult]) -> list[str]:
    """What of the record's files is not as its provenance says; empty: all is. A sentence each."""
    told = []
    for one in (record.provenance or {}).get("files", ()):
        path, expected = Path(one["path"]), one["sha256"]
        result = results.get(path)
        if result is None or result.sha256 is None:
            told.append(
                f"{path}: {result.message if result and result.message else 'it is not there, or was not read'}"
            )
        elif result.sha256 != expected:
            told.append(f"{path}: its SHA-256 is {result.sha256}, and was {expected} when it was added")
    return told
