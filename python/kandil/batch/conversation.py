"""With a run of the core: whom it asks, what it asks and what it learns; what becomes of rows without an answer."""

from __future__ import annotations

import math
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import trio

from kandil import _core, serving
from kandil.batch import lanes as batch_lanes
from kandil.batch.deciding import Decision, decide
from kandil.batch.failures import Fault, Refusal, error_of
from kandil.errors import BatchStopped, KandilError, ServerGivenUp
from kandil.limits import Limiter
from kandil.providers import Request
from kandil.secret import redacted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from kandil.batch.order import Sending
    from kandil.batch.plan import LanePlan
    from kandil.completions import Target
    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.limits import Bucket

_LOOK_SECONDS: Final = 0.1
_LOCAL_SLOTS: Final = 8
_ROOM_FOR_ANSWER: Final = 1024


@dataclass(slots=True)
class Open:
    """A model of a run: whom it asks, and what holds it back."""

    name: str
    target: Target
    bucket: Bucket
    core: _core.BatchLane
    error: KandilError | None = None
    """Why none of its rows is sent any more."""
    trouble: KandilError | None = None
    """The newest of what came instead of an answer."""


@dataclass(slots=True)
class Conversation:
    """With a run of the core: what it asks is decided, what it learns is kept, until it ends."""

    core: _core.BatchRun
    lanes: Sequence[Open]
    retry_limited: bool
    sending: Sending
    took: Callable[[dict[str, Any]], None] = field(default=lambda _: None)
    """Told everything that is taken."""

    async def until_ended(self) -> dict[str, Any]:
        """What the core says at its end."""
        while True:
            with trio.move_on_after(_LOOK_SECONDS):
                await trio.lowlevel.wait_readable(self.core.fileno())
            taken: dict[str, Any] = self.core.take()
            for lane, headers in taken["learned"]:
                self.lanes[lane].bucket.learn(dict(headers))
            if taken["troubles"]:
                self.core.decide([self._decided(*trouble) for trouble in taken["troubles"]])
            self.took(taken)
            if "ended" in taken:
                ended: dict[str, Any] = taken["ended"]
                return ended

    def _decided(
        self, number: int, lane: int, refusal: Refusal | None, malformed: str | None, fault: Fault | None
    ) -> tuple[int, str, str, float, float | None, str, str]:
        opened = self.lanes[lane]
        error = error_of(opened.target.endpoint, self.sending, refusal, malformed, fault)
        decision: Decision = decide(error, opened.bucket, retry_limited=self.retry_limited)
        opened.trouble = error
        if decision.verdict == "stop":
            opened.error = opened.error or error
        return (
            number,
            decision.verdict,
            decision.health,
            decision.wait_seconds,
            decision.floor_seconds,
            error.code.replace("-", "_"),
            redacted(error.message),
        )


def stopped_by(ended: dict[str, Any], lanes: Sequence[Open]) -> KandilError | None:
    """Why there are rows without an end, where something is wrong."""
    if ended["end"] in ("source", "bug"):
        return BatchStopped(ended["why"] or "its thread ended before its time: please report it")
    each = (_end_of(lane, why) for lane, why in zip(lanes, ended["lanes"], strict=False))
    return next((error for error in each if error is not None), None)


def _end_of(lane: Open, why: tuple[str, str, str] | None) -> KandilError | None:
    if why is None:
        return None
    if why[0] == "unreachable":
        origin = lane.target.endpoint.origin
        return ServerGivenUp(lane.trouble.message if lane.trouble else f"{origin} has not answered for too long")
    return lane.error


@asynccontextmanager
async def opened(
    plans: Sequence[LanePlan],
    sending: Sending,
    settings: Config,
    keys: Keys,
    notice: Callable[[str], None],
    *,
    may_ask_again: bool = False,
) -> AsyncGenerator[list[Open]]:
    """Every model's server is known, its key read, its limits open; what is started for it ends with the context.

    Raises: KandilError.
    """
    shared, own = Limiter(), Limiter(shared=False)
    configured = settings.limits.max_concurrent_requests
    usual = configured if settings.origin("limits.max_concurrent_requests").kind != "default" else None
    async with AsyncExitStack() as stack:
        lanes = []
        for one in plans:
            place = await serving.place(one.model, settings, notice)
            local = place.endpoint is None
            slots = min(sending.concurrency or _LOCAL_SLOTS, _LOCAL_SLOTS) if local else 1
            wanted = one.largest_input_tokens + (one.output_tokens or _ROOM_FOR_ANSWER)
            request = Request(messages=(), context_tokens=_power_of_two(wanted) if local else None)
            target, _ = await stack.enter_async_context(serving.target(place, request, notice, slots=slots))
            limiter = own if local else shared
            core = await batch_lanes.lane(
                target,
                sending,
                keys,
                limiter,
                usual_concurrency=2 * slots if local else usual,
                largest_input_tokens=one.largest_input_tokens,
                may_ask_again=may_ask_again,
            )
            bucket = limiter.bucket(f"{target.endpoint.provider}/{target.endpoint.model}", target.limits)
            lanes.append(Open(one.name, target, bucket, core))
        yield lanes


def _power_of_two(tokens: int) -> int:
    return max(1 << math.ceil(math.log2(max(tokens, 1))), 512)
