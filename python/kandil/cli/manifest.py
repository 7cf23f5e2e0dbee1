"""A manifest that `sha256sum -c` reads."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from kandil.cli.escape import printable
from kandil.cli.target import check_target, replace_file
from kandil.errors import FileUnwritable
from kandil.verify.result import good_statuses

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kandil.verify import Progress
    from kandil.verify.result import FileResult, Summary


class ManifestReport:
    """Told of every result; writes the manifest at the end. Raises FileUnwritable at the start where it cannot."""

    def __init__(self, target: str, *, strict: bool = False) -> None:
        check_target(target)
        self._target = target
        self._strict = strict
        self._results: list[FileResult] = []

    def result(self, result: FileResult) -> None:
        self._results.append(result)

    def end(self, summary: Summary) -> None:
        write_manifest(self._target, self._results, strict=self._strict)

    def interrupted(self, progress: Progress) -> None:
        """Half a list is none."""


def manifest_line(digest: str, path: Path) -> bytes:
    r"""`DIGEST  PATH`; as coreutils writes it: with a `\` before the digest where the name has one, or a line break."""
    name = os.fsencode(path)
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    mark = b"\\" if escaped != name else b""
    return mark + digest.encode() + b"  " + escaped + b"\n"


def write_manifest(target: str, results: Iterable[FileResult], *, strict: bool = False) -> None:
    """Writes the digests of the files that nothing is wrong with, by path; `-` is standard output.

    `strict`: a suspicious file is not among them.
    A file that is there is replaced whole or not at all, and never by an empty list. Raises: FileUnwritable.
    """
    results, accepted = list(results), good_statuses(strict=strict)
    good = [(result.path, result.sha256) for result in results if result.status in accepted and result.sha256]
    content = b"".join(manifest_line(digest, path) for path, digest in sorted(good))
    if not results and target != "-":
        raise FileUnwritable(target, "no file was verified, and an empty list checks nothing")
    if target == "-" and sys.stdout.isatty():
        print(printable(os.fsdecode(content), lines=True), end="")
    elif target == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    elif good:
        replace_file(target, content)
    if len(results) > len(good):
        left = f"{len(results) - len(good)} left out, as they are not sound"
        files = f"{len(good)} file{'' if len(good) == 1 else 's'}" if good or target == "-" else "not written"
        print(f"manifest: {files}; {left}", file=sys.stderr)
