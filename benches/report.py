"""A record as Markdown."""

# ruff: noqa: RUF001 (times and en dashes are meant)

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from peers.machine import LOUD_LOAD, describe

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
TITLES = {
    "hash_library": "SHA-256 of a library",
    "scan_gguf": "GGUF headers",
    "rank_names": "Ranking of names",
    "limit_calls": "Keeping limits",
    "batch": "A file of requests",
    "download": "Downloading a file, verified",
    "start_up": "Start",
    "rust": "Inside the core (criterion)",
    "python": "From Python (pytest-benchmark)",
}

_PAIRED = ("hash_library", "scan_gguf", "rank_names", "limit_calls", "download", "start_up")


def markdown(record: dict[str, Any], *, level: int = 2) -> str:
    """The machine, and a table for each group."""
    mark = "#" * level
    load = record["machine"]["load"]
    lines = [f"{'#' * (level - 1)} Measured {record['date']}", "", *describe(record["machine"])]
    lines.append(f"- Rounds: {record['rounds']} of each side, alternating, after a warm-up; scale {record['scale']:g}")
    if load > LOUD_LOAD:
        lines += ["", f"**The machine was not idle (load {load:.2f}): take these figures for noise.**"]
    for name, rows in record["groups"].items():
        table = _pairs(rows) if name in _PAIRED else _batch(rows) if name == "batch" else _alone(rows)
        lines += ["", f"{mark} {TITLES[name]}", "", *table]
    return "\n".join(lines) + "\n"


def rewrite(readme: Path, text: str) -> None:
    """Replaces what stands between the markers."""
    before, _, rest = readme.read_text().partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{readme} has no {BEGIN} … {END}")
    readme.write_text(f"{before}{BEGIN}\n{text}{END}{after}")


def _pairs(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| what | against | goal | ratio: median (min–max) | CPU ratio | kandil | peer | library alone |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_pair(row) for row in rows if row["metric"] != "figure"]
    figures = [row for row in rows if row["metric"] == "figure"]
    if figures:
        lines += ["", "| figure of kandil's own | value | at most |", "|---|---|---|"]
    for row in figures:
        lines.append(f"| {row['case']} | {row['value']:.3g} {row['unit']} | {_goal(row, row['value'], most=True)} |")
    return lines


def _pair(row: dict[str, Any]) -> str:
    if row["missing"]:
        return f"| {row['case']} | {row['peer']} | {_number(row['goal'])} | missing: {row['missing']} | | | | |"
    ratio = row["ratio"][row["metric"]]
    spread = f"**{_times(ratio['median'])}** ({_times(ratio['min'])}–{_times(ratio['max'])})"
    if row["metric"] == "cpu":
        spread += " CPU"
    return "| " + " | ".join((
        row["case"],
        row["peer"],
        _goal(row, ratio["median"]),
        spread,
        _times(row["ratio"]["cpu"]["median"]),
        _seconds(row, "ours"),
        _seconds(row, "theirs"),
        _seconds(row, "library") if row["library"] else "",
    )) + " |"  # fmt: skip


def _seconds(row: dict[str, Any], side: str) -> str:
    what = median(took[row["metric"]] for took in row[side])
    text = _duration(what) + (f" {row['per']}" if row["per"] else "")
    return text + (f", {row['bytes'] / what / 1e9:.2f} GB/s" if row["bytes"] else "")


def _batch(rows: list[dict[str, Any]]) -> list[str]:
    """A table for each case; kandil's line is what the others are compared with, round by round."""
    lines: list[str] = []
    for case in dict.fromkeys(row["case"] for row in rows):
        lines += ["", f"**{case}**", ""] if lines else [f"**{case}**", ""]
        lines += [
            "| client | CPU ms a row (min–max) | no start | rows/s | memory | × kandil's CPU | no start | goal |",
            "|---|---|---|---|---|---|---|---|",
        ]
        here = [row for row in rows if row["case"] == case]
        own = next((row for row in here if row["client"] == "kandil" and not row["missing"]), None)
        lines += [_client(row, own) for row in here]
    return lines


def _client(row: dict[str, Any], own: dict[str, Any] | None) -> str:
    head = f"| {row['label']} {row['version']} "
    if row["missing"]:
        return f"{head}| missing: {row['missing']} | | | | | | |"
    cpu, later = _cpu(row)
    wall, peak = (median(one[what] for one in row["runs"]) for what in ("wall", "peak_bytes"))
    cells = [
        f"**{median(cpu) * 1e3:.3g}** ({min(cpu) * 1e3:.3g}–{max(cpu) * 1e3:.3g})",
        f"{median(later) * 1e3:.3g}",
        f"{row['rows'] / max(wall - row['start']['wall'], 1e-9):,.0f}",
        f"{peak / 1e6:.0f} MB",
    ]
    if own is None or own is row:
        return head + "".join(f"| {cell} " for cell in (*cells, "", "", "")) + "|"
    ratios, later_ratios = (
        [theirs / ours for theirs, ours in zip(*sides, strict=True)] for sides in zip(_cpu(row), _cpu(own), strict=True)
    )
    cells += [
        f"**{_times(median(ratios))}** ({_times(min(ratios))}–{_times(max(ratios))})",
        _times(median(later_ratios)),
    ]
    return head + "".join(f"| {cell} " for cell in (*cells, _goal(row, median(ratios)))) + "|"


def _cpu(row: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Seconds a row of each run, and without what a start costs."""
    start, rows = row["start"]["cpu"], row["rows"]
    taken = [one["cpu"] for one in row["runs"]]
    return [cpu / rows for cpu in taken], [max(cpu - start, 1e-9) / rows for cpu in taken]


def _alone(rows: list[dict[str, Any]]) -> list[str]:
    lines = ["| what | median | rate |", "|---|---|---|"]
    for row in rows:
        rate = ""
        if "bytes_per_second" in row:
            rate = f"{row['bytes_per_second'] / 1e9:.3g} GB/s"
        elif "elements_per_second" in row:
            rate = f"{row['elements_per_second']:.3g} a second"
        lines.append(f"| {row['name']} | {_duration(row['seconds'])} | {rate} |")
    return lines


def _goal(row: dict[str, Any], value: float, *, most: bool = False) -> str:
    if row["goal"] is None:
        return ""
    met = value <= row["goal"] if most else value >= row["goal"]
    number = _number(row["goal"]) + ("" if most else "×")
    return f"{number} {'met' if met else '**not met**'}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,g}"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}×" if ratio >= 100 else f"{ratio:.3g}×"


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
