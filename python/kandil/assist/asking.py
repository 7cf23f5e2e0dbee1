"""One model that is asked many things for one piece of work: within a budget, and each call written down."""

from __future__ import annotations

import math
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import trio

from kandil import serving
from kandil.completions import cost_usd, holds_for_all, open_client
from kandil.errors import BudgetSpent, BudgetUnknown, KandilError
from kandil.providers import Usage, estimate_input_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from kandil.completions import Client, Target
    from kandil.config import Config
    from kandil.config.effective import Limits
    from kandil.credentials import Keys
    from kandil.profiles import Price
    from kandil.providers import Request
    from kandil.serving import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, for the transcript. `about`: what of the work it was for."""

    about: str
    prompt_sha256: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    error: str | None


@dataclass(slots=True)
class Transcript:
    """What was asked so far."""

    calls: list[Call] = field(default_factory=list)

    @property
    def spent_usd(self) -> float:
        """As far as prices are known."""
        return sum(call.cost_usd or 0.0 for call in self.calls)


def most_usd(request: Request, price: Price | None) -> float | None:
    """What one call costs at most; None: the price is not known."""
    return cost_usd(price, Usage(input_tokens=estimate_input_tokens(request), output_tokens=request.max_tokens))


def all_most_usd(requests: Iterable[Request], price: Price | None) -> float | None:
    """What they cost at most together, were no answer asked for twice; None: the price is not known."""
    each = [most_usd(request, price) for request in requests]
    known = [cost for cost in each if cost is not None]
    return sum(known) if len(known) == len(each) else None


@asynccontextmanager
async def asking(
    requests: Sequence[Request],
    place: Place,
    settings: Config,
    transcript: Transcript,
    *,
    keys: Keys | None,
    concurrency: int,
    budget_usd: float | None,
    notice: Callable[[str], None],
) -> AsyncGenerator[Asking]:
    """A model that is ready for `requests`, which say how much room it needs, and for others no longer.

    What the transcript has already is paid from the budget.

    Raises: KandilError: of the model's server; BudgetUnknown.
    """
    largest = max(requests, key=estimate_input_tokens)
    async with AsyncExitStack() as stack:
        limits = _limits(settings, concurrency)
        client = await stack.enter_async_context(open_client(limits, keys=keys, notice=_once(notice)))
        target, loaded = await stack.enter_async_context(serving.target(place, largest, notice))
        if budget_usd is not None and target.pid is None and most_usd(largest, target.price) is None:
            raise BudgetUnknown(target.model)
        at_once = 1 if target.pid is not None else min(concurrency, limits.max_concurrent_requests)
        budget = math.inf if budget_usd is None else budget_usd - transcript.spent_usd
        yield Asking(
            client,
            target,
            context_tokens=loaded.context_tokens,
            transcript=transcript,
            at_once=trio.CapacityLimiter(at_once),
            budget_usd=budget,
        )


def _limits(settings: Config, concurrency: int) -> Limits:
    """What somebody has set is obeyed; what nobody has set is no reason to do less at once than was asked for."""
    usual = settings.origin("limits.max_concurrent_requests").kind == "default"
    most = max(concurrency, settings.limits.max_concurrent_requests) if usual else 0
    return replace(settings.limits, max_concurrent_requests=most or settings.limits.max_concurrent_requests)


def _once(notice: Callable[[str], None]) -> Callable[[str], None]:
    """Many calls meet the same: it is said once."""
    said: set[str] = set()

    def new(text: str) -> None:
        if text not in said:
            said.add(text)
            notice(text)

    return new


class Asking:
    """See `asking`."""

    def __init__(
        self,
        client: Client,
        target: Target,
        *,
        context_tokens: int | None,
        transcript: Transcript,
        at_once: trio.CapacityLimiter,
        budget_usd: float,
    ) -> None:
        self._client, self._target, self._context_tokens = client, target, context_tokens
        self._transcript, self._at_once, self._left_usd = transcript, at_once, budget_usd
        self._refused: KandilError | None = None

    async def text(self, request: Request, about: str) -> str:
        """The answer. Waits while as many calls are under way as may be.

        What would come of every call, as of a key that is not taken, is asked for no more once it has come.

        Raises: BudgetSpent: it might cost more than is left; KandilError.
        """
        async with self._at_once:
            if self._refused is not None:
                raise self._refused
            most = most_usd(request, self._target.price) or 0.0
            if most > self._left_usd:
                raise BudgetSpent
            self._left_usd -= most
            return await self._answer(replace(request, context_tokens=self._context_tokens), about, most)

    async def _answer(self, request: Request, about: str, most: float) -> str:
        asked = "\n".join((request.system or "", *(message.text for message in request.messages)))
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
            self._refused = failed if holds_for_all(failed) else self._refused
            raise
        finally:
            if cost is not None:
                self._left_usd += most - cost
            self._transcript.calls.append(
                Call(
                    about=about,
                    prompt_sha256=sha256(asked.encode(errors="replace")).hexdigest(),
                    input_tokens=usage.input_tokens if usage else None,
                    output_tokens=usage.output_tokens if usage else None,
                    cost_usd=cost,
                    error=error,
                )
            )
