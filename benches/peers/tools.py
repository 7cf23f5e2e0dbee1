"""The commands that are measured: kandil and its peers, each over a list of files."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from peers.machine import usable_cpus
from peers.measure import Side, Took, measured_within, run

HERE = Path(__file__).parent
KANDIL = str(Path(sys.executable).with_name("kandil"))
NO_SHA_OPENSSL = {"OPENSSL_ia32cap": ":~0x20000000"}
"""Clears the bit of CPUID's leaf 7 that says that there are SHA instructions (x86 alone)."""


def _names(paths: Sequence[Path]) -> bytes:
    return b"\0".join(os.fsencode(path) for path in paths)


def kandil(
    *arguments: str | Path, data: Path | None = None, env: Mapping[str, str] | None = None, one_core: bool = False
) -> Took:
    """`kandil verify` as a whole process; without `data` with an empty ledger."""
    with tempfile.TemporaryDirectory(prefix="kandil-bench-") as fresh:
        home = {f"KANDIL_{kind}_DIR": str(data or fresh) for kind in ("DATA", "CONFIG", "CACHE", "STATE")}
        return run(
            [KANDIL, "verify", "--quiet", *map(str, arguments)],
            env={**home, **(env or {})},
            one_core=one_core,
        )


def library(paths: Sequence[Path], *options: str, env: Mapping[str, str] | None = None) -> Took:
    """The library alone; see library_only.py for the options."""
    return measured_within([sys.executable, str(HERE / "library_only.py"), *options], env=env, stdin=_names(paths))


def each(command: Sequence[str], paths: Sequence[Path], *, env: Mapping[str, str] | None = None) -> Side | None:
    """The command once a file, in as many processes at a time as there are CPUs; None where it is not installed."""
    if shutil.which(command[0]) is None:
        return None
    argv = ["xargs", "-0", f"-P{usable_cpus()}", "-n1", *command]
    return lambda: run(argv, stdin=_names(paths), env=env)


def one_stream(paths: Sequence[Path], *, env: Mapping[str, str] | None = None) -> Side | None:
    """openssl over the files one after the other, on one core."""
    if shutil.which("openssl") is None:
        return None
    return lambda: run(["openssl", "dgst", "-sha256", *map(str, paths)], env=env, one_core=True)


def hub(paths: Sequence[Path], *, env: Mapping[str, str] | None = None) -> Side | None:
    """The loop of `hf cache verify`; None where huggingface_hub is not installed."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    return lambda: run([sys.executable, str(HERE / "hash_hub.py")], stdin=_names(paths), env=env)
