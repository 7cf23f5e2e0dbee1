"""Figures as JSON: what `--json` prints, and what `--compare` reads again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil.benchmark.load import Load
    from kandil.benchmark.run import Measured

SCHEMA: Final = "kandil.model.benchmark/1"


def fields(models: Sequence[Measured], load: Load, measured_at: str) -> dict[str, Any]:
    """All that is known, in plain values."""
    return {
        "measured_at": measured_at,
        "prompt_tokens": load.prompt_tokens,
        "output_tokens": load.output_tokens,
        "seed": load.seed,
        "models": [_model(one) for one in models],
    }


def _model(one: Measured) -> dict[str, Any]:
    error = one.error
    return {
        "name": one.name,
        "provider": one.provider,
        "levels": [
            {"concurrency": level.concurrency, "rate_per_second": level.rate_per_second, **asdict(found)}
            for level, found in one.levels
        ],
        "memory": asdict(one.memory) if one.memory else None,
        "error": {"code": error.code, "message": error.message, "hint": error.hint} if error else None,
    }
