"""A plan carried out: model after model, level after level, each warmed up first."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import trio

from kandil import providers, registry, serving
from kandil.benchmark.figures import Figures, figures
from kandil.benchmark.load import LENGTH_REQUESTS, Level
from kandil.benchmark.memory import Memory, memory, predicted
from kandil.benchmark.round import opened
from kandil.completions import cost_usd
from kandil.errors import KandilError
from kandil.limits import Limiter
from kandil.registry import records

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from kandil.benchmark.load import Load
    from kandil.benchmark.plan import ModelPlan, Plan
    from kandil.benchmark.reading import Sample
    from kandil.benchmark.round import Rounds
    from kandil.completions import Target
    from kandil.credentials import Keys

_WORDS_A_TOKEN: Final = 0.9
"""Of the prompts' words, where no server counts them."""
_FIRST_WORDS_A_TOKEN: Final = 0.4
"""Of the first prompt, so that it fits whatever the tokenizer makes of it."""
_NEAR: Final = 0.01
"""A prompt is as long as was asked for, but for so much."""
_ROOM_TOKENS: Final = 128
"""In a local server's context, for what a template adds and for prompts that come out longer."""
_LOCAL_SLOTS: Final = 8
"""Of an open loop."""
_MOST_SLOTS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One model, measured: as far as it went, if there is an error."""

    name: str
    provider: str
    levels: tuple[tuple[Level, Figures], ...]
    memory: Memory | None = None
    """Of a server that kandil started."""
    error: KandilError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a benchmark is."""

    model: str
    level: Level
    warming_up: bool
    ended: int
    requests: int


async def run(
    plan: Plan,
    *,
    keys: Keys,
    progress: Callable[[Progress], None] = lambda _: None,
    notice: Callable[[str], None],
) -> tuple[Measured, ...]:
    """Each model's figures, in the plan's order. One that cannot be measured does not keep the others back."""
    return tuple([await _measured(one, plan.load, keys, progress, notice) for one in plan.models])


async def _measured(
    one: ModelPlan,
    load: Load,
    keys: Keys,
    progress: Callable[[Progress], None],
    notice: Callable[[str], None],
) -> Measured:
    levels: dict[Level, Figures] = {}
    found, error = None, None
    try:
        async with _asked(one, load, keys, notice) as model:
            await model.warm_up(progress)
            for level in load.levels:
                levels[level] = await model.level(level, progress)
            found = await model.memory()
    except KandilError as failure:
        error = failure
    return Measured(
        name=one.name, provider=one.place.profile.provider, levels=tuple(levels.items()), memory=found, error=error
    )


@asynccontextmanager
async def _asked(one: ModelPlan, load: Load, keys: Keys, notice: Callable[[str], None]) -> AsyncGenerator[_Model]:
    """The model, ready to be asked; what is started for it ends with the context. Raises: KandilError."""
    place = one.place
    local = place.endpoint is None
    at_once = max(level.concurrency for level in load.levels)
    slots = min(_LOCAL_SLOTS if load.rates_per_second else at_once, _MOST_SLOTS) if local else 1
    request = providers.Request(messages=(), context_tokens=_context(load))
    async with serving.target(place, request, notice, slots=slots) as (target, fitted):
        bucket = None
        if place.elsewhere and not load.ignore_limits:
            bucket = Limiter().bucket(f"{target.endpoint.provider}/{target.endpoint.model}", target.limits)
        async with opened(target, keys, bucket) as rounds:
            context = fitted.context_tokens if target.endpoint.protocol == "ollama" else None
            yield _Model(one, load, target, rounds, context_tokens=context, slots=slots)


def _context(load: Load) -> int:
    """Tokens: a power of two."""
    return max(1 << (load.prompt_tokens + load.output_tokens + _ROOM_TOKENS - 1).bit_length(), 512)


class _Model:
    """A model that is asked."""

    def __init__(
        self, one: ModelPlan, load: Load, target: Target, rounds: Rounds, *, context_tokens: int | None, slots: int
    ) -> None:
        self._one, self._load, self._target, self._rounds = one, load, target, rounds
        self._context, self._slots = context_tokens, slots
        self._words = round(load.prompt_tokens * _FIRST_WORDS_A_TOKEN)
        self._number = 0

    async def warm_up(self, progress: Callable[[Progress], None]) -> None:
        """The model is loaded, and it is known how many words have as many tokens as were asked for.

        Raises: KandilError: it does not answer.
        """
        wanted = self._load.prompt_tokens
        for _ in range(LENGTH_REQUESTS):
            counted = (await self._warmed(Level(requests=1, concurrency=1), progress)).input_tokens
            if not counted:
                self._words = round(wanted * _WORDS_A_TOKEN)
                return
            if abs(counted - wanted) <= _NEAR * wanted:
                return
            self._words = max(round(self._words * wanted / counted), 1)

    async def level(self, level: Level, progress: Callable[[Progress], None]) -> Figures:
        """Raises: KandilError: nothing answered when it was warmed up."""
        at_once = self._load.warm_up_requests(level)
        await self._warmed(Level(requests=at_once, concurrency=at_once), progress)
        samples, limited_ns = await self._sent(level, self._load.output_tokens, progress, warming_up=False)
        return figures(
            samples,
            open_loop=level.rate_per_second is not None,
            limited_ns=limited_ns,
            cost=self._cost if self._one.place.elsewhere else lambda _: None,
        )

    async def memory(self) -> Memory | None:
        located, pid = self._one.place.located, self._target.pid
        if located is None or pid is None:
            return None
        report = await predicted(located, _context(self._load), self._slots)
        return await trio.to_thread.run_sync(memory, pid, report)

    def _cost(self, one: Sample) -> float | None:
        return cost_usd(self._target.price, one.usage)

    async def _warmed(self, level: Level, progress: Callable[[Progress], None]) -> Sample:
        """One that was answered. Raises: KandilError: none was."""
        samples, _ = await self._sent(level, self._load.warm_up_tokens, progress, warming_up=True)
        good = [one for one in samples if one.error is None]
        if not good:
            raise next(one.error for one in samples if one.error is not None)
        return good[0]

    async def _sent(
        self, level: Level, output_tokens: int, progress: Callable[[Progress], None], *, warming_up: bool
    ) -> tuple[tuple[Sample, ...], int]:
        load = self._load
        bodies = [
            self._rounds.body(load.seed, self._number + at, self._words, output_tokens, self._context)
            for at in range(level.requests)
        ]
        self._number += level.requests
        told = partial(Progress, model=self._one.name, level=level, warming_up=warming_up, requests=level.requests)
        came = await self._rounds.sent(
            bodies,
            level,
            seed=load.seed,
            tokens=(load.prompt_tokens, output_tokens),
            progress=lambda ended: progress(told(ended=ended)),
        )
        return came.samples, came.limited_ns


def remember(measured: Measured, load: Load) -> bool:
    """The user's record of the model, where there is one, has its figures with the fewest at once: what one person
    notices. Gives whether there is one. Raises: RecordBroken, FileUnwritable.
    """
    if not measured.levels or registry.find(measured.name) is None:
        return False
    level, least = min(measured.levels, key=lambda one: (one[0].rate_per_second or 0, one[0].concurrency))
    first = least.first_token_ms
    if first is None:
        return False
    found: Mapping[str, Any] = {
        "measured_at": records.now(),
        "prompt_tokens": load.prompt_tokens,
        "output_tokens": load.output_tokens,
        "concurrency": level.concurrency,
        "first_token_ms": first.p50.value,
        "tokens_per_second": least.tokens_per_second.p50.value if least.tokens_per_second else None,
        "most_tokens_per_second": max(one.output_tokens_per_second for _, one in measured.levels),
    }

    def changed(record: records.Record) -> records.Record:
        count, mean = record.latency_count, record.average_latency_ms or 0.0
        together = count + first.count
        latency = mean + (first.mean - mean) * first.count / together
        return replace(record, average_latency_ms=latency, latency_count=together, benchmark=found)

    registry.update(measured.name, changed)
    return True
