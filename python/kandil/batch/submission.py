"""A plan, given to the providers' own batch APIs: nothing twice, whatever ends it."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from kandil import _core, http
from kandil.batch import provider_access, provider_batches, submitted
from kandil.batch.provider_calls import ATTEMPTS, passes
from kandil.batch.run import rescue_folder
from kandil.batch.submitted import Batch, Ledger, Submission
from kandil.errors import BatchUnclear, FileUnwritable, KandilError, OutputBusy, OutputUnwritable, RowsUnsendable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kandil.batch.plan import Plan
    from kandil.batch.provider_batches import ProviderBatches, Seen
    from kandil.config import Config
    from kandil.credentials import Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a plan costs at the price for batches, in US dollars; None: not known."""

    likely_usd: float | None
    most_usd: float | None


async def costs(plan: Plan, settings: Config, notice: Callable[[str], None]) -> Costs:
    """Nothing is sent to find out. Raises: BatchesNotOffered."""
    likely: list[float | None] = []
    most: list[float | None] = []
    for lane in plan.lanes:
        if lane.left:
            _, offer = await provider_access.endpoint_of(lane.model, settings, notice)
            for known, cost in ((likely, lane.cost_usd), (most, lane.most_cost_usd)):
                known.append(None if cost is None else cost * offer.price_share)
    return Costs(likely_usd=_sum(likely), most_usd=_sum(most))


def _sum(costs: list[float | None]) -> float | None:
    return None if None in costs else sum(cost for cost in costs if cost is not None)


async def submit(
    plan: Plan, settings: Config, *, keys: Keys, skip_invalid: bool = False, notice: Callable[[str], None]
) -> Submission:
    """All rows of the plan that have no result yet are with their providers.

    Raises: RowsUnsendable, and nothing was sent; KandilError: `resume` does the rest.
    """
    with submitted.held(plan.order.output, plan.lock):
        ledger = await _prepared(plan, settings, notice, skip_invalid=skip_invalid)
        return await _submitted(ledger, settings, keys, notice)


async def resume(submission: Submission, settings: Config, *, keys: Keys, notice: Callable[[str], None]) -> Submission:
    """What an earlier `submit` could not end. Raises: KandilError."""
    output = Path(submission.output)
    with submitted.held(output):
        return await _submitted(Ledger(submitted.read(output)), settings, keys, notice)


async def _prepared(plan: Plan, settings: Config, notice: Callable[[str], None], *, skip_invalid: bool) -> Ledger:
    """Files of requests of all rows, and a state that knows them. Raises: RowsUnsendable."""
    order, folder = plan.order, submitted.folder(plan.order.output)
    _cleared(folder)
    batches: list[Batch] = []
    refused: list[tuple[int, list[tuple[str, str]]]] = []
    for number, lane in enumerate(plan.lanes):
        if lane.left or (number == 0 and plan.invalid):  # which are the first one's
            made, unsent = await _written(plan, number, len(batches) + 1, settings, notice)
            batches += made
            refused.append(unsent)
    rows = sum(count for count, _ in refused)
    if rows and not skip_invalid:
        raise RowsUnsendable(order.source, rows, [reason for _, reasons in refused for reason in reasons])
    if rows:
        await trio.to_thread.run_sync(_refuse, folder / "unsent", order.output, order.errors)
        notice(f"{rows:,} rows cannot be sent: see {order.errors}")
    return Ledger.begun(
        Submission(
            id=secrets.token_hex(8),
            input=_absolute(order.source),
            output=_absolute(order.output),
            errors=_absolute(order.errors),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            batches=tuple(batches),
        )
    )


def _cleared(folder: Path) -> None:
    """Of what another submission has left."""
    for old in folder.iterdir():
        old.unlink()


def _absolute(path: Path) -> str:
    return os.path.abspath(path)


async def _written(
    plan: Plan, number: int, first: int, settings: Config, notice: Callable[[str], None]
) -> tuple[list[Batch], tuple[int, list[tuple[str, str]]]]:
    """A lane's batches, from number `first` on; how many of its rows cannot be sent, and why."""
    lane, folder = plan.lanes[number], submitted.folder(plan.order.output)
    endpoint, offer = await provider_access.endpoint_of(lane.model, settings, notice)
    prepare = partial(
        provider_access.requests_of(endpoint, offer).prepare,
        plan.index,
        plan.form,
        number,
        folder,
        first=first,
        most_rows=offer.most_rows,
        most_bytes=offer.most_bytes,
    )
    try:
        made, unsent = await trio.to_thread.run_sync(prepare)
    except OSError as error:
        raise FileUnwritable(str(folder), error.strerror or str(error)) from error
    batches = [
        Batch(
            number=at,
            model=lane.name,
            provider=endpoint.provider,
            origin=endpoint.origin,
            kind=kind,
            endpoint=answering,
            rows=rows,
            size_bytes=size_bytes,
        )
        for at, kind, answering, rows, size_bytes in made
    ]
    return batches, unsent


def _refuse(lines: Path, output: Path, errors: Path) -> None:
    with writing():
        _core.BatchSubmission.refuse_unsent(lines, output, errors, rescue_folder())


@contextmanager
def writing() -> Iterator[None]:
    """What the core says of files that it could not write to, as errors of kandil's."""
    try:
        yield
    except ValueError as error:
        match error.args:
            case ("busy", path):
                raise OutputBusy(Path(path)) from None
            case ("unwritable", reason, rescued, lost):
                raise OutputUnwritable(reason, rescued=rescued, lost=lost) from None
            case _:
                raise
    except OSError as error:
        raise OutputUnwritable(f"{error.filename}: {error.strerror}") from error


async def _submitted(ledger: Ledger, settings: Config, keys: Keys, notice: Callable[[str], None]) -> Submission:
    async with http.open_client() as connections:
        access = provider_access.Access(connections, settings, keys, notice)
        for batch in ledger.submission.batches:
            if batch.batch_id is None and batch.stage != "fetched":
                of = f" of {len(ledger.submission.batches)}" if len(ledger.submission.batches) > 1 else ""
                size = f"{batch.rows:,} rows, {batch.size_bytes / 1e6:,.1f} MB"
                notice(f"batch {batch.number}{of}: {size} to {batch.provider}")
                await _sent(ledger, batch, (await access.opened(batch)).batches)
    return ledger.submission


async def _sent(ledger: Ledger, batch: Batch, batches: ProviderBatches) -> None:
    """The batch is with its provider, once, and the state knows it. Raises: KandilError."""
    for attempt in range(1, ATTEMPTS):
        try:
            return await _tried(ledger, batch, batches)
        except KandilError as error:
            if not passes(error):
                raise
            failed = error
        await batches.calls.wait(failed, attempt)
        batch = ledger.submission.batches[batch.number - 1]
    return await _tried(ledger, batch, batches)


async def _tried(ledger: Ledger, batch: Batch, batches: ProviderBatches) -> None:
    """Created, if no earlier attempt has done that without being told so."""
    mark, requests = ledger.submission.mark(batch), ledger.file(batch, "requests")
    seen = await _found(ledger, batch, batches) if batch.stage == "creating" else None
    guessed = seen is not None and seen.mark != mark
    if seen is None:
        if batch.file_id is None:
            batch = ledger.set(batch, file_id=await batches.upload(requests, mark))
        batch = ledger.set(batch, stage="creating", asked=batch.asked or time.time())
        seen = await batches.create(requests, batch.file_id, batch.endpoint, mark)
    ledger.set(batch, stage="created", batch_id=seen.batch_id, status=seen.status, guessed=guessed)
    requests.unlink(missing_ok=True)


async def _found(ledger: Ledger, batch: Batch, batches: ProviderBatches) -> Seen | None:
    """What an attempt has created that was not told so. Raises: BatchUnclear."""
    known = frozenset(one.batch_id for one in ledger.submission.batches if one.batch_id)
    mark = ledger.submission.mark(batch)
    found = await provider_batches.find(batches, mark, since=batch.asked, rows=batch.rows, known=known)
    if len(found) > 1:
        raise BatchUnclear(batch.provider, [one.batch_id for one in found], submitted.state_file(ledger.output))
    return found[0] if found else None
