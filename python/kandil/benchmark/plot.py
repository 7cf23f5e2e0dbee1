"""Latency against throughput, as a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kandil.benchmark.picture import Box, Dot, Line, Picture, Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kandil.benchmark.picture import Shape

_WIDTH: Final = 760
_HEIGHT: Final = 460
_LEFT: Final = 80
_RIGHT: Final = 210
_TOP: Final = 40
_BOTTOM: Final = 60
_TICKS: Final = 6
_LONGEST_NAME: Final = 28
_GRID: Final = "#dddddd"
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933")
"""Okabe and Ito's, which people who see fewer colours tell apart."""


@dataclass(frozen=True, slots=True)
class _Point:
    """Of a level: tokens a second, median and 90th percentile of milliseconds, and what it is called."""

    tokens: float
    median: float
    p90: float
    label: str


class _Axis:
    """Values from 0 to what is round above the largest, as places from one end to the other."""

    def __init__(self, largest: float, start: float, end: float) -> None:
        step = _round_step(largest / _TICKS) if largest > 0 else 1.0
        self.ticks = [step * at for at in range(math.ceil(largest / step - 1e-9) + 1 if largest > 0 else 2)]
        self._start, self._scale = start, (end - start) / self.ticks[-1]

    def at(self, value: float) -> float:
        return self._start + value * self._scale


def _round_step(step: float) -> float:
    """1, 2 or 5 times a power of ten, not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * one for one in (1, 2, 5, 10) if power * one >= step * (1 - 1e-9))


def plot(report: Mapping[str, Any]) -> Picture:
    """Of each model a line: the median time to the first token of each level against its tokens a second, and dashed
    the 90th percentile.
    """
    curves = [(one["name"], list(_points(one))) for one in report["models"]]
    points = [point for _, curve in curves for point in curve]
    across = _Axis(max((point.tokens for point in points), default=0), _LEFT, _WIDTH - _RIGHT)
    up = _Axis(max((point.p90 for point in points), default=0), _HEIGHT - _BOTTOM, _TOP)
    title = f"{report['prompt_tokens']} tokens in, {report['output_tokens']} out, {report['measured_at']}"
    shapes: list[Shape] = [Words(at=(_LEFT, _TOP - 18), text=title, size=13), *_grid(across, up)]
    for number, (name, curve) in enumerate(curves):
        shapes += _curve(name, curve, (across, up), number)
    return Picture(width=_WIDTH, height=_HEIGHT, shapes=tuple(shapes))


def _points(model: Mapping[str, Any]) -> Iterator[_Point]:
    for level in model["levels"]:
        if first := level["first_token_ms"]:
            rate = level["rate_per_second"]
            label = f"{level['concurrency']} at once" if rate is None else f"{rate:g}/s"
            yield _Point(level["output_tokens_per_second"], first["p50"]["value"], first["p90"]["value"], label)


def _grid(across: _Axis, up: _Axis) -> Iterator[Shape]:
    floor, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for value in across.ticks:
        x = across.at(value)
        yield Line(points=((x, _TOP), (x, floor)), colour=_GRID)
        yield Words(at=(x, floor + 18), text=f"{value:g}", anchor="middle")
    for value in up.ticks:
        y = up.at(value)
        yield Line(points=((_LEFT, y), (right, y)), colour=_GRID)
        yield Words(at=(_LEFT - 8, y + 4), text=f"{value:g}", anchor="end")
    below = "generated tokens a second, all requests together"
    yield Words(at=((_LEFT + right) / 2, floor + 42), text=below, anchor="middle")
    beside = "ms to the first token: median, and dashed p90"
    yield Words(at=(20, (_TOP + floor) / 2), text=beside, anchor="middle", upwards=True)


def _curve(name: str, curve: Sequence[_Point], axes: tuple[_Axis, _Axis], number: int) -> Iterator[Shape]:
    across, up = axes
    colour = _COLOURS[number % len(_COLOURS)]
    for which in ("median", "p90"):
        points = tuple((across.at(point.tokens), up.at(getattr(point, which))) for point in curve)
        yield Line(points=points, colour=colour, width=1.8, dashed=which == "p90")
    for point in curve:
        x, y = across.at(point.tokens), up.at(point.median)
        title = f"{name}, {point.label}: {point.tokens:.1f} tokens/s, {point.median:.1f} ms"
        yield Dot(at=(x, y), colour=colour, title=title)
        yield Words(at=(x + 7, y - 6), text=point.label, size=10)
    place = _TOP + 16 + 20 * number
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    yield Box(at=(_WIDTH - _RIGHT + 16, place - 9), side=10, colour=colour)
    yield Words(at=(_WIDTH - _RIGHT + 32, place), text=short)
