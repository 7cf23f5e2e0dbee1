"""Ranking names of models by what somebody typed: `kandil._core.Names` beside `rapidfuzz.process.extract`.

See benches/README.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from peers.machine import warn_if_loaded
from peers.measure import ROUNDS, Bench, Row, Side, Took

from kandil import _core

COUNTS = (1_000, 10_000, 300_000)
LIMIT = 5
MOST_SECONDS = 0.015
"""For one query among 300 000 names."""
SCORERS = ("WRatio", "QRatio")
"""What `process.extract` takes when nothing is said, and the fastest that gives a ratio of whole names."""
QUERIES = (
    "qwn2.5 codr 32",
    "claud sonet",
    "llama31 70",
    "gpt5",
    "qwen 2.5 coder 7b q4",
    "gemma 3 27b it q8",
    "mistral instruct 7b gguf q4_k_m",
    "llama",
    "nothing like it",
)
_SIZES = (
    "0.5B",
    "1B",
    "1.5B",
    "3B",
    "4B",
    "7B",
    "8B",
    "9B",
    "12B",
    "14B",
    "20B",
    "24B",
    "27B",
    "30B-A3B",
    "32B",
    "34B",
    "70B",
    "72B",
    "120B",
    "235B-A22B",
)
_VARIANTS = (
    "Instruct",
    "Chat",
    "it",
    "Base",
    "Coder",
    "Thinking",
    "Preview",
    "2507",
    "v0.2",
    "v0.3",
    "abliterated",
    "Distill",
    "Vision",
)
_QUANTIZATIONS = ("Q4_K_M", "Q4_K_S", "Q5_K_M", "Q6_K", "Q8_0", "IQ4_XS", "F16")
_SYLLABLES = (
    "bar",
    "tow",
    "ski",
    "un",
    "sloth",
    "the",
    "mrad",
    "er",
    "macher",
    "qu",
    "ant",
    "lm",
    "ggml",
    "nous",
    "mazi",
    "yar",
    "dav",
    "id",
)


def names(count: int) -> list[str]:
    """As a hub has them, always the same: ``owner/Model-7B-Instruct-GGUF:Q4_K_M``."""
    dice = random.Random(count)
    families = sorted({name.split(":")[0].rpartition("/")[2] for name, _ in _core.profile_names()})
    owners = ["".join(dice.choices(_SYLLABLES, k=3)) for _ in range(max(20, count // 100))]
    found: dict[str, None] = {}
    while len(found) < count:
        model = "-".join(dice.choice(part) for part in (families, _SIZES, _VARIANTS))
        found[f"{dice.choice(owners)}/{model}-GGUF:{dice.choice(_QUANTIZATIONS)}"] = None
    return list(found)


def took(rank: Callable[[str], object]) -> Side:
    """Seconds a query, over all queries."""

    def side() -> Took:
        wall, cpu = time.perf_counter(), time.process_time()
        for query in QUERIES:
            rank(query)
        return Took((time.perf_counter() - wall) / len(QUERIES), (time.process_time() - cpu) / len(QUERIES))

    return side


def measure(bench: Bench, count: int) -> None:
    among = names(count)
    before, begun = resident_bytes(), time.perf_counter()
    prepared = _core.Names(among)
    bench.figure(f"{count} names: to prepare them, once", (time.perf_counter() - begun) * 1e3, "ms")
    bench.figure(f"{count} names: memory of it", (resident_bytes() - before) / 1e6, "MB")
    slowest = max(median_seconds(prepared, query) for query in QUERIES)
    goal = MOST_SECONDS * 1e3 if count == COUNTS[-1] else None
    bench.figure(f"{count} names: the slowest query", slowest * 1e3, "ms", goal=goal)
    ours = took(lambda query: prepared.rank(query, LIMIT))
    for scorer in SCORERS:
        row = Row(f"{count} names, best {LIMIT}", f"rapidfuzz process.extract, {scorer}", 1, per="a query")
        bench.compare(row, ours, rapidfuzz(among, scorer))


def median_seconds(prepared: _core.Names, query: str) -> float:
    seconds = []
    for _ in range(9):
        begun = time.perf_counter()
        prepared.rank(query, LIMIT)
        seconds.append(time.perf_counter() - begun)
    return sorted(seconds)[4]


def rapidfuzz(among: list[str], scorer: str) -> Side | None:
    if importlib.util.find_spec("rapidfuzz") is None:
        return None
    from rapidfuzz import fuzz, process

    function = getattr(fuzz, scorer)
    return took(lambda query: process.extract(query, among, scorer=function, limit=LIMIT))


def resident_bytes() -> int:
    """What this process has in memory; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    except OSError:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 1 000, 10 000 and 300 000 names")
    parser.add_argument("--dir", type=Path, help="not used: no files are made")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    warn_if_loaded()
    bench = Bench(rounds=options.rounds)
    for count in COUNTS:
        measure(bench, max(100, round(count * options.scale)))
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in bench.rows], indent=1))


if __name__ == "__main__":
    main()
