"""Two ways to do one thing, measured alternately: A B A B …; the figure is the median of the rounds' ratios."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Took:
    """What one run cost. `cpu` is user and system time of the process and all that it started."""

    wall: float
    cpu: float
    peak_bytes: int = 0


Side = Callable[[], Took]


class Failed(Exception):
    """A command did not do what it was asked; the second argument is its stderr."""


@dataclass(slots=True)
class Row:
    """One line of the table: kandil beside one peer, over some rounds; or one figure of kandil alone."""

    case: str
    peer: str
    goal: float | None = None
    metric: Literal["wall", "cpu", "figure"] = "wall"
    per: str = ""
    """What the seconds are for, where it is not the whole case: "a file"."""
    bytes: int = 0
    """Work done by each side in one run; 0 where a rate says nothing."""
    ours: list[Took] = field(default_factory=list)
    theirs: list[Took] = field(default_factory=list)
    library: list[Took] = field(default_factory=list)
    """kandil without the command's start, ledger and output, in the same rounds."""
    value: float | None = None
    unit: str = ""
    missing: str = ""
    """Why there is nothing: the peer is not here."""
    note: str = ""

    def ratios(self, what: str) -> list[float]:
        """Per round, how many times less kandil took."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return [getattr(peer, what) / max(getattr(own, what), 1e-9) for own, peer in pairs]

    def as_json(self) -> dict[str, Any]:
        found = asdict(self)
        if self.ours and self.theirs:
            found["ratio"] = {what: _spread(self.ratios(what)) for what in ("wall", "cpu")}
        return found


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": median(values), "min": min(values), "max": max(values)}


class Bench:
    """Measures rows, says them as they come, keeps them."""

    def __init__(self, *, rounds: int = ROUNDS) -> None:
        self.rounds = rounds
        self.rows: list[Row] = []

    def compare(self, row: Row, ours: Side | None, theirs: Side | None, library: Side | None = None) -> Row:
        """Fills the row: a warm-up of each side, then the rounds. A side that is None is a missing peer."""
        if ours is None or theirs is None:
            row.missing = row.missing or "not here"
        else:
            sides = [(ours, row.ours), (theirs, row.theirs)] + ([(library, row.library)] if library else [])
            try:
                theirs()
            except Failed as error:
                row.missing = (
                    f"{error.args[0]}: {(error.args[1].decode(errors='replace').strip().splitlines() or ['?'])[-1]}"
                )
                return self.keep(row)
            for side in (ours, library):
                if side is not None:
                    side()
            for _ in range(self.rounds):
                for side, taken in sides:
                    taken.append(side())
        return self.keep(row)

    def figure(self, case: str, value: float, unit: str, *, goal: float | None = None, note: str = "") -> Row:
        """A number of kandil's own; the goal is the most that it may be."""
        return self.keep(Row(case, "", goal, "figure", value=value, unit=unit, note=note))

    def keep(self, row: Row) -> Row:
        self.rows.append(row)
        print("  " + say(row), flush=True)
        return row


def say(row: Row) -> str:
    """The row as one line for a person who waits."""
    head = f"{row.case} | {row.peer}" if row.peer else row.case
    if row.missing:
        return f"{head}: MISSING, {row.missing}"
    if row.metric == "figure":
        return f"{head}: {row.value:.3g} {row.unit}"
    ratios = row.ratios(row.metric)
    goal = f" (goal {row.goal:g})" if row.goal else ""
    alone = f"; library alone {median(took.wall for took in row.library):.3g} s" if row.library else ""
    return f"{head}: {median(ratios):.3g}x, {min(ratios):.3g}-{max(ratios):.3g}{goal} by {row.metric}{alone}"


def run(
    argv: Sequence[str | bytes],
    *,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    one_core: bool = False,
    allowed: Sequence[int] = (0,),
) -> Took:
    """Runs a command to its end, its output thrown away.

    Peak memory is that of the largest process among it and its children; a child begins with this process's own peak
    (Linux counts it across exec), so this process stays small.
    """
    changed = {**os.environ, **(env or {})}
    cores = {min(os.sched_getaffinity(0))} if one_core else None
    read, write = os.pipe()
    begun = time.perf_counter()
    process = subprocess.Popen(
        argv,
        stdin=read,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=changed,
        preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,  # noqa: PLW1509 (one thread)
    )
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        pipe.write(stdin)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = code = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if code not in allowed:
        raise Failed(f"{argv[0]!r} ended with {code}", errors)
    return Took(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def measured_within(argv: Sequence[str | bytes], *, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Took:
    """Runs a command that measures itself and prints its wall and CPU seconds, after a warm-up of its own."""
    found = subprocess.run(argv, input=stdin, env={**os.environ, **(env or {})}, capture_output=True, check=False)
    if found.returncode:
        raise Failed(f"{argv!r} ended with {found.returncode}", found.stderr)
    wall, cpu, *_ = map(float, found.stdout.split()[-2:])
    return Took(wall, cpu)
