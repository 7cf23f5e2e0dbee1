"""From what was read to results: parts of one model are held until the last of them is known."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from typing import TYPE_CHECKING

from kandil.verify.facts import OF_DATA, Facts, of_outcome
from kandil.verify.judge import Reading, failed, judge, with_message
from kandil.verify.plan import Plan, Target
from kandil.verify.result import good_statuses
from kandil.verify.stores.huggingface import git_blob_id

if TYPE_CHECKING:
    from kandil import _core
    from kandil.verify.item import Item
    from kandil.verify.result import FileResult, Finding, Status
    from kandil.verify.shards import PartSet

UNREADABLE = "it could not be read"
Rows = list[tuple[bytes, Facts]]
"""By path, for the ledger."""


def reading_of(target: Target, outcome: _core.Outcome, stat: _core.Stat, started_ns: int) -> Reading | None:
    """What an outcome says; None where a BLAKE3 did not hold, so that the SHA-256 must be taken."""
    before = target.facts
    facts = of_outcome(outcome, stat, started_ns)
    if before is None:
        return Reading(facts, target.checked)
    if target.mode == "sha256":
        return Reading(facts, target.checked, before if before.same_state(stat) else None)
    if not before.same_state(stat):
        return None
    if target.mode == "blake3":
        if facts.blake3 != before.blake3:
            return None
        return Reading(replace(before, read_ns=started_ns), target.checked)
    of_data = tuple(finding for finding in before.findings if finding.id in OF_DATA)  # a scan has not looked there
    return Reading(replace(before, findings=facts.findings + of_data, rules=facts.rules), target.checked)


def add_git_id(target: Target, facts: Facts) -> bool:
    """Where a git blob id is expected and not known yet, it is taken; True when it was."""
    wanted = any(item.expected is not None and item.expected.algorithm == "git" for item in target.items)
    if not wanted or facts.git_id is not None or facts.sha256 is None:
        return False
    try:
        facts.git_id = git_blob_id(target.items[0].path, facts)
    except OSError:
        return False
    return facts.git_id is not None


def alarms(target: Target, reading: Reading) -> Rows:
    """What a silently corrupted file used to be is pinned with the new facts: later runs will also call it changed."""
    if not reading.silent or reading.previous is None:
        return []
    previous = reading.previous
    return [row for item in target.items if item.pin is None for row in _pins(item, previous)]


def _pins(item: Item, facts: Facts) -> Rows:
    """Under the real path too, so that any other name of the file has the pin."""
    return [(path, facts) for path in {item.key, item.real or item.key}]


class Verdicts:
    """Results in the making. `ready` are those to give out; `by_status` counts all that were ever ready."""

    def __init__(self, plan: Plan | None = None, *, pin: bool = False, strict: bool = False) -> None:
        self.ready: deque[FileResult] = deque()
        self.by_status: Counter[Status] = Counter()
        self._parts = plan.parts if plan is not None else {}
        self._pin = pin
        self._good = good_statuses(strict=strict)
        self._held: dict[PartSet, list[tuple[Item, Reading, Item | None]]] = {}

    def settle(self, item: Item, reading: Reading | None, first: Item | None) -> Rows:
        """The result of one name is ready, or those of all parts of its model once it is the last; what to pin.

        `reading` None: it could not be read, and the item has the error. `first`: the name that was read, if another.
        """
        parts = self._parts.get(id(item))
        if parts is None:
            return self._give(item, reading, first)
        number = parts.number(item)
        parts.waiting -= 1
        held = self._held.setdefault(parts, [])
        if reading is not None:
            parts.facts[number] = reading.facts
            held.append((item, reading, first))
        else:
            self._give(item, None, None)
        if parts.waiting:
            return []
        found = parts.findings()
        pins: Rows = []
        for one, read, other in self._held.pop(parts):
            pins += self._give(one, read, other, tuple(found[parts.number(one)]))
        return pins

    def _give(self, item: Item, reading: Reading | None, first: Item | None, more: tuple[Finding, ...] = ()) -> Rows:
        if reading is None:
            result = failed(item, item.error or UNREADABLE)
            pins: Rows = []
        else:
            result, pins = self._pinned_as(item, reading, judge(item, reading, more, first))
        self.by_status[result.status] += 1
        self.ready.append(result)
        return pins

    def _pinned_as(self, item: Item, reading: Reading, result: FileResult) -> tuple[FileResult, Rows]:
        """Rows what `--pin` asks for.

        A pin that does not hold is only replaced for a file that the caller named itself: `--pin FOLDER` run each day
        must not hide a change.
        """
        if not self._pin or reading.facts.sha256 is None:
            return result, []
        if result.status in self._good and item.pin is None:
            told = with_message(result, "pinned now: any change will be noticed")
            return replace(told, hint=None) if told.status == "unverified" else told, _pins(item, reading.facts)
        if result.status != "changed" or not item.explicit or reading.silent:
            return result, []
        said = f"pinned anew; before: {result.expected}"
        anew = replace(result, status="unverified", expected=None, expected_source=None, message=said, hint=None)
        return anew, _pins(item, reading.facts)
