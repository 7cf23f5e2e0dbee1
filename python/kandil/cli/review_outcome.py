"""What came of a review, against what was known before: what is new, what is shown, how the command ends."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from kandil.assist.review import SEVERITIES, fingerprints
from kandil.cli.target import replace_file
from kandil.errors import BaselineUnusable

if TYPE_CHECKING:
    from pathlib import Path

    from kandil.assist.review import Finding, Plan, Review

IN_PART, FOUND = 10, 11
_BASELINE: Final = "kandil.review-baseline/1"
Marked = tuple["Finding", str]
"""A finding and its fingerprint."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """`known`: the fingerprints in a baseline; None: there is none. `most`: how many are shown."""

    plan: Plan
    review: Review
    known: frozenset[str] | None
    most: int | None

    @property
    def interrupted(self) -> bool:
        """Some parts were not come to."""
        return self.review.reviewed + len(self.review.failed) < len(self.plan.chunks)

    @cached_property
    def found(self) -> list[Marked]:
        return list(zip(self.review.findings, fingerprints(self.review.findings), strict=True))

    @cached_property
    def new(self) -> list[Marked]:
        """Those that are not known, the most severe first."""
        new = [(one, mark) for one, mark in self.found if mark not in (self.known or ())]
        return sorted(new, key=lambda pair: (-SEVERITIES.index(pair[0].severity), pair[0].path, pair[0].start_line))

    @property
    def shown(self) -> list[Marked]:
        return self.new[: self.most]

    def exit_code(self, fail_on: str | None) -> int:
        if fail_on is not None:
            least = SEVERITIES.index(fail_on)
            if any(SEVERITIES.index(one.severity) >= least for one, _ in self.new):
                return FOUND
        return IN_PART if self.review.failed else 0

    def fields(self) -> dict[str, Any]:
        """As JSON has it; paths start from `root`."""
        return {
            "root": str(self.plan.sources.root.absolute()),
            "findings": [asdict(one) | {"fingerprint": mark} for one, mark in self.shown],
            "found": len(self.new),
            "known": len(self.found) - len(self.new),
            "unanchored": self.review.unanchored,
            "requests": len(self.plan.chunks),
            "reviewed": self.review.reviewed,
            "failed": [
                {"path": chunk.source.name, "first_line": chunk.first, "last_line": chunk.last, "reason": reason}
                for chunk, reason in self.review.failed
            ],
            "skipped": [asdict(one) for one in self.plan.sources.skipped],
            "spent_usd": self.review.transcript.spent_usd,
            "interrupted": self.interrupted,
        }

    def write_known(self, target: str) -> None:
        """A baseline of what was found, and of what was known before. Raises: FileUnwritable."""
        marks = {mark for _, mark in self.found} | (self.known or frozenset())
        replace_file(
            target, (json.dumps({"schema": _BASELINE, "fingerprints": sorted(marks)}, indent=1) + "\n").encode()
        )


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
