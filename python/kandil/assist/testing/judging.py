"""Which of the generated tests deserve to be kept: those that pass, always, and notice when the code is wrong."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from kandil.assist.testing.mutants import mutants
from kandil.assist.testing.running import Conditions, Run

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from kandil.assist.testing.generated import Generated
    from kandil.assist.testing.plan import Part
    from kandil.assist.testing.running import Copy

_MOST_MUTANTS: Final = 24
_LEAST_SECONDS: Final = 5.0
_TIMES_AS_LONG: Final = 10
_FIRST: Final = Conditions(seed=0)
_OTHERS: Final = (Conditions(seed=1, zone="Pacific/Kiritimati"), Conditions(seed=4242, zone="America/Los_Angeles"))
"""Farthest ahead and far behind: it is another day."""
_WHY: Final = {
    "failed": "fails",
    "skipped": "is skipped",
    "not-run": "cannot be collected",
    "not-imported": "cannot be run",
    "timed-out": "takes too long",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A test that is kept, and a change of the code that it notices."""

    name: str
    line: int
    notices: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A test that is not kept. `detail`: the end of what pytest says of it."""

    name: str
    reason: str
    detail: str = ""


class Pool:
    """The copies of a project, each lent to one run after the other."""

    def __init__(self, copies: Sequence[Copy]) -> None:
        self._give, self._take = trio.open_memory_channel["Copy"](len(copies))
        for copy in copies:
            self._give.send_nowait(copy)

    @asynccontextmanager
    async def copy(self) -> AsyncGenerator[Copy]:
        copy = await self._take.receive()
        try:
            yield copy
        finally:
            self._give.send_nowait(copy)


async def judged(part: Part, tests: Generated, name: str, pool: Pool) -> Kept | Dropped:
    """One test, by itself. Raises: SandboxUnavailable."""
    async with pool.copy() as copy:
        with copy.file(part.target, tests.only({name})):
            return await _Trial(part, name, copy).verdict()


@dataclass(frozen=True, slots=True)
class _Trial:
    """A test that lies in a copy."""

    part: Part
    name: str
    copy: Copy

    async def verdict(self) -> Kept | Dropped:
        first = await self._run(_FIRST)
        again = _OTHERS if first.outcome == "passed" else () if first.outcome == "timed-out" else _OTHERS[:1]
        others = [await self._run(conditions) for conditions in again]
        if {run.outcome for run in (first, *others)} != {"passed"}:
            return self._not_passed(first, others)
        if not first.ran:
            return self._dropped("does not run the code")
        return await self._against_mutants(first)

    async def _against_mutants(self, first: Run) -> Kept | Dropped:
        path = self.part.module.path
        text = (self.copy.folder / path).read_text(encoding="utf-8-sig")
        tried = mutants(text, first.ran, _MOST_MUTANTS)
        seconds = max(_LEAST_SECONDS, _TIMES_AS_LONG * first.seconds)
        for mutant in tried:
            with self.copy.file(path, mutant.text):
                run = await self._run(_FIRST, seconds)
            if not run.began or run.outcome not in ("failed", "timed-out"):
                continue  # a module that cannot be imported any more is noticed by every test
            again = await self._run(_FIRST)
            if again.outcome != "passed":
                return self._not_passed(first, [again])
            return Kept(name=self.name, line=mutant.line, notices=mutant.what)
        return self._dropped("notices no change of the code", f"{len(tried)} were tried")

    async def _run(self, conditions: Conditions, seconds: float | None = None) -> Run:
        return await self.copy.run([self.part.target], self.part.module, conditions, seconds=seconds)

    def _not_passed(self, first: Run, others: Sequence[Run]) -> Dropped:
        failed = next(run for run in (first, *others) if run.outcome != "passed")
        if any(run.outcome == "passed" for run in (first, *others)):
            return self._dropped("is flaky: it does not always pass", failed.detail)
        if failed.network:
            return self._dropped("needs the network", failed.detail)
        return self._dropped(_WHY[failed.outcome], failed.detail)

    def _dropped(self, reason: str, detail: str = "") -> Dropped:
        return Dropped(name=self.name, reason=reason, detail=detail)


async def together(
    part: Part, tests: Generated, kept: Sequence[Kept], copy: Copy
) -> tuple[list[Kept], list[Dropped], Run | None]:
    """Which of the kept ones pass beside each other too, in both orders; and how all of these ran."""
    left, dropped = list(kept), list[Dropped]()
    while left:
        with copy.file(part.target, tests.only({one.name for one in left})):
            runs = [await copy.run([part.target], part.module, Conditions(reverse=way)) for way in (False, True)]
        failed = next((run for run in runs if run.outcome != "passed"), None)
        if failed is None:
            return left, dropped, runs[0]
        names = {_name(node) for node in failed.failed} & {one.name for one in left} or {one.name for one in left}
        reason = "fails beside the others"
        dropped += [Dropped(name=name, reason=reason, detail=failed.detail) for name in sorted(names)]
        left = [one for one in left if one.name not in names]
    return [], dropped, None


def _name(node: str) -> str:
    """Of what pytest calls a test, `tests/test_a.py::TestB::test_c[1]`, what its file does."""
    return node.partition("::")[2].partition("[")[0]
