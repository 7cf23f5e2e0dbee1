"""`kandil.batch` and `kandil.complete_many`: rows of a program's own, and their results while they come."""

from __future__ import annotations

import json
import math
import random
from collections import deque
from collections.abc import AsyncIterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from kandil import _core, config
from kandil.batch import lanes as batch_lanes
from kandil.batch.conversation import Conversation, opened, stopped_by
from kandil.batch.feeding import Feeding, name_of
from kandil.batch.order import USUAL_REASKS, USUAL_RETRIES, Filling, Sending
from kandil.batch.plan import LanePlan, budget_pico
from kandil.batch.run import rescue_folder
from kandil.credentials import Keys
from kandil.profiles import Profile
from kandil.registry import choice

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable

    from kandil.batch.conversation import Open
    from kandil.batch.feeding import Row


class Failure(msgspec.Struct, frozen=True):
    """Why a row has no answer."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a row. `body` is OpenAI's chat completion, whoever answered."""

    custom_id: str
    """Of the row; of the n-th row without one ``row-n``."""
    body: Mapping[str, Any] | None
    error: Failure | None

    @property
    def text(self) -> str:
        """The answer's; empty where there is none."""
        choices = (self.body or {}).get("choices") or [{}]
        return (choices[0].get("message") or {}).get("content") or ""

    @property
    def usage(self) -> Mapping[str, Any]:
        """``prompt_tokens``, ``completion_tokens``, …; empty where nobody said."""
        return (self.body or {}).get("usage") or {}


class _Response(msgspec.Struct):
    body: Any = None


class _Line(msgspec.Struct):
    custom_id: str
    response: _Response | None = None
    error: Failure | None = None


_LINES: Final = msgspec.json.Decoder(_Line)


@asynccontextmanager
async def batch(
    model: str | Path | Profile | None = None,
    *,
    system: str | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    json_schema: Mapping[str, Any] | None = None,
    concurrency: int | None = None,
    max_retries: int = USUAL_RETRIES,
    max_reasks: int = USUAL_REASKS,
    budget_usd: float | None = None,
    cache: bool = False,
) -> AsyncGenerator[Batch]:
    """A model, ready to answer many rows: see `Batch.run`. On trio.

    Args:
        model: a model's name, its profile, or a GGUF file, which is verified and run here; None: the one that
            `kandil ask` would take.
        system: what the model is told first, in rows without a system message.
        max_tokens: the longest answer, of rows that do not say.
        temperature: of rows that do not say; 0 takes the likeliest words.
        json_schema: each answer is to be JSON of this JSON Schema; one that is not is asked for again.
        concurrency: requests at once, at most; fewer where the provider wants fewer.
        max_retries: how often a row is tried again after failures of the server or the network.
        max_reasks: how often, at most.
        budget_usd: nothing more is sent when the next row might cost more than is left, by the listed prices.
        cache: a row that was ever answered, in any batch with this set, is not sent again.

    Raises: KandilError: the name, the file, the key.
    """
    settings = config.load()
    found = await choice.meant(model, settings)
    body = {"max_tokens": max_tokens, "temperature": temperature}
    filling = Filling(
        system=system,
        body={name: value for name, value in body.items() if value is not None},
        json_schema=json_schema,
    )
    sending = Sending(
        concurrency=concurrency, most_retries=max_retries, most_reasks=max_reasks, budget_usd=budget_usd, cache=cache
    )
    window = found.context_window if isinstance(found, Profile) else None
    plan = LanePlan(
        model=found,
        said=None,
        rows=0,
        done=0,
        input_tokens=0,
        largest_input_tokens=(window or 4096) // 4,
        output_tokens=max_tokens or 0,
        unbounded=0,
    )
    asks = json_schema is not None
    failure = None
    async with opened([plan], sending, settings, Keys(), lambda _: None, may_ask_again=asks) as lanes:
        async with trio.open_nursery() as nursery:
            made = Batch(lanes, filling, sending, nursery, retry_limited=settings.limits.rate_limit_retry)
            try:
                yield made
            except Exception as error:  # noqa: BLE001 - it is raised below, as itself: a nursery would wrap it
                failure = error
            finally:
                nursery.cancel_scope.cancel()
                await made.close()
        if failure is not None:
            raise failure


async def complete_many(
    rows: Iterable[Row],
    *,
    model: str | Path | Profile | None = None,
    **options: Any,  # noqa: ANN401 - those of `batch`
) -> list[Result]:
    """All results, in the order of the rows; `options` and errors are those of `batch`. Rows that were not sent because
    of ``budget_usd`` have the error ``budget``.
    """
    wanted = list(rows)
    found: dict[str, Result] = {}
    async with batch(model, **options) as ready:
        async for result in ready.run(wanted):
            found[result.custom_id] = result
    names = [name_of(row, number) for number, row in enumerate(wanted, 1)]
    unsent = Failure("budget", "it might have cost more than was left of the budget")
    return [found.get(name) or Result(custom_id=name, body=None, error=unsent) for name in names]


class Batch:
    """A model that answers rows: see `batch`."""

    def __init__(
        self, lanes: Sequence[Open], filling: Filling, sending: Sending, nursery: trio.Nursery, *, retry_limited: bool
    ) -> None:
        self._lanes, self._filling, self._sending = lanes, filling, sending
        self._nursery, self._retry_limited = nursery, retry_limited
        self._core: _core.BatchRun | None = None

    def run(self, rows: Iterable[Row] | AsyncIterable[Row]) -> AsyncIterator[Result]:
        """Results as they come, in any order; a row that fails has an `error`, and the others go on.

        Rows are taken as they are needed: there may be more of them than memory holds. Once for each `Batch`.

        Raises:
            KandilError: what would fail for every row, as a rejected key; what was answered before has been given.
            ValueError: a row is none, or two have one `custom_id`.
        """
        if self._core is not None:
            raise RuntimeError("a batch runs once: open another")
        self._core = self._started()
        feeding = Feeding(self._core, rows)
        give, taken = trio.open_memory_channel[dict[str, Any]](math.inf)
        self._nursery.start_soon(self._driven, self._core, feeding, give)
        return _Results(self._lanes, feeding, taken)

    async def close(self) -> None:
        """What is under way ends."""
        if self._core is not None:
            self._core.abort()
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._core.close, rescue_folder())

    def _started(self) -> _core.BatchRun:
        schema = self._filling.json_schema
        return _core.BatchRun(
            [lane.core for lane in self._lanes],
            self._filling.form(None),
            most_retries=self._sending.most_retries,
            most_reasks=self._sending.most_reasks,
            schema=None if schema is None else json.dumps(schema).encode(),
            budget=budget_pico(self._sending.budget_usd),
            patience_seconds=self._sending.patience_seconds,
            seed=random.getrandbits(63),
            proxies=batch_lanes.proxies(lane.target for lane in self._lanes),
        )

    async def _driven(
        self, core: _core.BatchRun, feeding: Feeding, give: trio.MemorySendChannel[dict[str, Any]]
    ) -> None:
        def took(taken: dict[str, Any]) -> None:
            if taken["lines"] or "ended" in taken:
                with suppress(trio.BrokenResourceError):  # nobody wants them
                    give.send_nowait(taken)

        conversation = Conversation(core, self._lanes, self._retry_limited, self._sending, took)
        async with give, trio.open_nursery() as nursery:
            nursery.start_soon(feeding.feed)
            await conversation.until_ended()
            nursery.cancel_scope.cancel()


class _Results:
    """Of a run, to its end; whoever wants no more just leaves."""

    def __init__(
        self, lanes: Sequence[Open], feeding: Feeding, taken: trio.MemoryReceiveChannel[dict[str, Any]]
    ) -> None:
        self._lanes, self._feeding, self._taken = lanes, feeding, taken
        self._lines: deque[tuple[bool, bytes]] = deque()
        self._ended: dict[str, Any] | None = None

    def __aiter__(self) -> _Results:
        return self

    async def __anext__(self) -> Result:
        while not self._lines:
            if self._ended is not None:
                if (error := self._feeding.failure or stopped_by(self._ended, self._lanes)) is not None:
                    raise error
                raise StopAsyncIteration
            self._feeding.wanted.set()
            taken = await self._taken.receive()
            self._lines.extend(taken["lines"])
            self._ended = taken.get("ended")
        ok, line = self._lines.popleft()
        self._feeding.ended_rows += 1
        return _result(line, ok=ok)


def _result(line: bytes, *, ok: bool) -> Result:
    found = _LINES.decode(line)
    body = found.response.body if found.response else None
    return Result(custom_id=found.custom_id, body=body if ok else None, error=found.error)
