"""What a batch will send: rows, tokens, cost, time. Nothing is sent to find out."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from kandil import _core
from kandil.batch import order as orders
from kandil.batch import submitted
from kandil.batch.lanes import LONGEST_OUTPUT_TOKENS, USUAL_OUTPUT_TOKENS, pico
from kandil.errors import (
    BatchUnusable,
    FileUnreadable,
    RowsChanged,
    RowsInvalid,
    RowsMissing,
    RowsRepeated,
    SubmissionPending,
)
from kandil.profiles import Profile
from kandil.registry import choice
from kandil.serving import listed_limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from kandil.batch.order import Order
    from kandil.config import Config
    from kandil.credentials import Keys

PICO: Final = 1_000_000_000_000
MOST_PICO: Final = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePlan:
    """The rows of one model that are still to be sent."""

    model: Profile | Path
    said: str | None
    """As the rows name it; None: they do not, or the order names it for all of them."""
    rows: int
    done: int
    input_tokens: int
    """Estimated, of those that are to be sent; rather too many."""
    largest_input_tokens: int
    output_tokens: int
    """At most, of the rows that say so."""
    unbounded: int
    """Rows that do not say how long their answer may be."""

    @property
    def name(self) -> str:
        return self.model.id if isinstance(self.model, Profile) else str(self.model)

    @property
    def left(self) -> int:
        return self.rows - self.done

    @property
    def likely_output_tokens(self) -> int:
        """Where rows do not say, a usual answer each."""
        return self.output_tokens + self.unbounded * USUAL_OUTPUT_TOKENS

    @property
    def cost_usd(self) -> float | None:
        """By the listed prices, of `likely_output_tokens`; None: not listed."""
        return self._cost(self.likely_output_tokens)

    @property
    def most_cost_usd(self) -> float | None:
        """When every answer is as long as it may be."""
        longest = (isinstance(self.model, Profile) and self.model.max_output_tokens) or LONGEST_OUTPUT_TOKENS
        return self._cost(self.output_tokens + self.unbounded * longest)

    def _cost(self, output_tokens: int) -> float | None:
        price = self.model.price if isinstance(self.model, Profile) else None
        if price is None or price.input is None or price.output is None:
            return None
        shown, _, written = pico(price, self.largest_input_tokens)
        return (self.input_tokens * shown + output_tokens * written) / PICO

    @property
    def seconds(self) -> float | None:
        """How long these rows take at least, within the limits that are listed for the model; None: none is."""
        if not isinstance(self.model, Profile):
            return None
        limits = listed_limits(self.model)
        minutes = [
            amount / limit
            for amount, limit in (
                (self.left, limits.requests_per_minute),
                (self.input_tokens + self.likely_output_tokens, limits.tokens_per_minute),
                (self.input_tokens, limits.input_tokens_per_minute),
                (self.likely_output_tokens, limits.output_tokens_per_minute),
                (self.left * 1440, limits.requests_per_day and limits.requests_per_day * 1440),
            )
            if limit
        ]
        return max(minutes) * 60 if minutes else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was found before anything is sent."""

    order: Order
    form: _core.BatchForm
    index: _core.BatchIndex
    recorded: _core.BatchRecorded
    lock: _core.BatchLock | None
    """Of the output, until `close`; None, by `dry_run`: the plan is not to be carried out."""
    lanes: tuple[LanePlan, ...]
    elsewhere: int
    """Rows of other shards."""
    invalid: int
    """Rows that cannot be sent, and go to the errors."""
    failed: int
    """Rows that have failed in former runs: they are done."""
    invalid_done: int
    """Of these, those that cannot be sent."""
    left_out: tuple[str, ...]
    """Fields of rows that are not sent."""
    spent_pico_usd: int
    """By former runs."""

    def close(self) -> None:
        """Others may work on the output."""
        if self.lock:
            self.lock.release()

    @property
    def rows(self) -> int:
        return sum(lane.rows for lane in self.lanes) + self.invalid + self.invalid_done

    @property
    def done(self) -> int:
        return sum(lane.done for lane in self.lanes) + self.invalid_done

    @property
    def left(self) -> int:
        return self.rows - self.done

    @property
    def cost_usd(self) -> float | None:
        """None where a model's price is not known."""
        costs = [lane.cost_usd for lane in self.lanes if lane.left]
        return None if None in costs else sum(cost for cost in costs if cost is not None)


async def plan(
    order: Order,
    settings: Config,
    *,
    keys: Keys | None = None,
    skip_invalid: bool = False,
    retry_failed: bool = False,
    replace_changed: bool = False,
    dry_run: bool = False,
    notice: Callable[[str], None],
) -> Plan:
    """Reads all rows once, and what a former run has left of the output: that is made whole, with `retry_failed`
    without its errors, with `replace_changed` without the answers to what has changed. With `dry_run` these stay.
    Nobody else works on the output until the plan is closed.

    Raises:
        BatchUnusable, FileUnreadable, OutputUnwritable, NameUnknown, NameAmbiguous, NoModelConfigured, KeyringLocked.
    """
    await trio.to_thread.run_sync(_check_places, order)
    try:
        form = order.filling.form(_named(order))
    except ValueError as error:
        raise BatchUnusable(order.source, str(error)) from None
    with ExitStack() as undone:
        lock = None if dry_run else orders.locked(order.output)
        if lock:
            undone.callback(lock.release)
        if submitted.pending(order.output):
            raise SubmissionPending(order.output)
        recorded = await _recorded(order, mend=not dry_run)
        if retry_failed and recorded.failed and not dry_run:
            await trio.to_thread.run_sync(_core.batch_drop, order.errors, recorded, None)
            recorded = await _recorded(order, mend=True)
        index = await _scanned(order, form, recorded)
        changed, names = index.changed
        if changed and not replace_changed:
            raise RowsChanged(order.source, order.kept, changed, names)
        if changed and not dry_run:
            for path in (order.kept, order.errors):
                await trio.to_thread.run_sync(_core.batch_drop, path, recorded, (order.input, form))
            recorded = await _recorded(order, mend=True)
            index = await _scanned(order, form, recorded)
        invalid, rows = index.bad
        if invalid and not (skip_invalid and index.lanes):  # there is nothing to be sent
            raise RowsInvalid(order.source, invalid, rows)
        if not len(index):
            raise RowsMissing(order.source)
        lanes = [await _lane(order, settings, keys, notice, *found) for found in index.lanes]
        undone.pop_all()
    failed, invalid_done = index.failed
    return Plan(
        order=order,
        form=form,
        index=index,
        recorded=recorded,
        lock=lock,
        lanes=tuple(lanes),
        elsewhere=index.elsewhere,
        invalid=invalid,
        failed=failed,
        invalid_done=invalid_done,
        left_out=tuple(index.left_out),
        spent_pico_usd=_spent(recorded, lanes),
    )


def budget_pico(usd: float | None) -> int | None:
    """As the core counts; what it cannot count is no bound, and what is no number is nothing."""
    return None if usd is None else round(min(max(0.0, usd * PICO), float(MOST_PICO)))


def _check_places(order: Order) -> None:
    """Raises: BatchUnusable."""
    for path in (order.output, order.errors):
        if path.parent != Path() and not path.parent.is_dir():
            raise BatchUnusable(path, "its folder does not exist", hint=f"make it first: mkdir -p {path.parent}")
        if path.exists() and order.input.exists() and os.path.samefile(path, order.input):
            raise BatchUnusable(path, "input and output are the same file", hint="write to another file with -o")


def _named(order: Order) -> str | None:
    if order.model is None:
        return None
    return order.model.id if isinstance(order.model, Profile) else str(order.model)


async def _recorded(order: Order, *, mend: bool) -> _core.BatchRecorded:
    return await trio.to_thread.run_sync(partial(orders.recorded, order.kept, order.errors, mend=mend))


async def _scanned(order: Order, form: _core.BatchForm, recorded: _core.BatchRecorded) -> _core.BatchIndex:
    try:
        return await trio.to_thread.run_sync(_core.BatchIndex.scan, order.input, form, recorded, order.shard)
    except OSError as error:
        raise FileUnreadable(str(order.source), error.strerror or str(error)) from error
    except ValueError as error:
        match error.args:
            case ("duplicate", custom_id, first, second):
                raise RowsRepeated(order.source, custom_id, (first, second)) from None
            case ("too-many-models",):
                raise BatchUnusable(order.source, "its rows name more than 200 models") from None
            case _:
                raise BatchUnusable(order.source, "it is no file that can be read twice") from None


async def _lane(
    order: Order,
    settings: Config,
    keys: Keys | None,
    notice: Callable[[str], None],
    said: str | None,
    *counts: int,
) -> LanePlan:
    rows, done, input_tokens, largest_input_tokens, output_tokens, unbounded = counts
    model = order.model or await choice.meant(said, settings, keys=keys, notice=notice)
    return LanePlan(
        model=model,
        said=None if order.model else said,
        rows=rows,
        done=done,
        input_tokens=input_tokens,
        largest_input_tokens=largest_input_tokens,
        output_tokens=output_tokens,
        unbounded=unbounded,
    )


def _spent(recorded: _core.BatchRecorded, lanes: list[LanePlan]) -> int:
    """By the prices of the dearest of the batch's models: which one answered which row is not kept apart."""
    shown, cached, written = recorded.tokens
    prices = [pico(lane.model.price, 0) for lane in lanes if isinstance(lane.model, Profile) and lane.model.price]
    if not prices:
        return 0
    dearest = max(prices, key=sum)
    cached = min(cached, shown)
    return min((shown - cached) * dearest[0] + cached * dearest[1] + written * dearest[2], MOST_PICO)
