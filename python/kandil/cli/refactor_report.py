"""What `kandil refactor` prints and keeps."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kandil.cli import diff_text
from kandil.cli.escape import printable
from kandil.cli.json_lines import write_report
from kandil.cli.sizes import counted
from kandil.cli.terminal import MovingLine, Paint, is_terminal
from kandil.errors import CheckFailed
from kandil.providers import estimate_input_tokens
from kandil.secret import redacted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil.assist.changes import Change, Entry
    from kandil.assist.refactor import Outcome, Plan, Refactoring
    from kandil.assist.sources import Skipped
    from kandil.cli.group import Settings
    from kandil.serving import Place

IN_PART = 10


class Report:
    """For one run. The diff goes to standard output, what is said to standard error."""

    def __init__(self, settings: Settings, *, quiet: bool) -> None:
        self._json, self._quiet = settings.json, quiet or settings.json
        self._paint = Paint(sys.stdout, no_color=settings.no_color)
        self._skipped: Sequence[Skipped] = ()
        self._changes: Sequence[Change] = ()
        self._outcomes: list[Outcome] = []
        self._entry: Entry | None = None

    def say(self, text: str) -> None:
        """With --quiet and --json warnings alone."""
        if not self._quiet or text.startswith("warning:"):
            MovingLine.wipe()
            print(redacted(printable(text)), file=sys.stderr, flush=True)

    def skipped(self, skipped: Sequence[Skipped]) -> None:
        self._skipped = skipped
        for one in skipped:
            self.say(f"not sent: {one.name}: {one.reason}")

    def dry_run(self, plan: Plan, place: Place) -> None:
        cost = plan.most_usd(place.profile.price) if place.located is None else 0.0
        requests = [
            {"files": list(part.names), "input_tokens": estimate_input_tokens(part.request)} for part in plan.parts
        ]
        if self._json:
            skipped = [asdict(one) for one in self._skipped]
            fields = {"requests": requests, "skipped": skipped, "input_tokens": plan.input_tokens, "most_usd": cost}
            write_report("kandil.refactor-plan/1", model=place.profile.id, **fields)
            return
        for part in plan.parts:
            print(f"{estimate_input_tokens(part.request):>9,} tokens  {printable(', '.join(part.names))}")
        price = "its price is not known" if cost is None else f"${cost:,.4f} at most, were nothing asked twice"
        price = "it runs here" if place.located is not None else price
        print(f"{len(requests):,} requests, {plan.input_tokens:,} tokens, {price}")

    def failed(self, refactoring: Refactoring) -> None:
        for part, why in refactoring.failed:
            self.say(f"warning: {', '.join(part.names)}: {why}")

    def diff(self, changes: Sequence[Change], *, patch: bool) -> None:
        """What is to be changed, from what is on disk."""
        self._changes = changes
        if self._json or not changes:
            return
        if patch and not is_terminal(sys.stdout):
            sys.stdout.write(redacted(diff_text.patch(changes)))
        else:
            print(redacted(diff_text.shown(changes, self._paint)))
        sys.stdout.flush()

    def taken_back(self, entry: Entry, found: Sequence[str]) -> None:
        self.say("all files are what they were")
        for path in found:
            self.say(f"warning: the check has changed {path}; what it wrote is kept: `kandil undo --list` says where")

    def checked(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        if outcome.exit_code and outcome.output.strip() and not self._json:
            print(redacted(printable(outcome.output, lines=True)).rstrip("\n"), file=sys.stderr)
        self.say(f"the check ended with exit code {outcome.exit_code}")

    @property
    def has_checked(self) -> bool:
        return bool(self._outcomes)

    def end(self, refactoring: Refactoring, applied: Entry | None) -> int:
        """The exit code."""
        self._entry = applied
        if self._json:
            write_report("kandil.refactor/1", **self.fields(refactoring))
        elif applied is not None:
            self.say(f"{counted(len(applied.changes), 'file')} changed; `kandil undo` takes it back")
        elif not self._changes:
            self.say("nothing is to be changed")
        elif refactoring.failed:
            self.say("warning: nothing is applied, as a part failed")
        return IN_PART if refactoring.failed else 0

    def check_failed(self, refactoring: Refactoring) -> int:
        """Raises: CheckFailed, where it is not told as JSON."""
        if not self._json:
            raise CheckFailed(self._outcomes[-1].exit_code)
        write_report("kandil.refactor/1", **self.fields(refactoring))
        return CheckFailed.exit_code

    def fields(self, refactoring: Refactoring) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "files": [diff_text.counts(change) for change in self._changes],
            "diff": diff_text.patch(self._changes),
            "applied": self._entry is not None,
            "undo": self._entry.id if self._entry else None,
            "checks": [asdict(outcome) for outcome in self._outcomes],
            "failed": [{"paths": list(part.names), "reason": why} for part, why in refactoring.failed],
            "skipped": [asdict(one) for one in self._skipped],
            "spent_usd": refactoring.transcript.spent_usd,
        }
