"""Tests of several modules, in flight at once; a part that fails does not stop the others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import trio

from kandil.assist.asking import Transcript
from kandil.assist.changes import Change
from kandil.assist.testing.generated import Generated, NoTests, generated
from kandil.assist.testing.judging import Dropped, Kept, Pool, judged, together
from kandil.errors import KandilError, SandboxUnavailable
from kandil.providers import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kandil.assist.asking import Asking
    from kandil.assist.testing.plan import Part, Plan
    from kandil.assist.testing.running import Copy, Run

_ATTEMPTS: Final = 2
_NOTHING: Final = "def test_nothing():\n    pass\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many of a module's lines that can run are run by its tests. None: they do not run here."""

    lines: int
    before: int | None
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a part. `text` is the file of what is kept; None: there is nothing."""

    part: Part
    kept: tuple[Kept, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    text: str | None = None
    coverage: Coverage | None = None


@dataclass(slots=True)
class Generation:
    """What came of it so far."""

    results: list[Result] = field(default_factory=list)
    failed: list[tuple[Part, str]] = field(default_factory=list)
    transcript: Transcript = field(default_factory=Transcript)
    error: KandilError | None = None
    """The first that a call ended with."""

    def changes(self) -> list[Change]:
        """The new files."""
        return [
            Change(path=one.part.target, before=None, after=one.text.encode())
            for one in sorted(self.results, key=lambda one: one.part.target)
            if one.text is not None
        ]


async def run(
    plan: Plan, asking: Asking, copies: Sequence[Copy], generation: Generation, dropped: Callable[[Part, Dropped], None]
) -> None:
    """Each part is in `generation`, among the results or the failed. `dropped` is told what is.

    Raises: KandilError where no part could be asked about at all; SandboxUnavailable.
    """
    work = _Work(asking, Pool(copies), generation, dropped)
    async with trio.open_nursery() as nursery:
        for part in plan.parts:
            nursery.start_soon(work.part, part)
    generation.results.sort(key=lambda one: one.part.title)
    generation.failed.sort(key=lambda pair: pair[0].title)
    if generation.error is not None and not generation.results:
        raise generation.error


@dataclass(frozen=True, slots=True)
class _Work:
    asking: Asking
    pool: Pool
    generation: Generation
    dropped: Callable[[Part, Dropped], None]

    async def part(self, part: Part) -> None:
        try:
            before, executable = await self._before(part)
            tests = await self._answer(part)
            self.generation.results.append(await self._result(part, tests, before, executable))
        except _Failed as failed:
            self.generation.failed.append((part, str(failed)))
        except SandboxUnavailable:
            raise
        except KandilError as error:
            self.generation.error = self.generation.error or error
            self.generation.failed.append((part, error.message))

    async def _before(self, part: Part) -> tuple[frozenset[int] | None, frozenset[int]]:
        """The lines that the module's tests run, where they can, and those that can run.

        Raises: _Failed: it cannot be imported, so that nothing needs to be asked.
        """
        async with self.pool.copy() as copy:
            with copy.file(part.target, _NOTHING):
                nothing = await copy.run([part.target], part.module)
            if nothing.outcome != "passed":
                raise _Failed(f"nothing can be tested: {nothing.detail}")
            if not part.existing:
                return frozenset(), nothing.executable
            existing = await copy.run(part.existing, part.module)
        return (existing.lines if existing.began and existing.lines else None), nothing.executable

    async def _answer(self, part: Part) -> Generated:
        """Raises: _Failed, KandilError."""
        request, why = part.request, ""
        for _ in range(_ATTEMPTS):
            answer = await self.asking.text(request, part.title)
            try:
                return generated(answer)
            except NoTests as error:
                why = str(error)
            asked = f"That cannot be used: {why}. Answer with one fenced Python block, a whole file of tests."
            said = (*part.request.messages, Message("assistant", answer or "-"), Message("user", asked))
            request = replace(request, messages=said)
        raise _Failed(f"the answer cannot be used: {why}")

    async def _result(
        self, part: Part, tests: Generated, before: frozenset[int] | None, executable: frozenset[int]
    ) -> Result:
        verdicts: dict[str, Kept | Dropped] = {}

        async def judge(name: str) -> None:
            verdict = verdicts[name] = await judged(part, tests, name, self.pool)
            if isinstance(verdict, Dropped):
                self.dropped(part, verdict)

        async with trio.open_nursery() as nursery:
            for name in tests.names:
                nursery.start_soon(judge, name)
        found = [verdicts[name] for name in tests.names]
        dropped = [one for one in found if isinstance(one, Dropped)]
        async with self.pool.copy() as copy:
            kept, more, last = await together(part, tests, [one for one in found if isinstance(one, Kept)], copy)
        more += [Dropped(name=name, reason="is there twice; the first is taken") for name in tests.twice]
        for one in more:
            self.dropped(part, one)
        return Result(
            part=part,
            kept=tuple(kept),
            dropped=(*dropped, *more),
            text=tests.only({one.name for one in kept}) if kept else None,
            coverage=_coverage(executable, before, last),
        )


class _Failed(Exception):
    """A part that comes to nothing; the text says why."""


def _coverage(executable: frozenset[int], before: frozenset[int] | None, last: Run | None) -> Coverage:
    after = (before or frozenset()) | (last.lines if last else frozenset())
    return Coverage(
        lines=len(executable),
        before=None if before is None else len(before & executable),
        after=len(after & executable),
    )
