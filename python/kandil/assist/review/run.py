"""A review: several parts in flight; one that fails does not stop the others."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import trio

from kandil.assist.asking import Transcript
from kandil.assist.prompt import compiled
from kandil.assist.review.finding import SCHEMA, Finding, anchored
from kandil.errors import KandilError

if TYPE_CHECKING:
    from kandil._core import JsonSchema
    from kandil.assist.asking import Asking
    from kandil.assist.review.plan import Chunk, Plan

_ATTEMPTS: Final = 2
"""An answer that is no JSON of the schema is asked for again, once."""
_NO_JSON: Final = "the answer is no JSON of the schema"
_CUT_OFF: Final = "the answer was cut off; what came before is kept"


@dataclass(slots=True)
class Review:
    """What came of it so far."""

    findings: list[Finding] = field(default_factory=list)
    transcript: Transcript = field(default_factory=Transcript)
    failed: list[tuple[Chunk, str]] = field(default_factory=list)
    reviewed: int = 0
    """Parts whose answer was read, and was whole."""
    unanchored: int = 0
    """Findings that were dropped: no such text near there, or no changed line."""
    error: KandilError | None = None
    """The first that a call ended with."""


async def run(plan: Plan, asking: Asking, review: Review) -> None:
    """Fills `review`, which holds what has come whenever this is cancelled.

    Raises: KandilError where no part could be asked at all.
    """
    schema = compiled(SCHEMA)
    async with trio.open_nursery() as nursery:
        for chunk in plan.chunks:
            nursery.start_soon(_part, chunk, schema, asking, review)
    review.findings.sort(key=lambda one: (one.path, one.start_line))
    if not review.reviewed and review.error is not None:
        raise review.error


async def _part(chunk: Chunk, schema: JsonSchema, asking: Asking, review: Review) -> None:
    try:
        findings, missing = await _said(chunk, schema, asking)
    except KandilError as error:
        review.error = review.error or error
        findings, missing = [], error.message
    if missing is None:
        review.reviewed += 1
    else:
        review.failed.append((chunk, missing))
    for one in findings:
        finding = anchored(one, chunk.source, chunk.first, chunk.last)
        if finding is None:
            review.unanchored += 1
        elif finding not in review.findings:
            review.findings.append(finding)


async def _said(chunk: Chunk, schema: JsonSchema, asking: Asking) -> tuple[list[dict[str, Any]], str | None]:
    """The findings, and why they may not be all. Raises: KandilError."""
    for _ in range(_ATTEMPTS):
        text = await asking.text(chunk.request, f"{chunk.source.name}:{chunk.first}-{chunk.last}")
        text = text[text.find("{") : text.rfind("}") + 1]  # without a fence, and words before and after
        for whole, missing in ((text, None), (text + "]}", _CUT_OFF)):
            if schema.violation(whole) is None:
                return json.loads(whole)["findings"], missing
    return [], _NO_JSON
