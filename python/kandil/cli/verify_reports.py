"""What `kandil verify` prints: for a person at a terminal, for a log, for a program, or hardly anything."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Protocol

from kandil.cli.escape import printable
from kandil.cli.findings_text import advice
from kandil.cli.json_lines import write_json
from kandil.cli.sizes import human_size
from kandil.cli.verify_text import (
    STYLES,
    block,
    brief,
    counts,
    detail,
    meaning,
    nothing_found,
    pinned,
    sound,
    styles,
    work,
    wrapped,
)

if TYPE_CHECKING:
    from kandil.cli.terminal import Paint
    from kandil.cli.verify_screen import Screen
    from kandil.verify import Progress
    from kandil.verify.result import FileResult, Summary

SCHEMA = "kandil.verify/1"
FEW = 20
"""With no more files than these, the sound ones are listed on a terminal too."""
_WIDTH = max(map(len, STYLES))


class Report(Protocol):
    """Told of each result as it comes, then of the end: one of `end` and `interrupted`."""

    def result(self, result: FileResult) -> None: ...
    def end(self, summary: Summary) -> None: ...
    def interrupted(self, progress: Progress) -> None: ...


class _Stopped:
    def interrupted(self, progress: Progress) -> None:
        done = f"{progress.files_done} of {progress.files_total} files are done and kept"
        if progress.bytes_total:
            done += f", {human_size(progress.bytes_done)} of {human_size(progress.bytes_total)} read"
        if not progress.files_total:
            done = "still looking for model files"
        start = "\n" if sys.stderr.isatty() else ""  # below the terminal's ^C
        print(f"{start}interrupted: {done}; the next run does the rest", file=sys.stderr)


class JsonReport(_Stopped):
    """One object a line and file; the summary is the last."""

    def result(self, result: FileResult) -> None:
        write_json(asdict(result))

    def end(self, summary: Summary) -> None:
        from kandil import __version__

        exit_code = {"exit_code": summary.exit_code}
        write_json({"summary": asdict(summary) | exit_code, "schema": SCHEMA, "kandil_version": __version__})

    def interrupted(self, progress: Progress) -> None:
        """`run` says it, as JSON."""


class QuietReport(_Stopped):
    """The paths of what is not sound."""

    def result(self, result: FileResult) -> None:
        if not sound(result):
            print(printable(result.path), flush=True)

    def end(self, summary: Summary) -> None:
        pass


class PlainReport(_Stopped):
    """A line a file: status, path, detail; then a line for all."""

    def __init__(self, paint: Paint, out: IO[str], paths: tuple[str, ...] = (), *, strict: bool = False) -> None:
        self._paint = paint
        self._styles = styles(strict=strict)
        self._paths = paths
        self._out = out

    def result(self, result: FileResult) -> None:
        status = self._paint(self._styles[result.status], f"{result.status:{_WIDTH}}")
        name = f"{printable(result.name)}; " if result.name else ""
        said = self._paint("dim", name + detail(result))
        print(f"{status}  {printable(result.path)}  {said}", file=self._out, flush=True)

    def end(self, summary: Summary) -> None:
        text = f"{counts(summary)}; {work(summary)}" if summary.files else nothing_found(self._paths)
        print(f"{'summary':{_WIDTH}}  {text}", file=self._out, flush=True)


class TerminalReport(_Stopped):
    """Problems as they come; at the end all of them again with what to do, few files' digests, and a table."""

    def __init__(
        self,
        paint: Paint,
        screen: Screen | None,
        *,
        verbose: bool,
        pin: bool = False,
        strict: bool = False,
        paths: tuple[str, ...] = (),
    ) -> None:
        self._paint = paint
        self._strict = strict
        self._styles = styles(strict=strict)
        self._paths = paths
        self._screen = screen
        self._verbose = verbose
        self._pin = pin
        self._pinned = 0
        self._bad: list[FileResult] = []
        self._sound: list[FileResult] = []

    def result(self, result: FileResult) -> None:
        self._pinned += pinned(result)
        if not sound(result):
            self._bad.append(result)
        elif self._verbose or len(self._sound) <= FEW:
            self._sound.append(result)
        if not sound(result) and self._screen is not None:
            status = self._paint(self._styles[result.status], f"{result.status:{_WIDTH}}")
            self._screen.say(f"{status}  {printable(result.path)}  {self._paint('dim', brief(result))}")

    def end(self, summary: Summary) -> None:
        few = self._verbose or summary.files <= FEW
        self._blocks(self._bad + self._sound if few else self._bad)
        for status, style in self._styles.items():
            count = summary.by_status.get(status, 0)
            if count:
                words = meaning(status, count, pin=self._pin, strict=self._strict)
                print(f"{self._paint(style, f'{status:{_WIDTH}}')}  {count:>6}  {words}")
        if self._pinned and not few:
            print(f"\npinned {self._pinned} file{'' if self._pinned == 1 else 's'}; --verbose lists them")
        more = advice(finding for result in self._bad for finding in result.findings)
        if summary.files:
            print(f"\n→ {more}" if more else "")
        print(work(summary) if summary.files else nothing_found(self._paths), flush=True)

    def interrupted(self, progress: Progress) -> None:
        self._blocks(self._bad + self._sound if self._verbose else self._bad)
        sys.stdout.flush()
        super().interrupted(progress)

    def _blocks(self, results: list[FileResult]) -> None:
        order = list(self._styles)
        for result in sorted(results, key=lambda result: order.index(result.status)):
            name = f"  {printable(result.name)}" if result.name else ""
            status = self._paint(self._styles[result.status], f"{result.status:{_WIDTH}}")
            print(f"{status}  {printable(result.path)}{name}")
            for text in block(result):
                for line in wrapped(text, _WIDTH + 2):
                    print(f"{'':{_WIDTH}}  {self._paint('dim', line)}")
        if results:
            print()
