"""From the shell's prompt to the answer: kandil's quick commands beside Python itself, click, and `hf`.

See benches/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from peers.machine import warn_if_loaded
from peers.measure import ROUNDS, Bench, Row, Side, Took, run

REPEATS = 5
"""Starts in one run, because one is short."""
LIST_SECONDS = 0.15
"""What `kandil model list` may take."""
COMMANDS = (
    ("--version",),
    ("--help",),
    ("model", "show", "gpt-5"),
    ("model", "show", "qwen2.5-coder:7b"),
    ("model", "aliases", "sonnet"),
    ("model", "list"),
    ("config", "show"),
)
CLICK = [sys.executable, "-c", "import click"]
"""The least that a command line of click's can cost."""
BIN = Path(sys.executable).parent


def started(argv: list[str], env: dict[str, str]) -> Side:
    """Seconds a start."""

    def side() -> Took:
        runs = [run(argv, env=env) for _ in range(REPEATS)]
        return Took(
            sum(one.wall for one in runs) / REPEATS,
            sum(one.cpu for one in runs) / REPEATS,
            max(one.peak_bytes for one in runs),
        )

    return side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="not used: nothing is large")
    parser.add_argument("--dir", type=Path, help="not used: kandil's folders are made anew")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    warn_if_loaded()
    bench = Bench(rounds=options.rounds)
    with tempfile.TemporaryDirectory() as home:
        env = {"HOME": home, "KANDIL_DATA_DIR": f"{home}/data", "KANDIL_CONFIG_DIR": f"{home}/config"}
        kandil = str(BIN / "kandil")
        for words in COMMANDS:
            row = Row(f"kandil {' '.join(words)}", "python -c 'import click'", per="a start")
            bench.compare(row, started([kandil, *words], env), started(CLICK, env))
            if words == ("model", "list"):
                took = sorted(one.wall for one in row.ours)[len(row.ours) // 2]
                bench.figure("kandil model list", took * 1e3, "ms", goal=LIST_SECONDS * 1e3)
        hf = BIN / "hf"
        peer = started([str(hf), "version"], env) if hf.exists() else None
        bench.compare(
            Row("kandil --version", "hf version", 1, per="a start"), started([kandil, "--version"], env), peer
        )
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in bench.rows], indent=1))


if __name__ == "__main__":
    main()
