"""A review: several parts in flight, within the limits and the budget; one that fails does not stop the others."""

from __future__ import annotations

import json
import math
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import trio

from kandil import serving
from kandil.assist.prompt import compiled
from kandil.assist.review.finding import SCHEMA, Finding, anchored
from kandil.assist.review.plan import most_usd
from kandil.completions import open_client
from kandil.errors import BudgetUnknown, KandilError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kandil._core import JsonSchema
    from kandil.assist.review.plan import Chunk, Plan
    from kandil.completions import Client, Target
    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.providers import Request
    from kandil.serving import Place

_ATTEMPTS: Final = 2
"""An answer that is no JSON of the schema is asked for again, once."""
_FENCED: Final = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)
_NO_JSON: Final = "the answer is no JSON of the schema"
_NO_BUDGET: Final = "the budget is spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, for the transcript."""

    path: str
    first_line: int
    last_line: int
    prompt_sha256: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    error: str | None


@dataclass(slots=True)
class Review:
    """What came of it so far."""

    findings: list[Finding] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    failed: list[tuple[Chunk, str]] = field(default_factory=list)
    reviewed: int = 0
    """Parts whose answer was read."""
    unanchored: int = 0
    """Findings that were dropped: no such text near there, or no changed line."""
    spent_usd: float = 0.0
    error: KandilError | None = None
    """The first that a call ended with."""


@dataclass(slots=True)
class _Budget:
    most_usd: float
    promised_usd: float = 0.0

    def promise(self, usd: float) -> bool:
        if self.promised_usd + usd > self.most_usd:
            return False
        self.promised_usd += usd
        return True


async def run(
    plan: Plan,
    place: Place,
    settings: Config,
    review: Review,
    *,
    keys: Keys | None = None,
    concurrency: int = 4,
    budget_usd: float | None = None,
    notice: Callable[[str], None],
) -> None:
    """Fills `review`, which holds what has come whenever this is cancelled.

    Raises: KandilError where no part could be asked at all; BudgetUnknown.
    """
    if not plan.chunks:
        return
    largest = max(plan.chunks, key=lambda chunk: chunk.input_tokens)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(settings.limits, keys=keys, notice=notice))
        target, loaded = await stack.enter_async_context(serving.target(place, largest.request, notice))
        if budget_usd is not None and target.pid is None and plan.most_usd(target.price) is None:
            raise BudgetUnknown(target.model)
        asking = _Asking(client, target, loaded, review, _Budget(math.inf if budget_usd is None else budget_usd))
        at_once = trio.CapacityLimiter(1 if target.pid is not None else concurrency)
        async with trio.open_nursery() as nursery:
            for chunk in plan.chunks:
                nursery.start_soon(asking.chunk, chunk, at_once)
    review.findings.sort(key=lambda one: (one.path, one.start_line))
    if not review.reviewed and review.error is not None:
        raise review.error


class _Asking:
    def __init__(self, client: Client, target: Target, loaded: Request, review: Review, budget: _Budget) -> None:
        self._client, self._target, self._loaded = client, target, loaded
        self._review, self._budget = review, budget
        self._schema: JsonSchema = compiled(SCHEMA)

    async def chunk(self, chunk: Chunk, at_once: trio.CapacityLimiter) -> None:
        async with at_once:
            try:
                said, why = await self._said(chunk)
            except KandilError as error:
                self._review.error = self._review.error or error
                said, why = None, error.message
        if said is None:
            self._review.failed.append((chunk, why))
            return
        self._review.reviewed += 1
        for one in said["findings"]:
            finding = anchored(one, chunk.source, chunk.first, chunk.last)
            if finding is None:
                self._review.unanchored += 1
            elif finding not in self._review.findings:
                self._review.findings.append(finding)

    async def _said(self, chunk: Chunk) -> tuple[dict[str, Any] | None, str]:
        most = most_usd(chunk, self._target.price) or 0.0
        for _ in range(_ATTEMPTS):
            if not self._budget.promise(most):
                return None, _NO_BUDGET
            text = await self._answer(chunk, most)
            if match := _FENCED.fullmatch(text):
                text = match[1]
            try:
                said = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if self._schema.violation(text) is None:
                return said, ""
        return None, _NO_JSON

    async def _answer(self, chunk: Chunk, most: float) -> str:
        request = replace(chunk.request, context_tokens=self._loaded.context_tokens)
        asked = f"{request.system}\n{request.messages[0].text}".encode()
        error: str | None = "interrupted"
        usage, cost = None, None
        try:
            async with self._client.answer(self._target, request) as answer:
                async for _ in answer:
                    pass
                usage, cost, error = answer.usage, answer.cost_usd, None
                return answer.text
        except KandilError as failed:
            error = failed.message
            raise
        finally:
            if cost is not None:
                self._budget.promised_usd += cost - most
            self._review.spent_usd += cost or 0.0
            self._review.calls.append(
                Call(
                    path=chunk.source.name,
                    first_line=chunk.first,
                    last_line=chunk.last,
                    prompt_sha256=sha256(asked).hexdigest(),
                    input_tokens=usage.input_tokens if usage else None,
                    output_tokens=usage.output_tokens if usage else None,
                    cost_usd=cost,
                    error=error,
                )
            )
