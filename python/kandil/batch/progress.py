"""How far a batch is, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kandil.errors import KandilError


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
