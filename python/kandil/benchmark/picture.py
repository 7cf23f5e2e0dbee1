"""A picture of lines and words: as SVG, written without a library for it, or as PNG, by Pillow."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal
from xml.sax.saxutils import escape

from kandil.errors import ExtraMissing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

_FINE: Final = 2
"""PNG's dots to each unit, for screens that have as many."""
_DASH: Final = (5.0, 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    points: tuple[tuple[float, float], ...]
    colour: str
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    at: tuple[float, float]
    colour: str
    title: str
    """Shown where a pointer rests, in SVG."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    at: tuple[float, float]
    side: float
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """`at` is the left end of their base line, or its middle or right end; upwards, turned to the left."""

    at: tuple[float, float]
    text: str
    size: int = 12
    anchor: Literal["start", "middle", "end"] = "start"
    upwards: bool = False


Shape = Line | Dot | Box | Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Shapes on white; units from the upper left corner."""

    width: int
    height: int
    shapes: tuple[Shape, ...]

    def svg(self) -> bytes:
        begin = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" font-family="sans-serif">'
        )
        ground = f'<rect width="{self.width}" height="{self.height}" fill="white"/>'
        return "\n".join([begin, ground, *(_svg(shape) for shape in self.shapes), "</svg>", ""]).encode()

    def png(self) -> bytes:
        """Raises: ExtraMissing."""
        try:
            from PIL import Image, ImageDraw  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ExtraMissing("a picture as PNG", "plot") from error
        image = Image.new("RGB", (self.width * _FINE, self.height * _FINE), "white")
        draw = ImageDraw.Draw(image)
        for shape in self.shapes:
            if isinstance(shape, Words) and shape.upwards:
                place, mask = _turned(shape)
                image.paste("black", place, mask)
            else:
                _paint(draw, shape)
        out = io.BytesIO()
        image.save(out, "PNG", optimize=True)
        return out.getvalue()


def _svg(shape: Shape) -> str:
    match shape:
        case Line():
            places = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
            dash = f' stroke-dasharray="{_DASH[0]:g} {_DASH[1]:g}"' if shape.dashed else ""
            stroke = f'stroke="{shape.colour}" stroke-width="{shape.width}"{dash}'
            return f'<polyline points="{places}" fill="none" {stroke}/>'
        case Dot(at=(x, y)):
            title = _escaped(shape.title)
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{shape.colour}"><title>{title}</title></circle>'
        case Box(at=(x, y)):
            return f'<rect x="{x}" y="{y}" width="{shape.side}" height="{shape.side}" fill="{shape.colour}"/>'
        case Words(at=(x, y)):
            turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if shape.upwards else ""
            place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{shape.anchor}" font-size="{shape.size}"{turned}'
            return f"<text {place}>{_escaped(shape.text)}</text>"


def _escaped(text: str) -> str:
    """What no reader of XML takes amiss."""
    return escape(_visible(text))


def _visible(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _paint(draw: ImageDraw, shape: Shape) -> None:
    match shape:
        case Line():
            points = [(x * _FINE, y * _FINE) for x, y in shape.points]
            for piece in _dashes(points) if shape.dashed else [points]:
                draw.line(piece, fill=shape.colour, width=round(shape.width * _FINE), joint="curve")
        case Dot(at=(x, y)):
            draw.ellipse([(x - 4) * _FINE, (y - 4) * _FINE, (x + 4) * _FINE, (y + 4) * _FINE], fill=shape.colour)
        case Box(at=(x, y)):
            far = ((x + shape.side) * _FINE, (y + shape.side) * _FINE)
            draw.rectangle([(x * _FINE, y * _FINE), far], fill=shape.colour)
        case Words(at=(x, y)):
            anchor = {"start": "ls", "middle": "ms", "end": "rs"}[shape.anchor]
            draw.text((x * _FINE, y * _FINE), _visible(shape.text), "black", _font(shape.size), anchor=anchor)


def _turned(words: Words) -> tuple[tuple[int, int], Image]:
    """The place and the mask of words that go up; `at` is their middle."""
    from PIL import Image, ImageDraw  # noqa: PLC0415

    font = _font(words.size)
    left, top, right, bottom = (round(one) for one in font.getbbox(words.text, anchor="ms"))
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).text((-left, -top), words.text, 255, font, anchor="ms")
    x, y = (round(one * _FINE) for one in words.at)
    return (x + top, y - right), mask.transpose(Image.Transpose.ROTATE_90)


def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont  # noqa: PLC0415

    return ImageFont.load_default(size * _FINE)


def _dashes(points: Sequence[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    """The pieces of a dashed line, which go on around its corners."""
    drawn, left = True, _DASH[0] * _FINE
    for (x0, y0), (x1, y1) in pairwise(points):
        length, at = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 0.0
        while at < length:
            end = min(at + left, length)
            if drawn:
                yield [(x0 + (x1 - x0) * by / length, y0 + (y1 - y0) * by / length) for by in (at, end)]
            left -= end - at
            at = end
            if left <= 0:
                drawn = not drawn
                left = _DASH[not drawn] * _FINE
