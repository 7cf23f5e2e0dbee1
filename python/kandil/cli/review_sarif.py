"""What `kandil review --sarif` writes: a rule for each category, a result for each finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kandil.assist.review import CATEGORIES
from kandil.cli.escape import printable
from kandil.cli.sarif import SarifLog, descriptor

if TYPE_CHECKING:
    from kandil.cli.review_outcome import Outcome

_LEVELS: Final = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
_WORDS: Final = {
    "bug": "The code does something else than it is meant to",
    "security": "Somebody else can make the code do what its user does not want",
    "concurrency": "What happens at the same time gets into its own way",
    "performance": "The code takes more time or memory than its task needs",
    "error-handling": "What goes wrong is not noticed, not told or not cleaned up",
    "tests": "A test does not test what it says, or what matters is not tested",
    "clarity": "The code is harder to read or to change than it need be",
}
_HELP: Final = "A model says so of these lines, which are quoted as they stand. It may be wrong: read them."
assert set(_WORDS) == set(CATEGORIES)


def write(target: str, outcome: Outcome, exit_code: int) -> None:
    """Writes what is shown, and what was known before, which says so. Raises: FileUnwritable."""
    rules = [descriptor(name, _WORDS[name], f"{_WORDS[name]}.\n{_HELP}") for name in CATEGORIES]
    root, known = outcome.plan.sources.root, outcome.known
    log = SarifLog(target, rules, root)
    old = [(one, mark) for one, mark in outcome.found if mark in (known or ())]
    for one, mark in outcome.shown + old:
        said = one.message + (f" Suggestion: {one.suggestion}" if one.suggestion.strip() else "")
        state = {} if known is None else {"baselineState": "unchanged" if mark in known else "new"}
        log.add(
            root / one.path,
            one.category,
            _LEVELS[one.severity],
            _plain(said),
            fingerprint=mark,
            region=_lines(one.start_line, one.end_line) | {"snippet": {"text": one.quote}},
            properties={"severity": one.severity},
            **state,
        )
    missing = [
        {
            "level": "warning",
            "message": {"text": f"not reviewed: {_plain(reason)}"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": log.location(root / chunk.source.name),
                        "region": _lines(chunk.first, chunk.last),
                    }
                }
            ],
        }
        for chunk, reason in outcome.review.failed
    ]
    # else it would take the place of what `kandil verify` found
    more = {"automationDetails": {"id": "kandil-review/"}}
    invocation = {"executionSuccessful": not missing, "exitCode": exit_code, "toolExecutionNotifications": missing}
    log.write(invocation, **more)


def _lines(first: int, last: int) -> dict[str, Any]:
    return {"startLine": first, "endLine": last}


def _plain(text: str) -> str:
    """As text in which nothing is a link: a model, or a file that it read, says where that would lead."""
    return printable(text, lines=True).replace("](", "] (")
