"""SHA-256 of a library of files: kandil beside sha256sum, openssl and huggingface_hub. See benches/README.md."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from peers import files, tools
from peers.machine import facts, has_sha_instructions, usable_cpus, warn_if_loaded
from peers.measure import ROUNDS, Bench, Row, Side, Took, run

MIB = 1 << 20
SHA256SUM = ("sha256sum",)
OPENSSL = ("openssl", "dgst", "-sha256")
PARALLEL = f"-P{usable_cpus()}"
PEAK_GOAL = 64e6


@dataclass(frozen=True, slots=True)
class As:
    """What a row's two sides are told about the processor."""

    name: str = ""
    kandil: dict[str, str] | None = None
    peer: dict[str, str] | None = None

    def goal(self, ratio: float | None) -> float | None:
        """Against a peer that uses SHA instructions the goals are for processors without them."""
        return ratio if self.peer or not has_sha_instructions() else None


def variants() -> list[As]:
    """As it is; and, where it has SHA instructions, as a processor without them would be."""
    plain = As()
    known = set(facts()["flags"])
    if not has_sha_instructions() or not known & {"avx512f", "avx2"}:
        return [plain]
    widest = "avx512" if "avx512f" in known else "avx2"
    name = f" [as without SHA instructions: kandil forced to {widest}, OpenSSL's masked]"
    return [plain, As(name, {"KANDIL_SHA256": widest}, tools.NO_SHA_OPENSSL)]


def pair(bench: Bench, row: Row, paths: Sequence[Path], how: As, peer: Side | None) -> None:
    """One row: `kandil verify` with an empty ledger beside the peer, and the library alone."""
    row.case += how.name
    row.bytes = sum(path.stat().st_size for path in paths)
    bench.compare(
        row,
        lambda: tools.kandil(*paths, env=how.kandil),
        peer,
        lambda: tools.library(paths, env=how.kandil),
    )


def equal_files(bench: Bench, folder: Path, total: int) -> None:
    with files.library(folder, "equal", [total // 32] * 32) as paths:
        name = f"32 files of {total // 32 // MIB} MiB"
        for how in variants():
            peer = tools.each(SHA256SUM, paths, env=how.peer)
            pair(bench, Row(name, f"sha256sum, xargs {PARALLEL}", 11), paths, how, peer)
            peer = tools.each(OPENSSL, paths, env=how.peer)
            pair(bench, Row(name, f"openssl, xargs {PARALLEL}", how.goal(6.5)), paths, how, peer)
            pair(
                bench,
                Row(name, "the loop of `hf cache verify`", how.goal(12)),
                paths,
                how,
                tools.hub(paths, env=how.peer),
            )
        peak = max(tools.kandil(*paths).peak_bytes for _ in range(3))
        bench.figure(f"peak memory, {name}", peak / 1e6, "MB", goal=PEAK_GOAL / 1e6)
        blake3_cost(bench, paths, name)
        one_core(bench, paths[:16])


def one_core(bench: Bench, paths: Sequence[Path]) -> None:
    known = facts()["flags"]
    if "avx2" not in known:
        bench.keep(Row("AVX2 forced, one core", "openssl, one stream", 3, missing="no AVX2 here"))
        return
    env = {"KANDIL_SHA256": "avx2"}
    for how in variants():
        row = Row("AVX2 forced, one core, 16 files", "openssl, one stream", how.goal(3))
        row.case += " [OpenSSL's SHA instructions masked]" if how.peer else ""
        row.bytes = sum(path.stat().st_size for path in paths)
        bench.compare(
            row,
            lambda: tools.kandil("--jobs", "1", *paths, env=env, one_core=True),
            tools.one_stream(paths, env=how.peer),
            lambda: tools.library(paths, "--threads", "1", "--one-core", env=env),
        )


def unequal_files(bench: Bench, folder: Path, total: int) -> None:
    with files.library(folder, "log-normal", files.log_normal(200, total)) as paths:
        for how in variants():
            row = Row("200 files of log-normal sizes, 0.1-40 scaled", f"openssl, xargs {PARALLEL}", how.goal(6))
            pair(bench, row, paths, how, tools.each(OPENSSL, paths, env=how.peer))


def large_files(bench: Bench, folder: Path, total: int) -> None:
    """The same bytes in ever fewer files."""
    for count, goal in {8: 3.0, 4: 1.4, 2: None, 1: 1.0}.items():
        name = f"{'one file' if count == 1 else f'{count} files'} of {total // count // MIB} MiB"
        with files.library(folder, f"large-{count}", [total // count] * count) as paths:
            for how in variants():
                row = Row(name, f"openssl, xargs {PARALLEL}", how.goal(goal))
                pair(bench, row, paths, how, tools.each(OPENSSL, paths, env=how.peer))
            if count <= 2:
                blake3_cost(bench, paths, name, auto=True)


def blake3_cost(bench: Bench, paths: Sequence[Path], name: str, *, auto: bool = False) -> None:
    """What BLAKE3 beside SHA-256 costs: the pass without it, over the pass with it."""
    for choice in ("auto", "always") if auto else ("always",):
        row = Row(
            f"first pass with BLAKE3 ({choice}), {name}", "first pass without", 0.87 if choice == "auto" else None
        )
        bench.compare(
            row,
            partial(tools.library, paths, "--blake3", choice),
            lambda: tools.library(paths),
        )


def cold_files(bench: Bench, folder: Path, total: int) -> None:
    with files.library(folder, "cold", [total // 32] * 32) as paths:
        cat = tools.each(("cat",), paths)

        def cold(side: Side) -> Took:
            files.forget(paths)
            return side()

        row = Row("cold cache, 32 files", f"cat, xargs {PARALLEL}", 0.9, bytes=total)
        bench.compare(
            row,
            lambda: cold(lambda: tools.kandil(*paths)),
            (lambda: cold(cat)) if cat else None,
            lambda: cold(lambda: tools.library(paths)),
        )


def again(bench: Bench, folder: Path, total: int, count: int) -> None:
    """What the ledger gives: a run over files that have not changed, and re-reading by BLAKE3."""
    with files.library(folder, "small", [64 << 10] * count) as paths, tempfile.TemporaryDirectory(dir=folder) as home:
        where, data = paths[0].parent, Path(home)
        tools.kandil(where, data=data)
        name = f"{count} files of 64 KiB"
        bench.compare(
            Row(f"{name}, again (from the ledger)", "first run"),
            lambda: tools.kandil(where, data=data),
            lambda: tools.kandil(where),
        )
        bench.compare(
            Row(f"{name}, again (from the ledger)", "find -printf (stat alone)"),
            lambda: tools.kandil(where, data=data),
            lambda: run(["find", str(where), "-printf", "%s %T@ %p\\n"]),
        )
        bench.figure(f"{name}, again: seconds", min(r.wall for r in bench.rows[-1].ours), "s")
        peak = max(tools.kandil(where).peak_bytes for _ in range(3))
        bench.figure(f"peak memory, {name}", peak / 1e6, "MB", goal=PEAK_GOAL / 1e6)
    with files.library(folder, "one", [total]) as paths, tempfile.TemporaryDirectory(dir=folder) as home:
        tools.kandil("--pin", *paths, data=Path(home))
        for how in variants():
            row = Row(f"one file of {total // MIB} MiB again, by BLAKE3", "openssl", how.goal(8), bytes=total)
            row.case += " [OpenSSL's SHA instructions masked]" if how.peer else ""
            bench.compare(
                row,
                lambda: tools.kandil("--full", *paths, data=Path(home)),
                tools.each(OPENSSL, paths, env=how.peer),
                lambda: tools.library(paths, "--mode", "blake3"),
            )
    sizes = files.log_normal(64, total)
    with files.library(folder, "again", sizes) as paths, tempfile.TemporaryDirectory(dir=folder) as home:
        tools.kandil("--pin", *paths, data=Path(home))
        for how in variants():
            row = Row(
                f"64 files of log-normal sizes again, by BLAKE3{how.name}", "first run", how.goal(1.3), bytes=sum(sizes)
            )
            bench.compare(
                row,
                partial(tools.kandil, "--full", *paths, data=Path(home), env=how.kandil),
                partial(tools.kandil, *paths, env=how.kandil),
            )


def in_memory(bench: Bench) -> None:
    """One core, no files: the widest kernels beside isa-l_crypto's, which is loaded from ISAL_CRYPTO_LIB."""
    row = Row("one core, in memory, 16 lanes", "isa-l_crypto, 16 lanes", 0.95)
    if "avx512f" not in facts()["flags"]:
        row.missing = "no AVX-512 here"
    elif not os.environ.get("ISAL_CRYPTO_LIB"):
        row.missing = "ISAL_CRYPTO_LIB does not name a libisal_crypto.so"
    else:
        root = Path(__file__).parents[2]
        argv = ["cargo", "bench", "--quiet", "--locked", "-p", "kandil-core", "--bench", "lanes_isal", "--", "--json"]
        found = subprocess.run(argv, cwd=root, stdout=subprocess.PIPE, check=False)
        if found.returncode == 0:
            said = json.loads(found.stdout.splitlines()[-1])
            for kernel in said["rows"]:
                bench.keep(
                    Row(
                        f"one core, in memory, {kernel['width']} lanes",
                        "isa-l_crypto, 16 lanes",
                        0.95,
                        bytes=said["bytes"],
                        ours=[Took(seconds, seconds) for seconds in kernel["kandil"]],
                        theirs=[Took(seconds, seconds) for seconds in kernel["isal"]],
                    )
                )
            return
        row.missing = "the bench lanes_isal failed"
    bench.keep(row)


CASES: dict[str, Callable[[Bench, Path, int, float], None]] = {
    "equal": lambda bench, folder, total, _: equal_files(bench, folder, total),
    "log-normal": lambda bench, folder, total, _: unequal_files(bench, folder, total),
    "large": lambda bench, folder, total, _: large_files(bench, folder, total),
    "memory": lambda bench, _folder, _total, _scale: in_memory(bench),
    "cold": lambda bench, folder, total, _: cold_files(bench, folder, total),
    "again": lambda bench, folder, total, scale: again(bench, folder, total, max(100, int(5000 * min(scale, 1)))),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 3 GiB a case")
    parser.add_argument("--dir", type=Path, help="where to make the files (default: the temporary folder)")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--case", action="append", choices=[*CASES], help="only this one; may be repeated")
    options = parser.parse_args()
    total = int(3072 * MIB * options.scale)
    bench = Bench(rounds=options.rounds)
    with tempfile.TemporaryDirectory(prefix="kandil-bench-", dir=options.dir) as folder:
        for name, case in CASES.items():
            if options.case is None or name in options.case:
                warn_if_loaded()
                case(bench, Path(folder), total, options.scale)
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in bench.rows], indent=1))


if __name__ == "__main__":
    main()
