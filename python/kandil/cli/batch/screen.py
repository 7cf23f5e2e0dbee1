"""What a batch says: its plan, how far it is, what became of it."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Literal

from kandil.cli.escape import printable, shortened
from kandil.cli.json_lines import as_json, write_report
from kandil.cli.sizes import human_count, human_time
from kandil.cli.terminal import Paint, is_terminal
from kandil.secret import redacted

if TYPE_CHECKING:
    from kandil.batch import LanePlan, Plan, Progress, Summary
    from kandil.cli.group import Settings

_PARTLY: Final = 10
_FAST: Final = 10
_FRAME_SECONDS: Final = 0.2
_LINE_SECONDS: Final = 1.0
_LONGEST_NOTICE: Final = 500
_QUIET_SECONDS: Final = 2.0
"""Waiting for longer is told."""


class Screen:
    """On standard error while it runs; on standard output, with `--json`, the report at its end."""

    def __init__(self, settings: Settings, *, how: Literal["auto", "json", "none"], quiet: bool) -> None:
        self._json, self._quiet = settings.json, quiet
        self._paint = Paint(sys.stderr, no_color=settings.no_color)
        self._moving = how == "auto" and is_terminal(sys.stderr) and not settings.json
        self._lines = how == "json"
        self._shown_at = 0.0
        self._line = ""
        self._last: Progress | None = None

    def say(self, text: str) -> None:
        """A line that stays. Without `--quiet`, or when it warns."""
        if self._quiet and not text.startswith("warning:"):
            return
        self._wipe()
        print(shortened(redacted(text), _LONGEST_NOTICE), file=sys.stderr)

    def plan(self, plan: Plan, *, at_once: bool = True) -> None:
        """What is about to happen, in a few lines; what it costs and takes, if it is to happen `at_once`."""
        recorded = plan.recorded
        if recorded.torn_bytes:
            self.say(f"{plan.order.written}: a last line that was cut off was removed ({recorded.torn_bytes:,} bytes)")
        if recorded.damaged:
            self.say(
                f"warning: {recorded.damaged:,} damaged lines of the output were moved to {plan.order.written}.damaged"
            )
        if recorded.repeated:
            self.say(f"warning: {recorded.repeated:,} rows have more than one result; the first counts")
        if plan.left_out:
            self.say(f"not sent: the fields {', '.join(plan.left_out)} (with --template they make the prompt)")
        if self._quiet or self._json:
            return
        done = f", {plan.done:,} of them done{_failed_before(plan)}" if plan.left and plan.done else ""
        elsewhere = f"; {plan.elsewhere:,} are of other parts" if plan.elsewhere else ""
        invalid = f"; {plan.invalid:,} cannot be sent" if plan.invalid else ""
        self.say(f"{plan.rows:,} rows{done}{invalid}{elsewhere}")
        for lane in plan.lanes:
            if lane.left:
                self.say(f"  {_lane(lane, at_once=at_once)}")

    def report_plan(self, plan: Plan) -> None:
        """`--dry-run --json`."""
        write_report("kandil.batch-plan/1", **plan_fields(plan))

    def show(self, progress: Progress) -> None:
        """The newest; drawn as often as eyes see it."""
        now, self._last = time.monotonic(), progress
        if self._lines and now - self._shown_at >= _LINE_SECONDS:
            self._shown_at = now
            print(
                as_json({"schema": "kandil.batch-progress/1", **progress_fields(progress)}), file=sys.stderr, flush=True
            )
        elif self._moving and now - self._shown_at >= _FRAME_SECONDS:
            self._shown_at = now
            self._wipe()
            self._line = in_a_line(progress)
            import shutil

            columns = shutil.get_terminal_size().columns
            print(self._line[: columns - 1], end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Nothing moves any more."""
        self._wipe()

    def interrupted(self) -> None:
        """Its user stopped it."""
        if last := self._last:
            left = last.rows - last.done
            self.say(f"stopped: {last.done:,} rows are done, {left:,} are left: the same command goes on with them")

    def report(self, plan: Plan, summary: Summary) -> int:
        """What became of it; gives the exit code."""
        if self._json:
            write_report("kandil.batch/1", **summary_fields(plan, summary))
        else:
            self._tell(plan, summary)
        return exit_code(plan, summary)

    def _tell(self, plan: Plan, summary: Summary) -> None:
        progress = summary.progress
        if not plan.left:
            self.say(f"nothing to send: each of the {plan.rows:,} rows has its result{_failed_before(plan)}")
            return
        spent = f", ${progress.spent_usd:,.4f}" if progress.spent_usd else ""
        rate = f"{progress.rows_per_second:,.0f} rows/s" if progress.rows_per_second >= 1 else ""
        tokens = f"{human_count(progress.input_tokens)} tokens in, {human_count(progress.output_tokens)} out"
        speed = ", ".join(one for one in (rate, tokens) if one)
        failed = f", {progress.failed:,} failed" if progress.failed else ""
        cached = f" ({progress.cached:,} from the cache)" if progress.cached else ""
        again = f", {progress.retried:,} sent again" if progress.retried else ""
        self.say(
            f"{progress.answered:,} answered{cached}{failed}{again} in {human_time(progress.seconds)}: {speed}{spent}"
        )
        if summary.latency_seconds:
            median, p90, p99, _, longest = summary.latency_seconds
            self.say(
                f"time to an answer: {median:.2f} s median, {p90:.2f} s p90, {p99:.2f} s p99, {longest:.2f} s at most"
            )
        if progress.failed:
            self.say(f"errors: {plan.order.errors}")
        if summary.error is not None:
            print(f"{self._paint('red', 'error:')} {shortened(redacted(summary.error.message), 2000)}", file=sys.stderr)
            if summary.error.hint:
                print(f"{self._paint('cyan', 'hint:')} {printable(redacted(summary.error.hint))}", file=sys.stderr)
        elif summary.end == "budget":
            self.say("warning: the next row might cost more than is left of the budget")
        if summary.left:
            self.say(f"warning: {summary.left:,} rows are left: the same command goes on with them")

    def _wipe(self) -> None:
        if self._line:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._line = ""


def exit_code(plan: Plan, summary: Summary) -> int:
    """Of what stopped it; else 10 where not every row was answered, now or earlier."""
    if summary.error is not None:
        return summary.error.exit_code
    return _PARTLY if plan.failed or summary.progress.failed or summary.left else 0


def in_a_line(progress: Progress) -> str:
    """`12,345/100,000 rows  120 rows/s  64 under way  3 sent again  $0.12  2 min 05 s left`."""
    parts = [f"{progress.done:,}/{progress.rows:,} rows"]
    if rate := progress.rows_per_second:
        parts.append(f"{rate:,.0f} rows/s" if rate >= _FAST else f"{rate:.1f} rows/s")
    if progress.output_tokens and progress.seconds:
        parts.append(f"{human_count(progress.output_tokens / progress.seconds)} tokens/s")
    parts.append(f"{progress.running:,} under way")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.retried:
        parts.append(f"{progress.retried:,} sent again")
    if progress.spent_usd:
        parts.append(f"${progress.spent_usd:,.2f}")
    if progress.left_seconds is not None:
        parts.append(f"{human_time(progress.left_seconds)} left")
    parts.extend(_holding(progress))
    return "  ".join(parts)


def _holding(progress: Progress) -> list[str]:
    """What holds a model's rows back."""
    told = []
    for lane in progress.lanes:
        if lane.down_seconds is not None:
            told.append(f"{printable(lane.model)} has not answered for {human_time(lane.down_seconds)}")
        elif lane.quiet_seconds >= _QUIET_SECONDS:
            told.append(f"{printable(lane.model)} waits {human_time(lane.quiet_seconds)} for its limits")
    return told


def _failed_before(plan: Plan) -> str:
    return f" ({plan.failed:,} have failed: --retry-failed sends them again)" if plan.failed else ""


def _lane(lane: LanePlan, *, at_once: bool) -> str:
    parts = [
        f"{lane.left:,} rows",
        f"about {human_count(lane.input_tokens)} tokens in",
        f"{human_count(lane.likely_output_tokens)} out" + (" (guessed)" if lane.unbounded else ""),
    ]
    if at_once and lane.cost_usd is not None:
        parts.append(f"${lane.cost_usd:,.2f}")
    if at_once and lane.seconds is not None:
        parts.append(f"at least {human_time(lane.seconds)} within its limits")
    return f"{printable(lane.name)}: {', '.join(parts)}"


def plan_fields(plan: Plan) -> dict[str, Any]:
    """For JSON."""
    return {
        "input": plan.order.source,
        "output": plan.order.output,
        "errors": plan.order.errors,
        "rows": plan.rows,
        "done": plan.done,
        "left": plan.left,
        "invalid": plan.invalid,
        "failed": plan.failed,
        "other_shards": plan.elsewhere,
        "fields_not_sent": list(plan.left_out),
        "cost_usd": plan.cost_usd,
        "models": [
            {
                "model": lane.name,
                "rows": lane.rows,
                "done": lane.done,
                "input_tokens": lane.input_tokens,
                "output_tokens": lane.likely_output_tokens,
                "cost_usd": lane.cost_usd,
                "most_cost_usd": lane.most_cost_usd,
                "least_seconds": lane.seconds,
            }
            for lane in plan.lanes
        ],
    }


def progress_fields(progress: Progress) -> dict[str, Any]:
    """For JSON."""
    return {
        **asdict(progress),
        "rows_per_second": progress.rows_per_second,
        "left_seconds": progress.left_seconds,
    }


def summary_fields(plan: Plan, summary: Summary) -> dict[str, Any]:
    """For JSON."""
    error = summary.error
    names = ("p50", "p90", "p99", "p999", "max")
    latency = dict(zip(names, summary.latency_seconds, strict=True)) if summary.latency_seconds else None
    return {
        "input": plan.order.source,
        "output": plan.order.output,
        "errors": plan.order.errors,
        "end": summary.end,
        **progress_fields(summary.progress),
        "left": summary.left,
        "failed_earlier": plan.failed,
        "latency_seconds": latency,
        "error": {"code": error.code, "message": error.message, "hint": error.hint} if error else None,
    }
