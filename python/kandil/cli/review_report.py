"""What `kandil review` prints: findings with their code, JSON, or annotations."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

from kandil.cli.escape import printable
from kandil.cli.json_lines import write_report
from kandil.cli.sizes import counted
from kandil.cli.terminal import MovingLine, Paint
from kandil.secret import redacted

if TYPE_CHECKING:
    from kandil.assist.review import Finding, Plan
    from kandil.cli.group import Settings
    from kandil.cli.review_outcome import Outcome
    from kandil.serving import Place

_STYLES = {"critical": "red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "notice", "info": "notice"}
_SHOWN_LINES = 12
_SHOWN_SKIPPED = 20


class Report:
    """Findings go to `out`."""

    def __init__(self, settings: Settings, out: IO[str], *, github: bool, quiet: bool) -> None:
        self._json, self._github, self._quiet = settings.json, github, quiet or settings.json
        self._out, self._paint = out, Paint(out, no_color=settings.no_color)

    def say(self, text: str) -> None:
        """To standard error; with --quiet and --json warnings alone."""
        if not self._quiet or text.startswith("warning:"):
            MovingLine.wipe()
            print(redacted(printable(text)), file=sys.stderr, flush=True)

    def plan(self, plan: Plan, *, whole: bool) -> None:
        """What is left out is said before anything is sent; with `whole`, all of it."""
        skipped = plan.sources.skipped
        some = skipped if whole else skipped[:_SHOWN_SKIPPED]
        for one in some:
            self.say(f"not sent: {_place(plan, one.name)}: {one.reason}")
        if len(some) < len(skipped):
            self.say(f"not sent: {len(skipped) - len(some):,} more, which --dry-run lists")
        if not plan.chunks:
            self.say("there is nothing to review")

    def dry_run(self, plan: Plan, place: Place) -> None:
        tokens: Counter[str] = Counter()
        for chunk in plan.chunks:
            tokens[chunk.source.name] += chunk.input_tokens
        cost = plan.most_usd(place.profile.price) if place.located is None else 0.0
        if self._json:
            write_report(
                "kandil.review-plan/1",
                model=place.profile.id,
                root=str(plan.sources.root.absolute()),
                files=[{"path": name, "input_tokens": count} for name, count in tokens.items()],
                skipped=[asdict(one) for one in plan.sources.skipped],
                requests=len(plan.chunks),
                input_tokens=plan.input_tokens,
                most_usd=cost,
            )
            return
        for name, count in tokens.items():
            print(f"{count:>9,} tokens  {printable(_place(plan, name))}")
        price = "its price is not known" if cost is None else f"${cost:,.4f} at most where no answer is asked for twice"
        of = f"{counted(len(tokens), 'file')}, {counted(len(plan.chunks), 'request')}"
        print(f"{of}, {plan.input_tokens:,} tokens, {price}")

    def show(self, outcome: Outcome) -> None:
        """What the model said is shown escaped."""
        plan, review = outcome.plan, outcome.review
        if self._json:
            write_report("kandil.review/1", **outcome.fields())
            return
        for one, _ in outcome.shown:
            text = _annotation(one) if self._github else self._framed(one, _place(plan, one.path))
            print(redacted(text), file=self._out)
        self._out.flush()
        for chunk, reason in review.failed:
            place = _place(plan, chunk.source.name)
            self.say(f"warning: not reviewed: {place}:{chunk.first}-{chunk.last}: {reason}")
        if outcome.interrupted:
            self.say(f"warning: stopped: {review.reviewed} of {len(plan.chunks)} parts were reviewed")
        hidden = len(outcome.new) - len(outcome.shown)
        counts = [counted(len(outcome.new), "finding")]
        counts += [f"{hidden:,} of them not shown"] if hidden else []
        counts += [f"{len(outcome.found) - len(outcome.new):,} known"] if outcome.known is not None else []
        counts += [f"{review.unanchored:,} dropped as they stand nowhere in the text"] if review.unanchored else []
        if plan.chunks:
            self.say(", ".join(counts))

    def _framed(self, one: Finding, place: str) -> str:
        where = self._paint("bold", f"{printable(place)}:{one.start_line}")
        lines = [f"{self._paint(_STYLES[one.severity], one.severity)} {one.category} {where}"]
        code = one.quote.split("\n")
        width = len(str(one.end_line))
        for number, line in enumerate(code[:_SHOWN_LINES], one.start_line):
            lines.append(f"  {number:>{width}} | {printable(line.expandtabs(4))}".rstrip())
        if len(code) > _SHOWN_LINES:
            lines.append(f"  {'':>{width}} | … {len(code) - _SHOWN_LINES} more lines")
        lines.append(f"  {printable(one.message)}")
        if one.suggestion.strip():
            lines.append(f"  suggestion: {printable(one.suggestion)}")
        return "\n".join(lines) + "\n"


def _place(plan: Plan, name: str) -> str:
    """The path that leads there from the working directory; the whole one where that is in another place altogether."""
    root, here = Path(os.path.realpath(plan.sources.root)), Path.cwd()
    path = root / name
    return os.path.relpath(path) if here.is_relative_to(root) or path.is_relative_to(here) else str(path)


def _annotation(one: Finding) -> str:
    """A workflow command of GitHub's; nothing that the model says can be another."""
    place = f"file={_escaped(one.path, ':,')},line={one.start_line},endLine={one.end_line}"
    text = one.message + (f" Suggestion: {one.suggestion}" if one.suggestion.strip() else "")
    return f"::{_LEVELS[one.severity]} {place},title={one.severity} {one.category}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    text = text.replace("%", "%25")
    text = printable(text, lines=True).replace("\n", "%0A").replace("\t", " ")
    for character in more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
