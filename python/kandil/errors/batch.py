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
