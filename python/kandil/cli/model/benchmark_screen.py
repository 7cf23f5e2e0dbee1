"""What `kandil model benchmark` prints: what it will do, how far it is, and what it found."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from kandil.cli.escape import printable, shortened
from kandil.cli.json_lines import write_report
from kandil.cli.table import table
from kandil.cli.terminal import Paint, is_terminal
from kandil.secret import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kandil.benchmark import Figures, Level, Measured, Plan, Progress, Ratio, Spread
    from kandil.cli.group import Settings

_FRAME_SECONDS: Final = 0.2
_LONGEST_NOTICE: Final = 500
_HEADS: Final = (
    *("MODEL", "LOAD", "OK", "FIRST TOKEN ms", "p90", "p99", "FIRST ANSWER", "TOKEN TO TOKEN ms", "p99 "),
    *("TOKENS/s EACH", "TOKENS/s", "REQUESTS/s"),
)
_NUMBERS: Final = _HEADS[2:]
_YIELDING: Final = (
    ("FIRST ANSWER", 0),
    ("p90", 0),
    ("p99 ", 0),
    ("MODEL", 12),
    ("REQUESTS/s", 0),
    ("p99", 0),
    ("MODEL", 1),
)
_NAMES: Final[Mapping[str, str]] = {
    "first_token_ms": "first token",
    "first_answer_token_ms": "first answer token",
    "inter_token_ms": "token to token",
    "request_ms": "whole answer",
    "tokens_per_second": "tokens/s each",
    "output_tokens_per_second": "tokens/s",
    "requests_per_second": "requests/s",
}


class Screen:
    """What happens goes to standard error, what was found to standard output."""

    def __init__(self, settings: Settings, *, quiet: bool) -> None:
        self._json, self._quiet = settings.json, quiet
        self._paint = Paint(sys.stdout, no_color=settings.no_color)
        self._moving = is_terminal(sys.stderr) and not settings.json and not quiet
        self._shown_at = 0.0
        self._line = False

    def say(self, text: str) -> None:
        """A line that stays; with `--quiet` or `--json` warnings alone."""
        if (self._quiet or self._json) and not text.startswith("warning:"):
            return
        self._wipe()
        print(shortened(redacted(text), _LONGEST_NOTICE), file=sys.stderr)

    def plan(self, plan: Plan) -> None:
        """What is about to be sent, and what it costs at most."""
        for one in plan.models:
            where = "elsewhere" if one.place.elsewhere else "here"
            cost = one.cost_usd
            price = "at a price that is not known" if cost is None else f"${cost:,.4f} at most" if cost else "free"
            self.say(
                f"{one.name} ({where}): {one.requests:,} requests, up to {one.input_tokens:,} tokens in and "
                f"{one.output_tokens:,} out, {price}"
            )

    def report_plan(self, plan: Plan) -> None:
        """`--dry-run --json`."""
        if self._json:
            names = ("name", "requests", "input_tokens", "output_tokens", "cost_usd")
            models = [{name: getattr(one, name) for name in names} for one in plan.models]
            write_report("kandil.model.benchmark-plan/1", models=models, cost_usd=plan.cost_usd)

    def show(self, progress: Progress) -> None:
        """How far it is; drawn as often as eyes see it."""
        now = time.monotonic()
        if not self._moving or now - self._shown_at < _FRAME_SECONDS:
            return
        self._shown_at = now
        self._wipe()
        what = "warming up" if progress.warming_up else _load(progress.level)
        line = f"{progress.model}  {what}  {progress.ended:,}/{progress.requests:,} requests"
        import shutil

        print(shortened(line, shutil.get_terminal_size().columns - 1), end="", file=sys.stderr, flush=True)
        self._line = True

    def end(self) -> None:
        """Nothing moves any more."""
        self._wipe()

    def report(self, plan: Plan, measured: Sequence[Measured], before: dict[str, Any] | None) -> dict[str, Any]:
        """Prints what was found, and gives it as JSON has it."""
        from kandil import benchmark
        from kandil.registry.records import now

        report = benchmark.fields(measured, plan.load, now())
        beside = benchmark.beside(before, report) if before else ()
        between = benchmark.between(report)
        if self._json:
            compared = [_ratio_fields(one) for one in beside] if before else None
            write_report(
                benchmark.SCHEMA, **report, compared=compared, side_by_side=[_ratio_fields(one) for one in between]
            )
            return report
        self._tables(measured)
        if before:
            self._ratios(f"Beside {before.get('measured_at', 'earlier')}", beside)
        if between:
            self._ratios(f"Beside {measured[0].name}", between)
        return report

    def _tables(self, measured: Sequence[Measured]) -> None:
        rows = [_row(one.name, level, found) for one in measured for level, found in one.levels]
        if rows:
            for line in table(_HEADS, rows, self._paint, numbers=_NUMBERS, yielding=_YIELDING):
                print(line)
        if any(row[5].endswith("+") for row in rows):
            print(
                self._paint("dim", "+: too few requests to say that it is no more; for p99 that takes 368, for p90 36")
            )
        for one in measured:
            for line in _notes(one):
                print(self._paint("dim", redacted(printable(line))))
            if one.error is not None and len(measured) > 1:
                print(f"{self._paint('red', 'error:')} {redacted(printable(f'{one.name}: {one.error.message}'))}")

    def _ratios(self, title: str, ratios: Sequence[Ratio]) -> None:
        print()
        print(self._paint("bold", printable(title)))
        if not ratios:
            print("nothing there has the same name and level")
            return
        heads = ("MODEL", "LOAD", "FIGURE", "BEFORE", "NOW", "RATIO", "")
        rows = [_ratio_row(one) for one in ratios]
        for line in table(heads, rows, self._paint, numbers=heads[3:6]):
            print(line.rstrip())

    def _wipe(self) -> None:
        if self._line:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._line = False


def _load(level: Level) -> str:
    return f"{level.concurrency} at once" if level.rate_per_second is None else f"{level.rate_per_second:g}/s"


def _row(name: str, level: Level, found: Figures) -> tuple[str, ...]:
    first, answer, gap = found.first_token_ms, found.first_answer_token_ms, found.inter_token_ms
    return (
        *(name, _load(level), f"{found.answered:,}/{found.requests:,}"),
        *(_sure(first, "p50"), _value(first, "p90"), _value(first, "p99"), _value(answer, "p50")),
        *(_sure(gap, "p50"), _value(gap, "p99"), _value(found.tokens_per_second, "p50")),
        *(_short(found.output_tokens_per_second), _short(found.requests_per_second)),
    )


def _sure(spread: Spread | None, which: str) -> str:
    """`12.3 (12.1-12.6)`: with its interval."""
    if spread is None:
        return ""
    found = getattr(spread, which)
    if found.low is None or found.high is None:
        return _short(found.value)
    return f"{_short(found.value)} ({_short(found.low)}-{_short(found.high)})"


def _value(spread: Spread | None, which: str) -> str:
    """With `+` where there are too few requests to say that it is no more."""
    if spread is None:
        return ""
    found = getattr(spread, which)
    return _short(found.value) + ("+" if found.high is None else "")


def _short(value: float) -> str:
    """Three digits that count."""
    if value >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004


_COUNTED: Final[Mapping[str, str]] = {
    "usage": "tokens as the server counts them",
    "pieces": "tokens are pieces of the stream, as the server counts none",
    "estimate": "tokens are estimated by their letters, as the server counts none and does not stream",
    "mixed": "tokens are in part the server's count, in part pieces of the stream",
}


def _notes(one: Measured) -> list[str]:
    """What the table has no place for."""
    notes = []
    for level, found in one.levels:
        start = f"{one.name}, {_load(level)}"
        if found.errors:
            said = ", ".join(f"{count:,} of {code}" for code, count in found.errors.items())
            notes.append(f"{start}: {said}")
        if found.limited_seconds:
            notes.append(f"{start}: limits held requests back for {found.limited_seconds:.1f} s, which no time has")
        if found.late_ms and found.late_ms.p99.value > _LATE_MS:
            notes.append(
                f"{start}: requests were sent up to {found.late_ms.most:,.0f} ms late: all those before were busy"
            )
    if one.levels:
        notes.append(f"{one.name}: {_tokens(one.levels[0][1])}")
        notes += _server(one)
    if one.memory and one.memory.used_bytes is not None:
        from kandil.cli.fit_text import human_bytes

        used, expected = one.memory.used_bytes, one.memory.predicted_bytes
        ratio = f", {used / expected:.2f} of it" if expected else ""
        notes.append(f"{one.name}: {human_bytes(used)} of RAM at most; {human_bytes(expected)} predicted{ratio}")
    return notes


_LATE_MS: Final = 5.0
"""Timers are not as exact as this."""


def _tokens(found: Figures) -> str:
    counted = _COUNTED.get(found.counted_by or "", "nobody counted tokens")
    if found.output_tokens is None:
        return counted
    shown = "?" if found.input_tokens is None else f"{found.input_tokens:,.0f}"
    thought = f", {found.reasoning_tokens:,.0f} of them reasoning" if found.reasoning_tokens else ""
    return f"{shown} tokens in, {found.output_tokens:,.0f} out{thought} on average; {counted}"


def _server(one: Measured) -> list[str]:
    """As llama-bench names it."""
    _, found = one.levels[0]
    prompt, generated = found.server_prompt_tokens_per_second, found.server_tokens_per_second
    if prompt is None or generated is None:
        return []
    return [
        f"{one.name}: llama.cpp timed itself: {prompt:,.1f} tokens/s of prompt (pp), {generated:,.1f} generated (tg)"
    ]


def _ratio_row(one: Ratio) -> tuple[str, ...]:
    words = {True: "better", False: "worse", None: "" if one.differs is None else "the same within noise"}
    load = f"{one.concurrency} at once" if one.rate_per_second is None else f"{one.rate_per_second:g}/s"
    name = _NAMES[one.figure]
    return one.model, load, name, _short(one.before), _short(one.after), f"{one.ratio:.2f}", words[one.better]


def _ratio_fields(one: Ratio) -> dict[str, Any]:
    names = ("model", "concurrency", "rate_per_second", "figure", "before", "after", "ratio", "differs", "better")
    return {name: getattr(one, name) for name in names}
