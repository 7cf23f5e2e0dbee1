"""A plan carried out: the core sends and writes; here is decided what becomes of rows without an answer."""

from __future__ import annotations

import math
import random
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import trio

from kandil import _core, paths, serving
from kandil.batch import lanes as batch_lanes
from kandil.batch import state as batch_state
from kandil.batch.deciding import Decision, decide
from kandil.batch.failures import Fault, Refusal, error_of
from kandil.errors import BatchStopped, KandilError, OutputBusy, OutputUnwritable, ServerGivenUp
from kandil.limits import Limiter
from kandil.providers import Request
from kandil.secret import redacted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from pathlib import Path

    from kandil.batch.order import Sending
    from kandil.batch.plan import LanePlan, Plan
    from kandil.completions import Target
    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.limits import Bucket

PICO: Final = 1_000_000_000_000
_LOOK_SECONDS: Final = 0.1
_STATE_SECONDS: Final = 1.0
Closed = tuple[int, str | None, "list[Path]", int]
"""Of `_core.BatchRun.close`."""
GRACE_SECONDS: Final = 30.0
"""After a stop, so long is waited for answers that are under way: they are paid for."""
_LOCAL_SLOTS: Final = 8
_ROOM_FOR_ANSWER: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneProgress:
    """What one model's rows do just now."""

    model: str
    window: int
    """Requests at once, at most, for now."""
    running: int
    waiting: int
    """Rows that failed and are sent again later."""
    quiet_seconds: float
    """For so long nothing is sent, because of limits or an open circuit."""
    down_seconds: float | None
    """Since when its server does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is. Counts are of this run, `done` of former runs, too."""

    rows: int
    done: int = 0
    """Rows with an end."""
    answered: int = 0
    failed: int = 0
    written: int = 0
    """Lines that are in the files."""
    running: int = 0
    sent: int = 0
    retried: int = 0
    cached: int = 0
    """Answers that were paid for before, in a batch with `Sending.cache`."""
    reasked: int = 0
    limited: int = 0
    """Refusals for too many requests."""
    input_tokens: int = 0
    output_tokens: int = 0
    spent_usd: float = 0.0
    """Former runs' too, by the listed prices."""
    seconds: float = 0.0
    lanes: tuple[LaneProgress, ...] = ()

    @property
    def rows_per_second(self) -> float:
        return (self.answered + self.failed) / self.seconds if self.seconds else 0.0

    @property
    def left_seconds(self) -> float | None:
        """At the speed so far; None: nothing is known of it."""
        rate = self.rows_per_second
        return (self.rows - self.done) / rate if rate else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What became of a batch. `latency_seconds`: median, 90, 99, 99.9 per cent and all, of answers of this run."""

    progress: Progress
    end: str
    """``finished``, ``stopped`` or ``budget``; or ``error``: see `error`."""
    latency_seconds: tuple[float, float, float, float, float] | None
    error: KandilError | None = None

    @property
    def left(self) -> int:
        """Rows that have no end yet: the same command goes on with them."""
        return self.progress.rows - self.progress.done


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
    first_byte_seconds: float
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
        error = error_of(opened.target.endpoint, self.first_byte_seconds, refusal, malformed, fault)
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


async def run(
    plan: Plan,
    settings: Config,
    *,
    keys: Keys,
    progress: Callable[[Progress], None] = lambda _: None,
    notice: Callable[[str], None],
) -> Summary:
    """Sends what the plan has, and writes what comes. When cancelled, it waits for what is under way first, for
    `GRACE_SECONDS`: answers that are on their way are paid for.

    Raises: KandilError: nothing was sent.
    """
    order = plan.order
    asked = plan.lanes if plan.left else ()  # nobody is asked for nothing
    async with opened(asked, order.sending, settings, keys, notice, may_ask_again=_asks(plan)) as lanes:
        watch = _Watch(plan, lanes, progress, notice)
        core = _started(plan, lanes)
        watch.keep("running")
        conversation = Conversation(
            core, lanes, settings.limits.rate_limit_retry, order.sending.first_byte_seconds, watch.took
        )
        ended: dict[str, Any] = {"end": "stopped", "why": None, "lanes": [], "done": [], "seconds": None}
        closed: Closed = (0, None, [], 0)
        try:
            try:
                ended = await conversation.until_ended()
            except trio.Cancelled:
                core.stop()
                with trio.CancelScope(shield=True, deadline=trio.current_time() + GRACE_SECONDS):
                    notice(f"stopping: waiting for {watch.last.running:,} answers that are paid for; again to end now")
                    ended = await conversation.until_ended()
                raise
            finally:
                core.abort()
                with trio.CancelScope(shield=True):
                    closed = await trio.to_thread.run_sync(core.close, rescue_folder())
        except trio.Cancelled:
            watch.say_last(closed[0])
            watch.keep("stopped")
            raise
    summary = _summary(ended, closed, lanes, watch.say_last(closed[0]))
    if order.ordered and summary.error is None and not summary.left:
        await trio.to_thread.run_sync(_core.batch_order, order.input, plan.form, order.written, order.output)
    watch.keep(_state_of(plan, summary), summary.error.message if summary.error else None)
    return summary


def _state_of(plan: Plan, summary: Summary) -> batch_state.End:
    if summary.error:
        return "error"
    if summary.end == "budget":
        return "budget"
    return "failed-in-part" if plan.failed or summary.progress.failed or summary.left else "done"


def rescue_folder() -> Path:
    """Where answers are saved whose output cannot be written."""
    return paths.state_dir() / "rescued"


def _asks(plan: Plan) -> bool:
    return plan.order.filling.json_schema is not None


def _started(plan: Plan, lanes: Sequence[Open]) -> _core.BatchRun:
    """Raises: OutputBusy, OutputUnwritable."""
    import json  # noqa: PLC0415

    order, sending = plan.order, plan.order.sending
    if order.kept != order.written and order.kept.exists():
        order.kept.rename(order.written)  # it is put in order again at the end
    schema = order.filling.json_schema
    try:
        return _core.BatchRun(
            [lane.core for lane in lanes],
            plan.form,
            index=plan.index,
            files=(order.written, order.errors),
            most_retries=sending.most_retries,
            most_reasks=sending.most_reasks,
            schema=None if schema is None else json.dumps(schema).encode(),
            budget=None if sending.budget_usd is None else round(sending.budget_usd * PICO),
            spent=plan.spent_pico_usd,
            patience_seconds=sending.patience_seconds,
            seed=random.getrandbits(63),
            proxies=batch_lanes.proxies(lane.target for lane in lanes),
        )
    except ValueError as error:
        match error.args:
            case ("busy", path):
                raise OutputBusy(path) from None
            case _:
                raise
    except OSError as error:
        raise OutputUnwritable(f"{error.filename}: {error.strerror}") from error


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


class _Watch:
    """Keeps the newest progress, and tells of it."""

    def __init__(
        self, plan: Plan, lanes: Sequence[Open], tell: Callable[[Progress], None], notice: Callable[[str], None]
    ) -> None:
        self._plan, self._lanes, self._tell, self._notice = plan, lanes, tell, notice
        self._down: set[str] = set()
        self._began = trio.current_time()
        self._kept_at = -_STATE_SECONDS
        self._owner = batch_state.Owner.this()
        self.last = Progress(rows=plan.rows, done=plan.done, spent_usd=plan.spent_pico_usd / PICO)

    def took(self, taken: dict[str, Any]) -> None:
        news = taken.get("news")
        seconds = trio.current_time() - self._began
        if news is None:
            self.last = replace(self.last, seconds=seconds)
        else:
            names = [lane.name for lane in self._plan.lanes]
            lanes = [
                LaneProgress(
                    model=name,
                    window=window,
                    running=running,
                    waiting=waiting,
                    quiet_seconds=quiet_ns / 1e9,
                    down_seconds=None if down_ns is None else down_ns / 1e9,
                )
                for name, (window, running, waiting, quiet_ns, down_ns) in zip(names, news["lanes"], strict=False)
            ]
            counted = {
                name: news[name]
                for name in (
                    "answered", "failed", "running", "sent", "retried", "cached", "reasked", "limited", "input_tokens",
                    "output_tokens",
                )
            }  # fmt: skip
            self.last = Progress(
                rows=self._plan.rows,
                done=self._plan.done + news["answered"] + news["failed"],
                written=taken["written"][0] if taken["written"] else 0,
                spent_usd=news["spent"] / PICO,
                seconds=seconds,
                lanes=tuple(lanes),
                **counted,
            )
        self._tell(self.last)
        self._say_who_is_down()
        if seconds - self._kept_at >= _STATE_SECONDS:
            self._kept_at = seconds
            self.keep("running")

    def _say_who_is_down(self) -> None:
        """Once, until it answers again."""
        for lane, opened in zip(self.last.lanes, self._lanes, strict=False):
            if lane.down_seconds is None:
                self._down.discard(lane.model)
            elif lane.model not in self._down and opened.trouble is not None:
                self._down.add(lane.model)
                self._notice(f"warning: {opened.trouble.message}; it is asked again now and then")

    def say_last(self, written: int) -> Progress:
        self.last = replace(self.last, written=written, running=0)
        self._tell(self.last)
        return self.last

    def keep(self, end: batch_state.End, why: str | None = None) -> None:
        """For whoever asks how far the batch is."""
        order = self._plan.order
        batch_state.write(
            order.state,
            batch_state.State(
                input=str(order.source),
                output=str(order.output),
                errors=str(order.errors),
                models=tuple(lane.name for lane in self._plan.lanes),
                owner=self._owner,
                end=end,
                why=why,
                changed=datetime.now(UTC).isoformat(timespec="seconds"),
                progress=asdict(self.last),
            ),
        )


def _summary(ended: dict[str, Any], closed: Closed, lanes: Sequence[Open], progress: Progress) -> Summary:
    _, failure, rescued, lost = closed
    error = stopped_by(ended, lanes) if failure is None else OutputUnwritable(failure, rescued=rescued, lost=lost)
    return Summary(
        progress=progress,
        end="error" if error else ended["end"],
        latency_seconds=tuple(ended["seconds"]) if ended["seconds"] else None,
        error=error,
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
