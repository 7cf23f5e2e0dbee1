"""Figures beside earlier ones, or one model's beside another's."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kandil import files
from kandil.benchmark.figures import Quantile
from kandil.benchmark.report import SCHEMA
from kandil.errors import ReportUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LARGEST_BYTES: Final = 64 << 20
_SPREADS: Final = ("first_token_ms", "first_answer_token_ms", "inter_token_ms", "request_ms", "tokens_per_second")
"""Compared by their medians."""
_TOTALS: Final = ("output_tokens_per_second", "requests_per_second")
LESS_IS_BETTER: Final = frozenset({"first_token_ms", "first_answer_token_ms", "inter_token_ms", "request_ms"})
Levels = dict[tuple[int, float | None], dict[str, Any]]
"""Of a model, as `fields` has them, by concurrency and rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One figure, beside the same one of another time or another model."""

    model: str
    concurrency: int
    rate_per_second: float | None
    figure: str
    before: float
    after: float
    differs: bool | None
    """The intervals of the two medians do not meet; None: there are none to tell it from noise."""

    @property
    def ratio(self) -> float:
        return self.after / self.before if self.before else math.inf

    @property
    def better(self) -> bool | None:
        """None: nobody can tell it from noise."""
        if not self.differs:
            return None
        return (self.after < self.before) == (self.figure in LESS_IS_BETTER)


def earlier(path: Path) -> dict[str, Any]:
    """A report as `--json` printed it: it has models, and they levels. Raises: ReportUnusable."""
    try:
        said = json.loads(files.read(path, _LARGEST_BYTES))
    except OSError as error:
        raise ReportUnusable(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError):
        raise ReportUnusable(path, "it is no JSON") from None
    if not isinstance(said, dict) or said.get("schema") != SCHEMA:
        raise ReportUnusable(path, f"it is no report of a benchmark: its schema is not {SCHEMA}")
    if not _is_whole(said):
        raise ReportUnusable(path, "it is a report that was changed: models or levels are missing")
    return said


def _is_whole(said: Mapping[str, Any]) -> bool:
    models = said.get("models")
    if not isinstance(models, list) or not all(isinstance(one, dict) for one in models):
        return False
    return all(
        isinstance(one.get("name"), str)
        and isinstance(one.get("levels"), list)
        and all(isinstance(level, dict) for level in one["levels"])
        for one in models
    )


def beside(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Ratio, ...]:
    """Of the models of two reports that have the same name, level by level."""
    known = {one["name"]: _levels(one) for one in before["models"]}
    return tuple(
        ratio for one in after["models"] for ratio in _ratios(one["name"], known.get(one["name"], {}), _levels(one))
    )


def between(report: Mapping[str, Any]) -> tuple[Ratio, ...]:
    """Of a report's other models beside its first."""
    first, *others = report["models"]
    return tuple(ratio for one in others for ratio in _ratios(one["name"], _levels(first), _levels(one)))


def _levels(model: Mapping[str, Any]) -> Levels:
    return {(one.get("concurrency", 0), one.get("rate_per_second")): one for one in model["levels"]}


def _ratios(name: str, before: Levels, after: Levels) -> Iterator[Ratio]:
    for (concurrency, rate), now in after.items():
        then = before.get((concurrency, rate))
        if then is None:
            continue
        for figure in (*_SPREADS, *_TOTALS):
            one, other = _value(then, figure), _value(now, figure)
            if one is None or other is None:
                continue
            yield Ratio(
                model=name,
                concurrency=concurrency,
                rate_per_second=rate,
                figure=figure,
                before=one.value,
                after=other.value,
                differs=_differs(one, other),
            )


def _value(level: Mapping[str, Any], figure: str) -> Quantile | None:
    """It, and the interval that it is in. A total has none."""
    found = level.get(figure)
    said = found.get("p50") if isinstance(found, dict) else {"value": found}
    if not isinstance(said, dict):
        return None
    value, low, high = (_number(said.get(name)) for name in ("value", "low", "high"))
    return None if value is None else Quantile(value, low, high)


def _differs(one: Quantile, other: Quantile) -> bool | None:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return None
    return other.low > one.high or other.high < one.low


def _number(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None
