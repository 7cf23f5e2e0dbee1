"""What `kandil test` prints and keeps."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kandil.cli import diff_text
from kandil.cli.escape import printable
from kandil.cli.json_lines import write_report
from kandil.cli.sizes import counted
from kandil.cli.terminal import MovingLine, Paint
from kandil.providers import estimate_input_tokens
from kandil.secret import redacted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil.assist.changes import Change, Entry
    from kandil.assist.testing import Coverage, Dropped, Generation, Part, Plan
    from kandil.cli.group import Settings
    from kandil.serving import Place

IN_PART = 10


class Report:
    """For one run. What is kept goes to standard output, as a diff; what is said of it to standard error."""

    def __init__(self, settings: Settings, *, quiet: bool) -> None:
        self._json, self._quiet = settings.json, quiet or settings.json
        self._paint = Paint(sys.stdout, no_color=settings.no_color)
        self._plan: Plan | None = None
        self._entry: Entry | None = None

    def say(self, text: str) -> None:
        """With --quiet and --json warnings alone."""
        if not self._quiet or text.startswith("warning:"):
            MovingLine.wipe()
            print(redacted(printable(text)), file=sys.stderr, flush=True)

    def plan(self, plan: Plan) -> None:
        self._plan = plan
        for one in plan.skipped:
            self.say(f"not sent: {one.name}: {one.reason}")
        if not plan.parts:
            self.say("there is nothing to test")

    def dry_run(self, plan: Plan, place: Place) -> None:
        cost = plan.most_usd(place.profile.price) if place.located is None else 0.0
        requests = [
            {"about": part.title, "target": part.target, "input_tokens": estimate_input_tokens(part.request)}
            for part in plan.parts
        ]
        if self._json:
            skipped = [asdict(one) for one in plan.skipped]
            fields = {"requests": requests, "skipped": skipped, "input_tokens": plan.input_tokens, "most_usd": cost}
            write_report("kandil.test-plan/1", model=place.profile.id, **fields)
            return
        for part in plan.parts:
            print(
                f"{estimate_input_tokens(part.request):>9,} tokens  {printable(part.title)} → {printable(part.target)}"
            )
        price = "its price is not known" if cost is None else f"${cost:,.4f} at most, were nothing asked twice"
        print(f"{counted(len(requests), 'request')}, {plan.input_tokens:,} tokens, {price}")

    def results(self, generation: Generation, changes: Sequence[Change]) -> None:
        """What is kept, and what has failed."""
        for part, why in generation.failed:
            said, *more = why.split("\n")
            self.say(f"warning: {part.title}: {said}")
            self._more(more)
        for one in generation.results:
            for kept in one.kept:
                self.say(f"kept: {one.part.title}: {kept.name} notices {kept.notices} in line {kept.line}")
        for module in generation.coverage():
            self._coverage(module)
        if changes and not self._json:
            print(redacted(diff_text.shown(changes, self._paint)), flush=True)

    def dropped(self, part: Part, dropped: Dropped) -> None:
        self.say(f"dropped: {part.title}: {dropped.name} {dropped.reason}")
        self._more(dropped.detail.split("\n") if dropped.detail else ())

    def _more(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.say(f"    {line}")

    def _coverage(self, module: Coverage) -> None:
        if module.lines:
            before = "not known" if module.before is None else f"{module.before / module.lines:.0%}"
            lines, after = counted(module.lines, "line"), f"{module.after / module.lines:.0%}"
            self.say(f"{module.path}: {before} of {lines} covered before, {after} with these")

    def end(self, generation: Generation, applied: Entry | None) -> int:
        """The exit code."""
        self._entry = applied
        kept = sum(len(one.kept) for one in generation.results)
        dropped = sum(len(one.dropped) for one in generation.results)
        if self._json:
            write_report("kandil.test/1", **self.fields(generation))
        else:
            files = f", in {counted(len(applied.changes), 'new file')}; `kandil undo` takes it back" if applied else ""
            self.say(f"{kept} kept, {dropped} dropped{files}")
        return IN_PART if generation.failed or not kept else 0

    def fields(self, generation: Generation) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "results": [
                {
                    "path": one.part.source.name,
                    "first_line": one.part.first,
                    "last_line": one.part.last,
                    "target": one.part.target,
                    "existing": list(one.part.existing),
                    "kept": [asdict(kept) for kept in one.kept],
                    "dropped": [asdict(dropped) for dropped in one.dropped],
                }
                for one in generation.results
            ],
            "coverage": [asdict(one) for one in generation.coverage()],
            "diff": diff_text.patch(generation.changes()),
            "written": self._entry is not None,
            "undo": self._entry.id if self._entry else None,
            "failed": [{"about": part.title, "reason": why} for part, why in generation.failed],
            "skipped": [asdict(one) for one in self._plan.skipped] if self._plan else [],
            "spent_usd": generation.transcript.spent_usd,
        }
