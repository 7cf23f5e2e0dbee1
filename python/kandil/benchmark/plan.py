"""What a benchmark will send, to whom, and what that costs at most. Nothing is sent to find out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kandil import serving
from kandil.completions import cost_usd
from kandil.errors import BenchmarkUnusable
from kandil.limits import Limiter
from kandil.profiles import Profile
from kandil.providers import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kandil.benchmark.load import Load
    from kandil.config import Config
    from kandil.serving import Place

_MOST_SLOTS: Final = 64
_SLACK: Final = 1.5
"""Prompts may be so much longer than was asked for, until a server has counted one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlan:
    """One model of a benchmark."""

    name: str
    place: Place
    requests: int
    """With those that are not measured."""
    input_tokens: int
    """At most."""
    output_tokens: int
    """At most."""

    @property
    def cost_usd(self) -> float | None:
        """At most, by the listed prices; None: not known. What runs on this machine is free."""
        if not self.place.elsewhere:
            return 0.0
        return cost_usd(
            self.place.profile.price, Usage(input_tokens=self.input_tokens, output_tokens=self.output_tokens)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was found before anything is sent."""

    load: Load
    models: tuple[ModelPlan, ...]

    @property
    def cost_usd(self) -> float | None:
        """At most; None where a model's price is not known."""
        costs = [one.cost_usd for one in self.models]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.models)


async def plan(
    models: Sequence[Profile | Path], load: Load, settings: Config, *, notice: Callable[[str], None]
) -> Plan:
    """Raises: BenchmarkUnusable, and what finding a model fails with: NotHere, FileUnreadable, NotGguf."""
    return Plan(load=load, models=tuple([await _planned(one, load, settings, notice) for one in models]))


async def _planned(model: Profile | Path, load: Load, settings: Config, notice: Callable[[str], None]) -> ModelPlan:
    name = model.id if isinstance(model, Profile) else str(model)
    if isinstance(model, Profile) and model.kind != "chat":
        raise BenchmarkUnusable(f"{name} is no model to ask: its kind is {model.kind}")
    place = await serving.place(model, settings, notice)
    _check_window(name, place, load)
    _check_limits(name, place, load, settings)
    measured, warming = load.most_requests
    return ModelPlan(
        name=name,
        place=place,
        requests=measured + warming,
        input_tokens=round((measured + warming) * load.prompt_tokens * _SLACK),
        output_tokens=measured * load.output_tokens + warming * load.warm_up_tokens,
    )


def _check_window(name: str, place: Place, load: Load) -> None:
    wanted, window = load.prompt_tokens + load.output_tokens, place.profile.context_window
    if window and wanted > window:
        raise BenchmarkUnusable(f"{name} has a context of {window:,} tokens, and prompt and answer have {wanted:,}")


def _check_limits(name: str, place: Place, load: Load, settings: Config) -> None:
    """A benchmark that its own limits hold back would measure them. Raises: BenchmarkUnusable."""
    at_once = max(level.concurrency for level in load.levels)
    if place.endpoint is None and at_once > _MOST_SLOTS and not load.rates_per_second:
        raise BenchmarkUnusable(f"kandil's own server answers at most {_MOST_SLOTS} at once: say --concurrency")
    if load.ignore_limits or not place.elsewhere:
        return
    hint = "--ignore-limits sends whatever was asked for: what the provider refuses is then counted as an error"
    allowed = settings.limits.max_concurrent_requests
    said = settings.origin("limits.max_concurrent_requests").kind != "default"
    if said and not load.rates_per_second and at_once > allowed:
        raise BenchmarkUnusable(f"limits.max_concurrent_requests is {allowed}, which is less than {at_once}", hint=hint)
    assert place.endpoint is not None
    bucket = Limiter().bucket(f"{place.endpoint.provider}/{place.endpoint.model}", serving.listed_limits(place.profile))
    each_minute = bucket.limits.requests_per_minute
    rate = max(load.rates_per_second, default=0.0) * 60
    if each_minute and rate > each_minute:
        raise BenchmarkUnusable(
            f"{name} takes {each_minute:,} requests a minute, and {rate:,.0f} are asked for", hint=hint
        )
