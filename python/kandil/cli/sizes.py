"""Sizes as people write and read them; integer bytes inside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)(b?)(/s)?", re.IGNORECASE | re.ASCII)


def size_bytes(text: str) -> int:
    """`500MB`, `2GiB`, `1.5G` (as GiB), `4096`: integer bytes, at least one. Raises: click.BadParameter."""
    from fractions import Fraction  # decimal, behind it, is slow to import

    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} is not a size such as 500MB or 2GiB.")
    number, unit, binary, byte, _ = match.groups()
    step = 1000 if byte and not binary else 1024
    size = int(Fraction(number) * step ** _POWERS[unit.lower()])
    if not 0 < size < 1 << 63:
        raise click.BadParameter(f"{text!r} is out of range.")
    return size


def fraction(text: str) -> float:
    """`5%` or `5`, as 0.05. Raises: click.BadParameter."""
    number = text.strip().removesuffix("%").strip()
    if re.fullmatch(r"\d+(\.\d+)?", number, re.ASCII) is None or not 0 <= float(number) <= 100:  # noqa: PLR2004
        raise click.BadParameter(f"{text!r} is not a percentage from 0% to 100%.")
    return float(number) / 100


def human_size(size_bytes: float) -> str:
    """`4.7 GB`: one digit, powers of 1000."""
    return _scaled(size_bytes, ("B", "kB", "MB", "GB", "TB", "PB"))


def human_count(count: float) -> str:
    """`8.03 B`: two digits; thousand, million, billion, trillion as `K`, `M`, `B`, `T`."""
    return _scaled(count, ("", "K", "M", "B", "T"), digits=2).rstrip()


def _scaled(value: float, units: Sequence[str], digits: int = 1) -> str:
    for unit in units[:-1]:
        if value < 1000 - 0.5 / 10**digits or unit == units[-1]:
            return f"{value:.0f} {unit}" if unit == units[0] else f"{value:.{digits}f} {unit}"
        value /= 1000
    return f"{value:.{digits}f} {units[-1]}"


def human_time(seconds: float) -> str:
    """`0.4 s`, `2 min 05 s`, `3 h 20 min`."""
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)?", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, None: 1}


def duration_seconds(text: str) -> float:
    """`10m`, `1h`, `90s`, `90`: seconds, at most 30 days. Raises: click.BadParameter."""
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else -1.0
    if not 0 <= seconds <= 30 * 86400:
        raise click.BadParameter(f"{text!r} is not a time such as 90s, 10m or 1h.")
    return seconds


def counted(count: int, what: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
