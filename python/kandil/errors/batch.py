"""A batch that cannot be begun or gone on with. Nothing was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kandil.errors.root import KandilError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SHOWN: Final = 3


class BatchUnusable(KandilError):
    """What the rows or the outputs are does not make a batch."""

    exit_code = 2
    code = "batch-unusable"

    def __init__(self, path: Path, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path}: {message}", hint=hint)
        self.path = str(path)


class RowsInvalid(BatchUnusable):
    """`count` rows cannot be sent; `rows` are the first ones' line numbers and reasons."""

    code = "rows-invalid"

    def __init__(self, path: Path, count: int, rows: Sequence[tuple[int, str]]) -> None:
        line, reason = rows[0]
        more = f"; {count - 1:,} more rows cannot be sent" if count > 1 else ""
        super().__init__(path, f"line {line}: {reason}{more}", hint="mend them, or send the others with --skip-invalid")
        self.count, self.rows = count, [{"line": line, "reason": reason} for line, reason in rows]


class RowsRepeated(BatchUnusable):
    """Two rows have one name: nobody could tell their answers apart."""

    code = "rows-repeated"

    def __init__(self, path: Path, custom_id: str, lines: tuple[int, int]) -> None:
        message = f"lines {lines[0]} and {lines[1]} have the same custom_id: {custom_id}"
        super().__init__(path, message, hint="give every row a custom_id of its own")
        self.custom_id, self.lines = custom_id, list(lines)


class RowsChanged(BatchUnusable):
    """The output has answers to `count` rows that were something else when they were asked."""

    code = "rows-changed"

    def __init__(self, path: Path, output: Path, count: int, custom_ids: Sequence[str]) -> None:
        named = ", ".join(custom_ids[:_SHOWN]) + (", …" if count > _SHOWN else "")
        rows = "row has" if count == 1 else f"{count:,} rows have"
        super().__init__(
            path,
            f"{rows} changed (or the model, or an option) since {output} was written: {named}",
            hint="write to another output with -o, or ask these again with --replace-changed",
        )
        self.output, self.count, self.custom_ids = str(output), count, list(custom_ids)


class RowsMissing(BatchUnusable):
    """There is not one row."""

    code = "rows-missing"

    def __init__(self, path: Path) -> None:
        super().__init__(path, "it has no rows", hint='one JSON object a line: {"prompt": "…"}; or --text')


class OutputForeign(BatchUnusable):
    """The output is there and is not a batch's. It was not touched."""

    code = "output-foreign"

    def __init__(self, path: Path, line: int) -> None:
        super().__init__(
            path,
            f"line {line} is no result that kandil wrote; the file was not touched",
            hint="write to another file with -o",
        )
        self.line = line


class OutputBusy(BatchUnusable):
    """Another run writes to the output."""

    exit_code = 1
    code = "output-busy"

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, "another run writes to it", hint=f"`kandil batch status {path}` shows it; `cancel` ends it"
        )


class BatchTooDear(KandilError):
    """It may cost more than is spent without a word of its user's."""

    exit_code = 2
    code = "batch-too-dear"

    def __init__(self, cost_usd: float) -> None:
        super().__init__(
            f"this batch may cost {cost_usd:,.2f} US dollars",
            hint="say --yes, or how much it may cost at most: --budget 5.00",
        )
        self.cost_usd = cost_usd


class BatchStopped(KandilError):
    """It ended before its rows did; what was received is kept, and the same command goes on."""

    exit_code = 1
    code = "batch-stopped"

    def __init__(self, reason: str, *, rescued: Sequence[Path] = (), lost: int = 0) -> None:
        hint = "the same command goes on where it stopped"
        if rescued:
            hint = f"what could not be written is in {', '.join(map(str, rescued))}: add it to the output; then {hint}"
        message = f"the batch stopped: {reason}"
        super().__init__(f"{message}; {lost:,} answers could be written nowhere" if lost else message, hint=hint)
        self.reason, self.rescued, self.lost = reason, list(map(str, rescued)), lost


class OutputUnwritable(BatchStopped):
    """No more could be written."""

    exit_code = 7
    code = "output-unwritable"


class ServerGivenUp(BatchStopped):
    """A model's server has not answered for so long that it is not asked any more."""

    exit_code = 6
    code = "server-given-up"


class RowsUnsendable(BatchUnusable):
    """`count` rows cannot be asked of this provider; `rows` are the first ones' names and reasons."""

    code = "rows-unsendable"

    def __init__(self, path: Path, count: int, rows: Sequence[tuple[str, str]]) -> None:
        custom_id, reason = rows[0]
        more = f"; {count - 1:,} more rows cannot be sent" if count > 1 else ""
        super().__init__(
            path, f"row {custom_id}: {reason}{more}", hint="mend them, or send the others with --skip-invalid"
        )
        self.count, self.rows = count, [{"custom_id": custom_id, "reason": reason} for custom_id, reason in rows]


class BatchesNotOffered(KandilError):
    """Nobody there takes batches, or kandil does not know how."""

    exit_code = 2
    code = "batches-not-offered"

    def __init__(self, provider: str) -> None:
        who = "a model on this machine" if provider == "local" else provider
        super().__init__(
            f"{who} has no batch API that kandil knows", hint="`kandil batch run` takes the same file and answers now"
        )
        self.provider = provider


class SubmissionUnconfirmed(KandilError):
    """What is submitted is paid for, and nobody has agreed."""

    exit_code = 2
    code = "submission-unconfirmed"

    def __init__(self, rows: int, cost_usd: float | None) -> None:
        cost = "" if cost_usd is None else f" for about {cost_usd:,.2f} US dollars"
        super().__init__(
            f"nobody is here to agree to submit {rows:,} rows{cost}", hint="say --yes; --dry-run shows what it is"
        )
        self.rows, self.cost_usd = rows, cost_usd


class SubmissionMissing(BatchUnusable):
    """Nothing was submitted for this output."""

    code = "submission-missing"

    def __init__(self, output: Path) -> None:
        hint = f"`kandil batch submit ROWS -o {output}` submits; what `kandil batch run` writes is there already"
        super().__init__(output, "nothing was submitted for it", hint=hint)


class SubmissionUnfinished(BatchUnusable):
    """Not all of it is with the provider."""

    exit_code = 1
    code = "submission-unfinished"

    def __init__(self, output: Path) -> None:
        super().__init__(
            output, "not all of it is submitted yet", hint="the same `kandil batch submit` goes on where it stopped"
        )


class SubmissionPending(BatchUnusable):
    """Rows of this output are with a provider, who is paid for them."""

    exit_code = 1
    code = "submission-pending"

    def __init__(self, output: Path) -> None:
        hint = f"`kandil batch fetch {output}` has their answers; `kandil batch cancel {output}` gives them up"
        super().__init__(output, "its rows are submitted to a provider, and not fetched yet", hint=hint)


class _ProviderBatchTrouble(KandilError):
    exit_code = 6

    def __init__(self, provider: str, message: str, hint: str) -> None:
        super().__init__(f"{provider}: {message}", hint=hint)
        self.provider = provider


class ProviderBatchMissing(_ProviderBatchTrouble):
    """The provider does not know a batch that it took."""

    code = "provider-batch-missing"

    def __init__(self, provider: str, batch_id: str) -> None:
        super().__init__(
            provider,
            f"there is no batch {batch_id} (any more)",
            "is the key that of the account it was submitted with? results are kept for about 30 days",
        )
        self.batch_id = batch_id


class BatchUnclear(_ProviderBatchTrouble):
    """An attempt may have created one of several batches, and nothing tells them apart."""

    code = "batch-unclear"

    def __init__(self, provider: str, batch_ids: Sequence[str], state: Path) -> None:
        super().__init__(
            provider,
            f"one of these may be a batch of ours whose creation was cut off: {', '.join(batch_ids)}",
            f"see which it is, and put its id into {state} as batch_id; or null and stage prepared, to submit it anew",
        )
        self.batch_ids, self.state = list(batch_ids), str(state)


class BatchNotOurs(_ProviderBatchTrouble):
    """What was taken for a batch of ours, by its size and time, has other rows. Nothing of it was written."""

    code = "batch-not-ours"

    def __init__(self, provider: str, batch_id: str, state: Path) -> None:
        super().__init__(
            provider,
            f"batch {batch_id}, taken for one whose creation was cut off, has other rows",
            f"put its right id into {state}; or null and stage prepared, to submit it anew",
        )
        self.batch_id, self.state = batch_id, str(state)


class BatchesElsewhere(KandilError):
    """The model's address has changed since its batches were submitted: the key does not go to the old one."""

    exit_code = 9
    code = "batches-elsewhere"

    def __init__(self, model: str, origin: str, now: str) -> None:
        super().__init__(
            f"the batches of {model} are at {origin}, and it is answered at {now} now",
            hint="put the address back (`kandil config`), and fetch again",
        )
        self.model, self.origin, self.now = model, origin, now


class ResultsConflict(BatchUnusable):
    """Two results of one row are of different requests. Nothing was written."""

    code = "results-conflict"

    def __init__(self, custom_id: str, first: tuple[Path, int], second: tuple[Path, int]) -> None:
        where = f"line {second[1]} and {first[0]}, line {first[1]}"
        super().__init__(
            second[0],
            f"{where} have results of different requests, both called {custom_id}",
            hint="these are outputs of different inputs, or of other models or options: merge what belongs together",
        )
        self.custom_id = custom_id
