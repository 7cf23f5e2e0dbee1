"""Reading GGUF headers: kandil beside llama.cpp and the readers in Python and JavaScript. CPU per file is compared.

See benches/README.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from peers.machine import warn_if_loaded  # noqa: E402
from peers.measure import ROUNDS, Bench, Row, Side, Took, measured_within  # noqa: E402

FILES = 200


@dataclass(frozen=True, slots=True)
class Peer:
    """A reader; `share` of the files is what it has time for."""

    name: str
    reader: str
    goal: float
    share: float
    package: str


PEERS = (
    Peer("llama.cpp, gguf_init_from_file", "llama.cpp", 25, 0.25, "xllamacpp"),
    Peer("gguf-inspect (Python)", "gguf-inspect", 120, 0.05, "gguf_inspect"),
    Peer("gguf-parser (Python)", "gguf-parser", 120, 0.05, "gguf_parser"),
    Peer("hyllama (JavaScript)", "hyllama", 120, 0.05, "node"),
    Peer("@huggingface/gguf (JavaScript)", "huggingface", 120, 0.025, "node"),
    Peer("gguf, GGUFReader (Python)", "gguf", 5000, 0.005, "gguf"),
)
OURS = (("scan", "kandil, scan of a library"), ("header", "kandil, Header.open"))


def make(folder: Path, count: int) -> list[Path]:
    """The files, made by a process of their own: building one takes memory that this one shall not have had."""
    argv = [sys.executable, str(HERE / "gguf_models.py"), str(folder), str(count)]
    subprocess.run(argv, check=True)
    return sorted(folder.glob("*.gguf"))


def side(reader: str, paths: Sequence[Path], node: Path | None) -> Side:
    """CPU and wall seconds a file."""
    stdin = b"\0".join(os.fsencode(path) for path in paths)
    if reader in ("hyllama", "huggingface"):
        argv = ["node", str(HERE / "node" / "readers.mjs"), reader, str(node)]
    else:
        argv = [sys.executable, str(HERE / "gguf_readers.py"), reader]

    def took() -> Took:
        whole = measured_within(argv, stdin=stdin)
        return Took(whole.wall / len(paths), whole.cpu / len(paths))

    return took


def install_node(folder: Path) -> tuple[Path | None, str]:
    """The JavaScript readers, in a folder of their own; None and why not."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return None, "node or npm is not installed"
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / "node" / name, folder / name)
    argv = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    found = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if found.returncode:
        return None, "npm ci failed: " + (found.stderr.strip().splitlines() or ["?"])[-1]
    return folder, ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help=f"1 is {FILES} files, 1.3 GB")
    parser.add_argument("--dir", type=Path, help="where to make the files (default: the temporary folder)")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    warn_if_loaded()
    bench = Bench(rounds=options.rounds)
    with tempfile.TemporaryDirectory(prefix="kandil-bench-", dir=options.dir) as folder:
        measure(bench, Path(folder), max(4, round(FILES * options.scale)))
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in bench.rows], indent=1))


def measure(bench: Bench, folder: Path, count: int) -> None:
    node, no_node = install_node(folder / "node")
    (folder / "models").mkdir()
    paths = make(folder / "models", count)
    ours: dict[str, Callable[[], Took]] = {mode: side(mode, paths, None) for mode, _ in OURS}
    for peer in PEERS:
        some = paths[: max(1, round(count * peer.share))]
        missing = no_node if peer.package == "node" else ""
        if peer.package != "node" and importlib.util.find_spec(peer.package) is None:
            missing = f"the package {peer.package} is not installed"
        theirs = None if missing else side(peer.reader, some, node)
        for mode, name in OURS if peer is PEERS[0] else OURS[:1]:
            row = Row(name, peer.name, peer.goal, "cpu", per="a file", missing=missing)
            bench.compare(row, ours[mode], theirs)
    bench.compare(
        Row("kandil, scan of a library", "kandil, Header.open", None, "cpu", per="a file"), ours["scan"], ours["header"]
    )
    header = paths[0].stat().st_size
    bench.figure("each file, nearly all of it header", header / 1e6, "MB")


if __name__ == "__main__":
    main()
