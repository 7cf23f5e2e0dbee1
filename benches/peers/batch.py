"""`kandil batch run` beside clients in Python: CPU, rows a second, memory of whole processes. See benches/README.md.

The server has one core, the client another. In each round all clients run once, one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from peers import batch_rows
from peers.chat_server import Certificates, build, certificates, serving
from peers.machine import warn_if_loaded
from peers.measure import ROUNDS, Failed, Took, run

HERE = Path(__file__).parent
VENVS = HERE.parents[1] / ".venv" / "batch-clients"
KANDIL = Path(sys.executable).parent / "kandil"
SECONDS = 20
"""No run is longer because the server takes its time; slow clients have fewer rows for that."""


@dataclass(frozen=True, slots=True)
class Client:
    name: str
    label: str
    rows: int
    """In a run, so that the start counts little and a run takes some seconds."""
    goal: float | None = None
    """How many times kandil's CPU."""


CLIENTS = (
    Client("kandil", "**kandil batch run**", 200_000),
    Client("litellm", "LiteLLM `acompletion`", 8_000, 150),
    Client("openai", "OpenAI SDK", 8_000, 70),
    Client("httpx2", "httpx2 on trio", 10_000, 25),
    Client("aiohttp", "aiohttp by hand", 40_000, 5),
    Client("pyqwest", "pyqwest (Rust)", 50_000),
    Client("wreq", "wreq (Rust)", 60_000, 2.5),
    Client("pyreqwest", "pyreqwest (Rust)", 100_000, 2.5),
)
EVERYBODY = tuple(client.name for client in CLIENTS)
QUICK = ("kandil", "aiohttp", "pyreqwest")
HTTP2 = ("kandil", "pyreqwest", "pyqwest")


@dataclass(frozen=True, slots=True)
class Case:
    latency_ms: int
    concurrency: int
    clients: tuple[str, ...] = QUICK
    tls: bool = False
    http2: bool = False

    def __str__(self) -> str:
        over = " by HTTP/2" if self.http2 else " by TLS" if self.tls else ""
        return f"{self.concurrency:,} in flight, server takes {self.latency_ms} ms{over}"

    def rows(self, client: Client, scale: float) -> int:
        most = self.concurrency / self.latency_ms * 1000 * SECONDS if self.latency_ms else client.rows
        return max(self.concurrency, round(min(client.rows, most) * scale))


CASES = (
    Case(0, 32, EVERYBODY),
    Case(50, 256, EVERYBODY),
    Case(200, 1000, EVERYBODY),
    Case(50, 256, EVERYBODY, tls=True),
    Case(50, 256, HTTP2, tls=True, http2=True),
    Case(0, 256),
    Case(0, 1000),
    Case(50, 32),
    Case(50, 1000),
    Case(200, 32),
    Case(200, 256),
)


@dataclass(slots=True)
class Line:
    """A client in a case."""

    case: str
    client: str
    label: str
    version: str
    goal: float | None
    latency_ms: int
    concurrency: int
    rows: int = 0
    start: dict[str, float] = field(default_factory=dict)
    """One run of a single row: what the start costs."""
    runs: list[dict[str, float]] = field(default_factory=list)
    missing: str = ""


class Bench:
    def __init__(self, folder: Path, scale: float) -> None:
        self.folder, self.scale = folder, scale
        self.program = build()
        self.cores = sorted(os.sched_getaffinity(0))
        self.certificates = certificates(folder)
        self.starts: dict[str, dict[str, float]] = {}

    def measure(self, case: Case, rounds: int) -> list[Line]:
        clients = [client for client in CLIENTS if client.name in case.clients]
        lines = [
            Line(str(case), one.name, one.label, version(one.name), one.goal, case.latency_ms, case.concurrency)
            for one in clients
        ]
        for client, line in zip(clients, lines, strict=True):
            line.rows = case.rows(client, self.scale)
            try:
                line.start = self._start(client)
            except Failed as error:
                line.missing = _last_line(error)
        for _ in range(rounds):
            for client, line in zip(clients, lines, strict=True):
                if not line.missing:
                    try:
                        line.runs.append(self._run(client, case, line.rows))
                    except Failed as error:
                        line.missing = _last_line(error)
        for line in lines:
            print("  " + say(line), flush=True)
        return lines

    def _start(self, client: Client) -> dict[str, float]:
        """The median of three runs of one row, which warm the caches, too."""
        if client.name not in self.starts:
            runs = [self._run(client, Case(0, 1), 1) for _ in range(3)]
            self.starts[client.name] = {what: median(one[what] for one in runs) for what in ("wall", "cpu")}
        return self.starts[client.name]

    def _run(self, client: Client, case: Case, rows: int) -> dict[str, float]:
        source = self.folder / f"{rows}.jsonl"
        if not source.exists():
            batch_rows.write(source, rows)
        tls = self.certificates if case.tls else None
        with (
            tempfile.TemporaryDirectory(dir=self.folder) as home,
            serving(self.program, core=self.cores[0], latency_ms=case.latency_ms, tls=tls, http2=case.http2) as server,
        ):
            target = Path(home) / "results.jsonl"
            env = _environment(home, tls)
            if client.name == "kandil":
                argv = [*_kandil(server.base_url, env), str(source), "-o", str(target)]
                argv += ["--concurrency", str(case.concurrency)]
            else:
                script = HERE / "batch_clients" / f"with_{client.name}.py"
                argv = [str(installed(client.name)), str(script), str(source), str(target)]
                argv += [server.base_url, str(case.concurrency)]
            took = run(["taskset", "-c", str(self.cores[-1]), *argv], env=env)
            if fault := batch_rows.fault(target, rows):
                raise Failed(f"{client.name}, {case}", fault.encode())
        return _counted(took, server.counts)


def _counted(took: Took, counts: dict[str, float]) -> dict[str, float]:
    """What is kept of a run: how busy the server was says whether it was the bottleneck."""
    return {**asdict(took), "server_busy": counts["cpu_seconds"] / took.wall, **counts}


def _environment(home: str, tls: Certificates | None) -> dict[str, str]:
    folders = {f"KANDIL_{what}_DIR": f"{home}/{what.lower()}" for what in ("DATA", "CONFIG", "CACHE", "STATE")}
    return {"HOME": home, **folders} | ({"SSL_CERT_FILE": str(tls.authority)} if tls else {})


def _kandil(base_url: str, env: dict[str, str]) -> list[str]:
    """The command, once the server is known to kandil in a home of its own: nothing that it learned before is there."""
    model = batch_rows.MODEL
    known = [str(KANDIL), "model", "add", model, "--manual", "--provider", "bench", "--api-model", model]
    run([*known, "--protocol", "openai", "--base-url", base_url, "--yes"], env=env)
    return [str(KANDIL), "batch", "run", "-m", model, "--yes"]


def installed(name: str) -> Path:
    """The interpreter of a client's own environment, which has what its requirements say."""
    requirements, folder = HERE / "batch_clients" / f"{name}.txt", VENVS / name
    python, stamp = folder / "bin" / "python", folder / "requirements.txt"
    if not stamp.exists() or stamp.read_bytes() != requirements.read_bytes():
        print(f"  {name}: installing into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        done = subprocess.run(
            [*pip, "--only-binary", ":all:", "-r", str(requirements)], stderr=subprocess.PIPE, check=False
        )
        if done.returncode:
            raise Failed(f"{name} cannot be installed", done.stderr)
        shutil.copy(requirements, stamp)
    return python


def version(name: str) -> str:
    if name == "kandil":
        return metadata.version(name)
    found = re.search(rf"^{name}==(\S+)", (HERE / "batch_clients" / f"{name}.txt").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def say(line: Line) -> str:
    head = f"{line.case} | {line.label}"
    if line.missing:
        return f"{head}: MISSING, {line.missing}"
    middle = {what: median(one[what] for one in line.runs) for what in line.runs[0]}
    return (
        f"{head}: {middle['cpu'] / line.rows * 1e3:.3g} ms CPU a row, {line.rows / middle['wall']:,.0f} rows/s, "
        f"{middle['peak_bytes'] / 1e6:.0f} MB; start {line.start['cpu']:.2g} s; server {middle['server_busy']:.0%} busy"
    )


def _last_line(error: Failed) -> str:
    told = error.args[1].decode(errors="replace").strip().splitlines() or ["?"]
    return f"{error.args[0]}: {told[-1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="1: 200,000 rows of kandil's a run, 8,000 of LiteLLM's"
    )
    parser.add_argument("--dir", type=Path, help="where rows and results are written")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--clients", default=",".join(EVERYBODY), help="of " + ",".join(EVERYBODY))
    parser.add_argument("--cases", type=int, default=len(CASES), help="how many of the cases, from the first")
    options = parser.parse_args()
    warn_if_loaded()
    lines = []
    if len(os.sched_getaffinity(0)) < 2 or shutil.which("cargo") is None:
        print("  MISSING: a core for the server and another for the client, and cargo to build the server", flush=True)
    else:
        asked = options.clients.split(",")
        with tempfile.TemporaryDirectory(dir=options.dir) as folder:
            bench = Bench(Path(folder), options.scale)
            for case in CASES[: options.cases]:
                wanted = tuple(name for name in case.clients if name in asked)
                lines += bench.measure(replace(case, clients=wanted), options.rounds)
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in lines], indent=1))


if __name__ == "__main__":
    main()
