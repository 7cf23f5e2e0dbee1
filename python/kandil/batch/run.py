"""A plan carried out: the core sends and writes, and it is told how far it is."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import trio

from kandil import _core, paths
from kandil.batch import lanes as batch_lanes
from kandil.batch import state as batch_state
from kandil.batch.conversation import Conversation, opened, stopped_by
from kandil.batch.plan import PICO, budget_pico
from kandil.batch.progress import LaneProgress, Progress, Summary
from kandil.errors import OutputBusy, OutputUnwritable
from kandil.secret import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kandil.batch.conversation import Open
    from kandil.batch.plan import Plan
    from kandil.config import Config
    from kandil.credentials import Keys

_STATE_SECONDS: Final = 1.0
Closed = tuple[int, str | None, "list[Path]", int]
"""Of `_core.BatchRun.close`."""
GRACE_SECONDS: Final = 30.0
"""After a stop, so long is waited for answers that are under way: they are paid for."""


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
        batch_state.clear(order.output, order.input)
        watch.keep("running")
        conversation = Conversation(core, lanes, settings.limits.rate_limit_retry, order.sending, watch.took)
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
            if (unwritten := _unwritten(closed)) is not None:
                notice(f"error: {unwritten.message}; {unwritten.hint}")
            raise
    summary = _summary(ended, closed, lanes, watch.say_last(closed[0]))
    if order.ordered and summary.error is None and not summary.left:
        try:
            await trio.to_thread.run_sync(_core.batch_order, order.input, plan.form, order.written, order.output)
        except OSError as error:
            summary = replace(summary, end="error", error=OutputUnwritable(f"{error.filename}: {error.strerror}"))
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
    order, sending = plan.order, plan.order.sending
    schema = order.filling.json_schema
    try:
        if order.kept != order.written:
            order.kept.rename(order.written)  # where it is to be in order, it is put so again at the end
        return _core.BatchRun(
            [lane.core for lane in lanes],
            plan.form,
            index=plan.index,
            files=(order.written, order.errors),
            most_retries=sending.most_retries,
            most_reasks=sending.most_reasks,
            schema=None if schema is None else json.dumps(schema).encode(),
            budget=budget_pico(sending.budget_usd),
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
        for lane, asked in zip(self.last.lanes, self._lanes, strict=False):
            if lane.down_seconds is None:
                self._down.discard(lane.model)
            elif lane.model not in self._down and asked.trouble is not None:
                self._down.add(lane.model)
                self._notice(f"warning: {asked.trouble.message}; it is asked again now and then")

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
                why=None if why is None else redacted(why),
                changed=datetime.now(UTC).isoformat(timespec="seconds"),
                progress=asdict(self.last),
            ),
        )


def _unwritten(closed: Closed) -> OutputUnwritable | None:
    _, failure, rescued, lost = closed
    return None if failure is None else OutputUnwritable(failure, rescued=rescued, lost=lost)


def _summary(ended: dict[str, Any], closed: Closed, lanes: Sequence[Open], progress: Progress) -> Summary:
    error = _unwritten(closed) or stopped_by(ended, lanes)
    return Summary(
        progress=progress,
        end="error" if error else ended["end"],
        latency_seconds=tuple(ended["seconds"]) if ended["seconds"] else None,
        error=error,
    )
