"""Tests of several modules, in flight at once; a part that fails does not stop the others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
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
    from kandil.assist.testing.running import Copy

_ATTEMPTS: Final = 2
_NOTHING: Final = "def test_nothing():\n    pass\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many of a module's lines that can run are run by its tests. `before`: None: those that it has do not run."""

    path: str
    lines: int
    before: int | None
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Of a module: those that can run, and those that its tests run, where these can."""

    executable: frozenset[int]
    before: frozenset[int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a part. `text` is the file of what is kept, which runs `lines`; None: there is nothing."""

    part: Part
    kept: tuple[Kept, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    text: str | None = None
    lines: frozenset[int] = frozenset()


@dataclass(slots=True)
class Generation:
    """What came of it so far."""

    results: list[Result] = field(default_factory=list)
    failed: list[tuple[Part, str]] = field(default_factory=list)
    transcript: Transcript = field(default_factory=Transcript)
    error: KandilError | None = None
    """The first that a call ended with."""
    lines: dict[str, _Lines] = field(default_factory=dict)
    """Of each module, by its path."""

    def changes(self) -> list[Change]:
        """The new files."""
        return [
            Change(path=one.part.target, before=None, after=one.text.encode())
            for one in sorted(self.results, key=lambda one: one.part.target)
            if one.text is not None
        ]

    def coverage(self) -> list[Coverage]:
        """Of each module that an answer came for."""
        after = {path: set(lines.before or ()) for path, lines in self.lines.items()}
        for one in self.results:
            after[one.part.module.path] |= one.lines
        return [
            Coverage(
                path=path,
                lines=len(lines.executable),
                before=None if lines.before is None else len(lines.before & lines.executable),
                after=len(after[path] & lines.executable),
            )
            for path, lines in sorted(self.lines.items())
            if any(one.part.module.path == path for one in self.results)
        ]


async def run(
    plan: Plan, asking: Asking, copies: Sequence[Copy], generation: Generation, dropped: Callable[[Part, Dropped], None]
) -> None:
    """Each part is in `generation`, among the results or the failed. `dropped` is told what is.

    Raises: KandilError where no part could be asked about at all; SandboxUnavailable.
    """
    work = _Work(asking, Pool(copies), generation, dropped)
    async with trio.open_nursery() as nursery:
        for _, parts in groupby(plan.parts, lambda part: part.module.path):
            nursery.start_soon(work.module, list(parts))
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

    async def module(self, parts: Sequence[Part]) -> None:
        taken = set(parts[0].taken)
        try:
            self.generation.lines[parts[0].module.path] = await self._lines(parts[0])
        except _Failed as failed:
            self.generation.failed += [(part, str(failed)) for part in parts]
            return
        async with trio.open_nursery() as nursery:
            for part in parts:
                nursery.start_soon(self._part, part, taken)

    async def _part(self, part: Part, taken: set[str]) -> None:
        try:
            tests = await self._answer(part)
            self.generation.results.append(await self._result(part, tests, taken))
        except _Failed as failed:
            self.generation.failed.append((part, str(failed)))
        except SandboxUnavailable:
            raise
        except KandilError as error:
            self.generation.error = self.generation.error or error
            self.generation.failed.append((part, error.message))

    async def _lines(self, part: Part) -> _Lines:
        """Raises: _Failed: the module cannot be imported, so that nothing needs to be asked."""
        async with self.pool.copy() as copy:
            with copy.file(part.target, _NOTHING):
                nothing = await copy.run([part.target], part.module)
            if nothing.outcome != "passed":
                raise _Failed(f"nothing can be tested: {nothing.detail}")
            if not part.existing:
                return _Lines(executable=nothing.executable, before=frozenset())
            existing = await copy.run(part.existing, part.module)
        before = existing.lines if existing.began and existing.lines else None
        return _Lines(executable=nothing.executable, before=before)

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

    async def _result(self, part: Part, tests: Generated, taken: set[str]) -> Result:
        verdicts: dict[str, Kept | Dropped] = {}

        async def judge(name: str) -> None:
            if name in taken:
                verdict: Kept | Dropped = Dropped(name=name, reason="has the name of another")
            else:
                taken.add(name)
                verdict = await judged(part, tests, name, self.pool)
            verdicts[name] = verdict
            if isinstance(verdict, Dropped):
                self.dropped(part, verdict)

        async with trio.open_nursery() as nursery:
            for name in tests.names:
                nursery.start_soon(judge, name)
        found = [verdicts[name] for name in tests.names]
        dropped = [one for one in found if isinstance(one, Dropped)]
        async with self.pool.copy() as copy:
            kept, more, last = await together(part, tests, [one for one in found if isinstance(one, Kept)], copy)
        more += [Dropped(name=name, reason="has the name of another") for name in tests.twice]
        for one in more:
            self.dropped(part, one)
        return Result(
            part=part,
            kept=tuple(kept),
            dropped=(*dropped, *more),
            text=tests.only({one.name for one in kept}) if kept else None,
            lines=last.lines if last else frozenset(),
        )


class _Failed(Exception):
    """A part that comes to nothing; the text says why."""
