"""The bench's own chat completion server (`server/`, in Rust): built, started on a core of its own, and its counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).parent / "server"
TARGET = Path(__file__).parents[2] / "target" / "bench-server"


def build() -> Path:
    """The server's program, as new as its sources."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", TARGET))
    argv = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", str(SOURCE / "Cargo.toml")]
    subprocess.run([*argv, "--target-dir", str(target)], check=True)
    return target / "release" / "bench-server"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of a certificate authority that was made for this run, and of its certificate for 127.0.0.1."""

    authority: Path
    certificate: Path
    key: Path


def certificates(folder: Path) -> Certificates:
    """By a process of its own: this one stays small, for a child's peak memory begins with its parent's."""
    argv = [sys.executable, "-m", "trustme", "--quiet", "--dir", str(folder), "--identities", "127.0.0.1"]
    subprocess.run(argv, check=True)
    return Certificates(folder / "client.pem", folder / "server.pem", folder / "server.key")


@dataclass(slots=True)
class Server:
    base_url: str
    counts: dict[str, float] = field(default_factory=dict)
    """What it has seen; filled when it has ended."""


@contextmanager
def serving(program: Path, *, core: int, latency_ms: int, tls: Certificates | None, http2: bool) -> Iterator[Server]:
    argv = ["taskset", "-c", str(core), str(program), "--latency-ms", str(latency_ms)]
    argv += ["--tls", str(tls.certificate), str(tls.key)] if tls else []
    argv += ["--h2"] if http2 else []
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(process.stdout.readline().split()[1])
        server = Server(f"{'https' if tls else 'http'}://127.0.0.1:{port}/v1")
        try:
            yield server
        finally:
            process.stdin.close()
            server.counts = json.loads(process.stdout.read())
