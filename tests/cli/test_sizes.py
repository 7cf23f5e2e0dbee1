"""Sizes, rates and shares as people write them."""

from __future__ import annotations

import click
import pytest

from kandil.cli.sizes import counted, fraction, human_count, human_size, human_time, size_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("500MB", 500_000_000),
        ("500mb/s", 500_000_000),
        ("2GiB", 2 << 30),
        ("2 G", 2 << 30),
        ("1.5kB", 1500),
        ("0.1GB", 100_000_000),
        ("64k", 65536),
        ("7B", 7),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1e9", "0", "5XB", "1.5.2GB", "٣GB", "9999999PB", "0.1"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        size_bytes(text)


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("5", 0.05), ("0", 0.0), ("100 %", 1.0), ("0.5%", 0.005)])
def test_percentages_are_read(text: str, share: float) -> None:
    assert fraction(text) == share


@pytest.mark.parametrize("text", ["", "%", "101", "-1", "nan", "five"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        fraction(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (4_683_072_000, "4.7 GB"), (2e18, "2000.0 PB")],
)
def test_sizes_are_shown_with_one_digit(size: float, text: str) -> None:
    assert human_size(size) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0"), (999, "999"), (8_030_261_248, "8.03 B"), (1_500, "1.50 K")])
def test_counts_are_shown_in_thousands(count: int, text: str) -> None:
    assert human_count(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.9, "9.9 s"), (59.4, "59 s"), (125, "2 min 05 s"), (12_000, "3 h 20 min")]
)
def test_times_are_shown_as_people_say_them(seconds: float, text: str) -> None:
    assert human_time(seconds) == text


def test_counted() -> None:
    assert [counted(number, "file") for number in (0, 1, 2_000)] == ["0 files", "1 file", "2,000 files"]
