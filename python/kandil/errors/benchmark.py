"""Measuring models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kandil.errors.root import KandilError

if TYPE_CHECKING:
    from pathlib import Path


class BenchmarkUnusable(KandilError):
    """This cannot be measured like this; nothing was sent."""

    exit_code = 2
    code = "benchmark-unusable"

    def __init__(self, reason: str, *, hint: str | None = None) -> None:
        super().__init__(reason, hint=hint)
        self.reason = reason


class BenchmarkUnconfirmed(KandilError):
    """What is sent is paid for, and nobody has agreed."""

    exit_code = 2
    code = "benchmark-unconfirmed"

    def __init__(self, requests: int, cost_usd: float | None) -> None:
        cost = "whose price is not known" if cost_usd is None else f"for up to {cost_usd:,.2f} US dollars"
        super().__init__(
            f"nobody is here to agree to send {requests:,} requests {cost}",
            hint="say --yes, or --budget USD; --dry-run shows what it is",
        )
        self.requests, self.cost_usd = requests, cost_usd


class BenchmarkTooDear(KandilError):
    """It may cost more than it is allowed to; nothing was sent."""

    exit_code = 2
    code = "benchmark-too-dear"

    def __init__(self, cost_usd: float | None, budget_usd: float) -> None:
        cost = "a price is not known" if cost_usd is None else f"it may cost {cost_usd:,.4f} US dollars"
        super().__init__(
            f"{cost}, and the budget is {budget_usd:,.4f}",
            hint="fewer --requests, a shorter --output-tokens or --prompt-tokens, or fewer levels of --concurrency",
        )
        self.cost_usd, self.budget_usd = cost_usd, budget_usd


class ReportUnusable(KandilError):
    """A file is no report of a benchmark that figures can be compared with."""

    exit_code = 3
    code = "report-unusable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path}: {reason}", hint="`kandil model benchmark NAME --json > FILE` writes what can be compared with"
        )
        self.path, self.reason = path, reason
