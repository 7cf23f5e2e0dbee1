"""Latency against throughput, as a picture: SVG, written without a library for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_WIDTH: Final = 760
_HEIGHT: Final = 460
_LEFT: Final = 80
_RIGHT: Final = 210
_TOP: Final = 40
_BOTTOM: Final = 60
_TICKS: Final = 6
_LONGEST_NAME: Final = 28
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

    def at(self, value: float) -> str:
        return f"{self._start + value * self._scale:.1f}"


def _round_step(step: float) -> float:
    """1, 2 or 5 times a power of ten, not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * one for one in (1, 2, 5, 10) if power * one >= step * (1 - 1e-9))


def svg(report: Mapping[str, Any]) -> str:
    """Of each model a line: the median time to the first token of each level against its tokens a second, and dashed
    the 90th percentile.
    """
    curves = [(one["name"], list(_points(one))) for one in report["models"]]
    points = [point for _, curve in curves for point in curve]
    across = _Axis(max((point.tokens for point in points), default=0), _LEFT, _WIDTH - _RIGHT)
    up = _Axis(max((point.p90 for point in points), default=0), _HEIGHT - _BOTTOM, _TOP)
    title = f"{report['prompt_tokens']} tokens in, {report['output_tokens']} out, {report['measured_at']}"
    begin = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">'
    )
    lines = [
        begin,
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, _TOP - 18, title, size=13),
        *_grid(across, up),
    ]
    for number, (name, curve) in enumerate(curves):
        lines += _curve(name, curve, (across, up), number)
    return "\n".join([*lines, "</svg>", ""])


def _points(model: Mapping[str, Any]) -> Iterator[_Point]:
    for level in model["levels"]:
        if first := level["first_token_ms"]:
            rate = level["rate_per_second"]
            label = f"{level['concurrency']} at once" if rate is None else f"{rate:g}/s"
            yield _Point(level["output_tokens_per_second"], first["p50"]["value"], first["p90"]["value"], label)


def _grid(across: _Axis, up: _Axis) -> Iterator[str]:
    floor, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for value in across.ticks:
        yield f'<path d="M{across.at(value)} {_TOP}V{floor}" stroke="#ddd"/>'
        yield _text(across.at(value), floor + 18, f"{value:g}", anchor="middle")
    for value in up.ticks:
        yield f'<path d="M{_LEFT} {up.at(value)}H{right}" stroke="#ddd"/>'
        yield _text(_LEFT - 8, float(up.at(value)) + 4, f"{value:g}", anchor="end")
    yield _text((_LEFT + right) / 2, floor + 42, "generated tokens a second, all requests together", anchor="middle")
    middle = (_TOP + floor) / 2
    yield (
        f'<text x="20" y="{middle}" text-anchor="middle" transform="rotate(-90 20 {middle})">'
        "ms to the first token: median, and dashed p90</text>"
    )


def _curve(name: str, curve: Sequence[_Point], axes: tuple[_Axis, _Axis], number: int) -> Iterator[str]:
    across, up = axes
    colour = _COLOURS[number % len(_COLOURS)]
    for which, dash in (("median", ""), ("p90", ' stroke-dasharray="5 4"')):
        places = " ".join(f"{across.at(point.tokens)},{up.at(getattr(point, which))}" for point in curve)
        yield f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>'
    for point in curve:
        x, y = across.at(point.tokens), up.at(point.median)
        shown = _escaped(f"{name}, {point.label}: {point.tokens:.1f} tokens/s, {point.median:.1f} ms")
        yield f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"><title>{shown}</title></circle>'
        yield _text(float(x) + 7, float(y) - 6, point.label, size=10)
    place = _TOP + 16 + 20 * number
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    yield f'<rect x="{_WIDTH - _RIGHT + 16}" y="{place - 9}" width="10" height="10" fill="{colour}"/>'
    yield _text(_WIDTH - _RIGHT + 32, place, short)


def _text(across: float | str, down: float, text: str, *, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{across}" y="{down}" text-anchor="{anchor}" font-size="{size}">{_escaped(text)}</text>'


def _escaped(text: str) -> str:
    """What no reader of XML takes amiss."""
    return escape("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text))
