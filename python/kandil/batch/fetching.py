"""Results of what was submitted, into the output that it was submitted for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from kandil import http
from kandil.batch import order as orders
from kandil.batch import submitted
from kandil.batch.provider_access import Access
from kandil.batch.run import rescue_folder
from kandil.batch.submission import writing
from kandil.batch.submitted import Ledger
from kandil.errors import BatchNotOurs, KandilError, ProviderBatchMissing, SubmissionUnfinished

if TYPE_CHECKING:
    from collections.abc import Callable

    from kandil import _core
    from kandil.batch.provider_access import Opened
    from kandil.batch.provider_batches import ProviderBatches, Seen
    from kandil.batch.submitted import Batch, Submission
    from kandil.config import Config
    from kandil.credentials import Keys

FIRST_LOOK_SECONDS: Final = 2.0
LONGEST_LOOK_SECONDS: Final = 120.0
"""Batches take minutes to hours."""
_SLOWER: Final = 1.5
_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What is there now."""

    submission: Submission
    answered: int
    """Rows of the output, of this submission and others."""
    failed: int
    """Rows of the errors, likewise."""

    @property
    def is_whole(self) -> bool:
        return self.submission.is_fetched


async def fetch(
    output: Path,
    settings: Config,
    *,
    keys: Keys,
    wait: bool = False,
    progress: Callable[[Submission], None] = lambda _: None,
    notice: Callable[[str], None],
) -> Fetched:
    """Every batch that has ended is in the output and its errors, once. With `wait`, that is all of them.

    A batch's results are written when it has ended, whatever becomes of the others; who is cancelled, or killed, calls
    it again.

    Raises: SubmissionMissing, SubmissionUnfinished, KandilError.
    """
    ledger = Ledger(submitted.read(output))
    if not ledger.submission.is_submitted:
        raise SubmissionUnfinished(output)
    pause_seconds = FIRST_LOOK_SECONDS
    async with http.open_client() as connections:
        while not ledger.submission.is_fetched:
            with submitted.held(output):
                ledger = Ledger(submitted.read(output))
                await _looked(ledger, Access(connections, settings, keys, notice))
            progress(ledger.submission)
            if not wait or ledger.submission.is_fetched:
                break
            await trio.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * _SLOWER, LONGEST_LOOK_SECONDS)
    recorded = await _recorded(ledger, mend=False)
    return Fetched(submission=ledger.submission, answered=recorded.rows - recorded.failed, failed=recorded.failed)


async def cancel(output: Path, settings: Config, *, keys: Keys, notice: Callable[[str], None]) -> Submission:
    """The providers were told to stop every batch of this output that has not ended; `fetch` has what they did by then.
    What was not submitted yet never is.

    Raises: SubmissionMissing, KandilError.
    """
    with submitted.held(output):
        ledger = Ledger(submitted.read(output))
        async with http.open_client() as connections:
            access = Access(connections, settings, keys, notice)
            for batch in ledger.submission.batches:
                if batch.stage == "prepared":
                    ledger.set(batch, stage="fetched", status="never submitted")
                if batch.batch_id is None or batch.stage == "fetched":
                    continue
                batches = (await access.opened(batch)).batches
                seen = await _look(batches, batch)
                if not seen.ended:
                    seen = await batches.cancel(batch.batch_id)
                ledger.set(batch, status=seen.status, done=seen.done)
    return ledger.submission


async def _looked(ledger: Ledger, access: Access) -> None:
    for batch in ledger.submission.batches:
        if batch.stage == "fetched":
            continue
        opened = await access.opened(batch)
        seen = await _look(opened.batches, batch)
        now = ledger.set(batch, status=seen.status, done=seen.done)
        if seen.ended:
            await _collected(ledger, now, opened, seen, access.notice)


async def _look(batches: ProviderBatches, batch: Batch) -> Seen:
    """Raises: ProviderBatchMissing."""
    assert batch.batch_id is not None
    try:
        return await batches.look(batch.batch_id)
    except KandilError as error:
        if getattr(error, "status", None) == _NOT_FOUND:
            raise ProviderBatchMissing(batch.provider, batch.batch_id) from error
        raise


async def _collected(ledger: Ledger, batch: Batch, opened: Opened, seen: Seen, notice: Callable[[str], None]) -> None:
    """Its results are in the output and the errors, on the disk, before the state says so. Raises: BatchNotOurs."""
    places = []
    for number, path in enumerate(seen.results):
        places.append(ledger.file(batch, f"results-{number}"))
        await opened.batches.calls.save(path, places[-1])

    async def collect(rest: tuple[str, str] | None) -> tuple[int, int, int]:
        recorded = await _recorded(ledger, mend=True)
        rows, errors = ledger.file(batch, "rows"), Path(ledger.submission.errors)

        def work() -> tuple[int, int, int]:
            with writing():
                return opened.requests.collect(
                    batch.kind, rows, places, recorded, ledger.output, errors, rescue_folder(), rest
                )

        return await trio.to_thread.run_sync(work)

    answered, failed, strange = await collect(None if batch.guessed else seen.rest)
    if batch.guessed:
        if strange and not answered + failed:
            raise BatchNotOurs(batch.provider, seen.batch_id, submitted.state_file(ledger.output))
        await collect(seen.rest)
    if strange:
        kept = [place.rename(ledger.output.with_name(f"{ledger.output.name}.{place.name}.strange")) for place in places]
        notice(f"warning: {strange:,} lines of results are none, or of no row: see {', '.join(map(str, kept))}")
    ledger.set(batch, stage="fetched")
    for place in (*places, ledger.file(batch, "rows")):
        place.unlink(missing_ok=True)


async def _recorded(ledger: Ledger, *, mend: bool) -> _core.BatchRecorded:
    read = partial(orders.recorded, ledger.output, Path(ledger.submission.errors), mend=mend)
    return await trio.to_thread.run_sync(read)
