"""A refactoring: several parts in flight, each asked again with what was wrong with its answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import trio

from kandil.assist.asking import Transcript
from kandil.assist.refactor.blocks import Refused
from kandil.assist.refactor.plan import NO_CHANGE
from kandil.errors import KandilError
from kandil.providers import Message

if TYPE_CHECKING:
    from kandil.assist.asking import Asking
    from kandil.assist.refactor.plan import Part, Plan
    from kandil.assist.refactor.texts import Texts

_ATTEMPTS: Final = 3


@dataclass(slots=True)
class Refactoring:
    """What came of it so far; the edits are in its texts."""

    texts: Texts
    transcript: Transcript = field(default_factory=Transcript)
    failed: list[tuple[Part, str]] = field(default_factory=list)
    error: KandilError | None = None
    """The first that a call ended with."""


async def run(plan: Plan, asking: Asking, refactoring: Refactoring) -> None:
    """Each part's edits are made in the texts, or it is in `failed`.

    Raises: KandilError where no part could be asked at all.
    """
    refactoring.failed.clear()
    async with trio.open_nursery() as nursery:
        for part in plan.parts:
            nursery.start_soon(_part, part, asking, refactoring)
    if refactoring.error is not None and len(refactoring.failed) == len(plan.parts):
        raise refactoring.error


async def _part(part: Part, asking: Asking, refactoring: Refactoring) -> None:
    request, why = part.request, ""
    try:
        for _ in range(_ATTEMPTS):
            answer = await asking.text(request, ", ".join(part.names))
            try:
                if not refactoring.texts.take(answer, part.names) and NO_CHANGE not in answer:
                    raise Refused(f"there is no block in it, and no {NO_CHANGE}")  # noqa: TRY301
            except Refused as refused:
                why = str(refused)
                asked = f"None of your blocks was applied: {why}. Answer with all blocks again."
                said = (*part.request.messages, Message("assistant", answer or "-"), Message("user", asked))
                request = replace(request, messages=said)
            else:
                return
    except KandilError as error:
        refactoring.error = refactoring.error or error
        why = error.message
    refactoring.failed.append((part, why))
