"""`kandil model fit FILE.gguf`: whether a file that is here fits, by its own header."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kandil._core import Header
    from kandil.cli.group import Settings
    from kandil.compat import Report
    from kandil.hardware import Hardware

SCHEMA = "kandil.model.fit-file/1"


def is_file(query: tuple[str, ...]) -> bool:
    """One file was named, not words of models' names."""
    return len(query) == 1 and query[0].lower().endswith(".gguf") and os.path.exists(query[0])


def show(file: str, hardware: Hardware, asked: dict[str, Any], settings: Settings) -> int:
    """The exit code: 0 it fits, 4 it does not, 8 it is not to be loaded at all. Raises: FileUnreadable, NotGguf."""
    from kandil.cli.escape import printable
    from kandil.cli.fit_text import report_fields, verdict
    from kandil.cli.inspect import opened
    from kandil.cli.inspect_findings import blocks
    from kandil.cli.json_lines import write_report
    from kandil.cli.terminal import Paint
    from kandil.compat import assess
    from kandil.verify.shards import parts_of

    parts, count = parts_of(file)
    headers = [opened(part) for part in parts]
    report = assess(headers, hardware, **asked)
    missing = count - len(parts)
    bad = missing > 0 or any(blocks(header.findings, strict=False) for header in headers)
    if settings.json:
        fields = {"parts": len(parts), "missing_parts": missing, "blocked": bad, "fit": report_fields(report)}
        write_report(SCHEMA, path=file, **fields)
        return _code(report, bad=bad)
    paint = Paint(sys.stdout, no_color=settings.no_color)
    print(paint("bold", printable(file)))
    for title, text in _facts(headers, report):
        print(f"  {title:<13} {printable(text)}")
    print(f"  {'this machine':<13} {verdict(report)}")
    for warning in report.warnings:
        print(f"  {'note':<13} {printable(warning)}")
    if missing:
        print(f"  {'incomplete':<13} {missing} of {count} parts are not here, and are not counted")
    elif bad:
        print(f"  {'do not load':<13} `kandil inspect --findings` says what is wrong with it")
    return _code(report, bad=bad)


def _code(report: Report, *, bad: bool) -> int:
    if bad:
        return 8
    return 0 if report.fits else 4


def _facts(headers: list[Header], report: Report) -> list[tuple[str, str]]:
    from kandil.cli.sizes import human_size

    size = sum(header.file_size_bytes for header in headers)
    parts = f" in {len(headers)} files" if len(headers) > 1 else ""
    trained = report.trained_context
    return [
        ("architecture", str(headers[0].kept("general.architecture") or "unknown")),
        ("weights", f"{human_size(size)}{parts}"),
        ("context", f"{trained:,} tokens" if trained else "unknown"),
    ]
