"""What `kandil review` prints and keeps: findings with their code, JSON, annotations, a baseline, a transcript."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kandil.assist.review import SEVERITIES, fingerprints
from kandil.cli.escape import printable
from kandil.cli.json_lines import write_report
from kandil.cli.target import replace_file
from kandil.cli.terminal import Paint
from kandil.errors import BaselineUnusable
from kandil.secret import redacted

if TYPE_CHECKING:
    from pathlib import Path

    from kandil.assist.review import Finding, Plan, Review
    from kandil.cli.group import Settings
    from kandil.serving import Place

IN_PART, FOUND = 10, 11
_BASELINE = "kandil.review-baseline/1"
_STYLES = {"critical": "red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "notice", "info": "notice"}
_SHOWN_LINES = 12


class Report:
    """`known`: the fingerprints that are left out."""

    def __init__(self, settings: Settings, *, github: bool, quiet: bool, most: int | None) -> None:
        self._json, self._github, self._quiet, self._most = settings.json, github, quiet or settings.json, most
        self._paint = Paint(sys.stdout, no_color=settings.no_color)
        self.known: frozenset[str] = frozenset()

    def say(self, text: str) -> None:
        """To standard error; with --quiet and --json warnings alone."""
        if not self._quiet or text.startswith("warning:"):
            print(redacted(printable(text)), file=sys.stderr, flush=True)

    def plan(self, plan: Plan) -> None:
        """What is left out is said before anything is sent."""
        for one in plan.sources.skipped:
            self.say(f"not sent: {one.name}: {one.reason}")

    def dry_run(self, plan: Plan, place: Place) -> None:
        tokens: dict[str, int] = {}
        for chunk in plan.chunks:
            tokens[chunk.source.name] = tokens.get(chunk.source.name, 0) + chunk.input_tokens
        cost = plan.most_usd(place.profile.price) if place.located is None else 0.0
        if self._json:
            write_report(
                "kandil.review-plan/1",
                model=place.profile.id,
                files=[{"path": name, "input_tokens": count} for name, count in tokens.items()],
                skipped=[asdict(one) for one in plan.sources.skipped],
                requests=len(plan.chunks),
                input_tokens=plan.input_tokens,
                most_usd=cost,
            )
            return
        for name, count in tokens.items():
            print(f"{count:>9,} tokens  {printable(name)}")
        price = "its price is not known" if cost is None else f"${cost:,.4f} at most"
        print(f"{len(tokens):,} files, {len(plan.chunks):,} requests, {plan.input_tokens:,} tokens, {price}")

    def show(self, plan: Plan, review: Review, *, interrupted: bool) -> dict[str, Any]:
        """What came of it, as JSON has it. What the model said is shown escaped."""
        new = self._new(review)
        new.sort(key=lambda pair: (-SEVERITIES.index(pair[0].severity), pair[0].path, pair[0].start_line))
        shown = new[: self._most]
        fields = {
            "findings": [_fields(one) | {"fingerprint": mark} for one, mark in shown],
            "found": len(new),
            "known": len(review.findings) - len(new),
            "unanchored": review.unanchored,
            "requests": len(plan.chunks),
            "reviewed": review.reviewed,
            "failed": [
                {"path": chunk.source.name, "first_line": chunk.first, "last_line": chunk.last, "reason": reason}
                for chunk, reason in review.failed
            ],
            "skipped": [asdict(one) for one in plan.sources.skipped],
            "spent_usd": review.transcript.spent_usd,
            "interrupted": interrupted,
        }
        if self._json:
            write_report("kandil.review/1", **fields)
            return fields
        for one, _ in shown:
            print(redacted(_annotation(one) if self._github else self._framed(one)))
        sys.stdout.flush()
        for chunk, reason in review.failed:
            self.say(f"warning: not reviewed: {chunk.source.name}:{chunk.first}-{chunk.last}: {reason}")
        if interrupted:
            self.say(f"warning: stopped: {review.reviewed} of {len(plan.chunks)} parts were reviewed")
        hidden = f", {len(new) - len(shown)} of them not shown" if len(shown) < len(new) else ""
        known = f", {len(review.findings) - len(new)} known" if self.known else ""
        self.say(f"{len(new)} findings{hidden}{known}, {review.unanchored} dropped as they stand nowhere in the text")
        return fields

    def exit_code(self, review: Review, fail_on: str | None) -> int:
        if fail_on is not None:
            least = SEVERITIES.index(fail_on)
            if any(SEVERITIES.index(one.severity) >= least for one, _ in self._new(review)):
                return FOUND
        return IN_PART if review.failed else 0

    def _new(self, review: Review) -> list[tuple[Finding, str]]:
        marks = fingerprints(review.findings)
        return [(one, mark) for one, mark in zip(review.findings, marks, strict=True) if mark not in self.known]

    def _framed(self, one: Finding) -> str:
        place = f"{printable(one.path)}:{one.start_line}"
        lines = [f"{self._paint(_STYLES[one.severity], one.severity)} {one.category} {self._paint('bold', place)}"]
        code = one.quote.split("\n")
        width = len(str(one.end_line))
        for number, line in enumerate(code[:_SHOWN_LINES], one.start_line):
            lines.append(f"  {number:>{width}} | {printable(line.expandtabs(4))}")
        if len(code) > _SHOWN_LINES:
            lines.append(f"  {'':>{width}} | … {len(code) - _SHOWN_LINES} more lines")
        lines.append(f"  {printable(one.message)}")
        if one.suggestion.strip():
            lines.append(f"  suggestion: {printable(one.suggestion)}")
        return "\n".join(lines) + "\n"


def known(path: Path) -> frozenset[str]:
    """The fingerprints in a baseline. Raises: BaselineUnusable."""
    try:
        said = json.loads(path.read_bytes())
    except OSError as error:
        raise BaselineUnusable(str(path), error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise BaselineUnusable(str(path), str(error)) from error
    marks = said.get("fingerprints") if isinstance(said, dict) and said.get("schema") == _BASELINE else None
    if not isinstance(marks, list) or not all(isinstance(mark, str) for mark in marks):
        raise BaselineUnusable(str(path), f"it is not of {_BASELINE}")
    return frozenset(marks)


def write_known(target: str, review: Review) -> None:
    """Raises: FileUnwritable."""
    content = {"schema": _BASELINE, "fingerprints": sorted(fingerprints(review.findings))}
    replace_file(target, (json.dumps(content, indent=1) + "\n").encode())


def _fields(one: Finding) -> dict[str, Any]:
    return asdict(one)


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
