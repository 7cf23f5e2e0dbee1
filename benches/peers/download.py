"""A large file from nginx on this machine to a verified file on the disk: kandil beside curl and huggingface_hub.

Each side is a whole process: start, download, SHA-256. kandil's file is also on the disk when it ends (fsync), and what
has come of it would survive a crash at any moment; the peers leave theirs to the system.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from peers.machine import warn_if_loaded
from peers.measure import ROUNDS, Bench, Failed, Row, Side, Took, run

MIB = 1 << 20
REVISION = "0123456789abcdef0123456789abcdef01234567"
PATH = f"/kandil/bench/resolve/{REVISION}/model.gguf"
FETCH_ONE = str(Path(__file__).with_name("fetch_one.py"))
READY_SECONDS = 10
CONFIG = """
{user}
worker_processes 1;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {folder}/tmp;
    proxy_temp_path {folder}/tmp;
    fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp;
    scgi_temp_path {folder}/tmp;
    server {{
        listen 127.0.0.1:{port};
        location = {path} {{
            alias {folder}/model.gguf;
            add_header X-Repo-Commit {revision};
            add_header X-Linked-Etag '"{sha256}"';
            add_header X-Linked-Size {size};
        }}
    }}
}}
"""


def made(path: Path, size: int) -> str:
    """A file of so many bytes, nowhere the same, that lies in memory; its SHA-256."""
    sha256, part = hashlib.sha256(), bytearray(os.urandom(MIB))
    with path.open("wb") as file:
        for number in range(size // MIB):
            part[:8] = number.to_bytes(8)
            file.write(part)
            sha256.update(part)
    return sha256.hexdigest()


@contextmanager
def serving(folder: Path, sha256: str, size: int) -> Iterator[str]:
    """The URL of the file at an nginx that answers as the hub does."""
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if nginx is None:
        sys.exit("nginx is not here: install it (nginx-light in Debian)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(
        CONFIG.format(user=user, folder=folder, port=port, path=PATH, revision=REVISION, sha256=sha256, size=size)
    )
    server = subprocess.Popen([nginx, "-p", str(folder), "-c", str(config), "-g", "daemon off;"])
    try:
        late = time.monotonic() + READY_SECONDS
        while socket.socket().connect_ex(("127.0.0.1", port)):
            if time.monotonic() > late:
                sys.exit("nginx does not listen")
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def side(place: Path, argv: list[str], env: dict[str, str] | None = None) -> Side:
    """Runs it with an empty folder, whose name is the command's ``{}``; what was written before is on the disk."""

    def once() -> Took:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        os.sync()
        took = run([word.replace("{}", str(place)) for word in argv], env=env)
        found = [path for path in place.rglob("*.gguf") if path.is_file()]
        if len(found) != 1:
            raise Failed("no file came", b"")
        return took

    return once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 4 GiB")
    parser.add_argument("--dir", type=Path, help="where the file goes (default: the temporary folder)")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    size = int(4096 * options.scale) * MIB
    bench = Bench(rounds=options.rounds)
    with tempfile.TemporaryDirectory(prefix="kandil-bench-", dir=options.dir) as name:
        folder = Path(name)
        sha256 = made(folder / "model.gguf", size)
        with serving(folder, sha256, size) as origin:
            warn_if_loaded()
            fetch = lambda who: [sys.executable, FETCH_ONE, who, origin + PATH, "{}", sha256]  # noqa: E731
            url, said = shlex.quote(origin + PATH), f"{sha256}  -"
            piped = f"curl -sS {url} | tee {{}}/model.gguf | sha256sum -c <(echo '{said}') --status"
            after = f"curl -sS -C - -o {{}}/model.gguf {url} && sha256sum {{}}/model.gguf | grep -q ^{sha256}"
            hub = {"HF_ENDPOINT": origin, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(folder / "hf")}
            peers: dict[str, tuple[list[str], dict[str, str] | None]] = {
                "curl | tee FILE | sha256sum": (["bash", "-o", "pipefail", "-c", piped], None),
                "curl -C - -o FILE, sha256sum": (["bash", "-c", after], None),
                "huggingface_hub, its hash": (fetch("huggingface_hub"), hub),
            }
            ours = side(folder / "kandil", fetch("kandil"))
            for peer, (argv, env) in peers.items():
                row = Row(f"{size // MIB} MiB from nginx, verified", peer, 1, bytes=size)
                bench.compare(row, ours, side(folder / "peer", argv, env))
            peak = max(took.peak_bytes for row in bench.rows for took in row.ours)
            bench.figure("peak memory", peak / 1e6, "MB")
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in bench.rows], indent=1))


if __name__ == "__main__":
    main()
