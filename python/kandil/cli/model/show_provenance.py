"""`kandil model show --provenance`: where an added model's files come from, and whether they are still the same."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from kandil.cli.escape import printable

if TYPE_CHECKING:
    from pathlib import Path

    from kandil.cli.group import Settings
    from kandil.verify import FileResult

_TITLES = {
    "reference": "reference",
    "host": "from",
    "revision": "revision",
    "publisher": "publisher",
    "license": "licence",
    "rules": "rules of",
    "time": "verified",
    "kandil_version": "by kandil",
}


def show(name: str, settings: Settings, *, check: bool) -> int:
    """The exit code. Raises: RecordUnknown, ProvenanceUnknown."""
    from kandil import registry
    from kandil.adding.provenance import differences
    from kandil.cli.json_lines import write_report
    from kandil.cli.run import run_async
    from kandil.errors import ProvenanceUnknown

    record = registry.existing(name)
    known = record.provenance
    if known is None:
        raise ProvenanceUnknown(name)
    told = None
    if check:
        told = differences(record, run_async(partial(_read, [one["path"] for one in known["files"]])))
    if settings.json:
        write_report("kandil.model.provenance/1", name=name, provenance=dict(known), differences=told)
    else:
        _show(name, dict(known), told)
    return 8 if told else 0


async def _read(files: list[str]) -> dict[Path, FileResult]:
    """Every byte, whatever is known from before."""
    from kandil.verify import verify

    return {one.path: one async for one in verify(files, sha256=True)}


def _show(name: str, known: dict[str, Any], told: list[str] | None) -> None:
    print(printable(name))
    for field, title in _TITLES.items():
        if known.get(field):
            print(printable(f"  {title:<10} {known[field]}"))
    for one in known["files"]:
        whose = f"published by {one['digest_source']}" if one["digest_source"] else "published by nobody"
        print(printable(f"  file       {one['path']}"))
        print(printable(f"             sha256 {one['sha256']}, {whose}"))
        if one.get("signed_by"):
            print(printable(f"             signed by {one['signed_by']}"))
    print(printable(f"  findings   {', '.join(known['findings']) or 'none'}{_accepted(known)}"))
    for one in known["sandbox"]:
        said = [one["status"], f"by {one['runtime']}" if one["runtime"] else None, one.get("time")]
        print(printable(f"  sandbox    {', '.join(filter(None, said))}"))
    if told is not None:
        print("  checked    " + ("all files are as they were" if not told else printable("; ".join(told))))


def _accepted(known: dict[str, Any]) -> str:
    return f"; accepted: {', '.join(known['accepted_findings'])}" if known["accepted_findings"] else ""
