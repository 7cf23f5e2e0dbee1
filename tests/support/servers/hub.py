"""A hub of models as Hugging Face's is, of real nginx: it points to storage at another name, which gives the files.

Each file is there in several ways, by the first part of its path:

* ``/resolve/``: the hub redirects to the storage, by a signed address that `Hub.renew` makes worthless;
* ``/private/``: as before, for whoever has the token;
* ``/own/``: the hub itself, for whoever has the token; ``/near/``: redirects there, within the hub;
* ``/direct/``: the hub itself, without a redirect; ``/whole/``: never in parts; ``/packed/``: labelled as gzip;
* ``/busy/``: one request a second, others are told to come back in one; ``/slow/``: a MiB a second for each connection.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "hf_" + "kandilTests" * 3
READY_SECONDS = 20.0
WORKERS = 2

_CONFIG = """
{user}
worker_processes {workers};
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    log_format asked escape=json '{{"port": $server_port, "host": "$host", "path": "$uri", "status": $status, '
        '"range": "$http_range", "condition": "$http_if_range", "authorization": "$http_authorization", '
        '"agent": "$http_user_agent", "body_bytes": $body_bytes_sent}}';
    access_log {folder}/asked.jsonl asked;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {folder}/tmp;
    proxy_temp_path {folder}/tmp;
    fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp;
    scgi_temp_path {folder}/tmp;
    limit_req_zone $server_port zone=busy:64k rate=1r/s;
    limit_req_status 429;
    server {{
        listen 127.0.0.1:{hub};
        absolute_redirect off;
        location /resolve/ {{
            rewrite ^/resolve/(.*)$ http://localhost:{storage}/$1?signature={signature} redirect;
        }}
        location /private/ {{
            if ($http_authorization != "Bearer {token}") {{ return 401; }}
            rewrite ^/private/(.*)$ http://localhost:{storage}/$1?signature={signature} redirect;
        }}
        location /own/ {{
            if ($http_authorization != "Bearer {token}") {{ return 401; }}
            alias {folder}/files/;
        }}
        location /near/ {{ rewrite ^/near/(.*)$ /own/$1 redirect; }}
        location /direct/ {{ alias {folder}/files/; }}
        location /whole/ {{ alias {folder}/files/; max_ranges 0; }}
        location /packed/ {{ alias {folder}/files/; add_header Content-Encoding gzip; }}
        location /busy/ {{
            limit_req zone=busy;
            add_header Retry-After 1 always;
            alias {folder}/files/;
        }}
        location /slow/ {{ alias {folder}/files/; limit_rate 1m; }}
        {more}
    }}
    server {{
        listen 127.0.0.1:{storage};
        listen [::1]:{storage};
        location / {{
            if ($arg_signature != "{signature}") {{ return 403; }}
            root {folder}/files;
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, as nginx has logged it when it was answered."""

    port: int
    host: str
    path: str
    status: int
    range: str
    condition: str
    authorization: str
    agent: str
    body_bytes: int


@dataclass
class Hub:
    """Running nginx. Files are those of `folder`."""

    root: Path
    hub_port: int
    storage_port: int
    more: str = ""
    """Of nginx's language: further locations of the hub."""
    _signature: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def folder(self) -> Path:
        return self.root / "files"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.hub_port}"

    def asked(self) -> list[Asked]:
        """All requests that were answered so far."""
        lines = (self.root / "asked.jsonl").read_text().splitlines()
        return [Asked(**json.loads(line)) for line in lines]

    def forget(self) -> None:
        """What was asked so far."""
        os.truncate(self.root / "asked.jsonl", 0)

    def renew(self) -> None:
        """Signed addresses that the hub has given out are good for nothing from now on."""
        self._signature += 1
        self._write()
        assert self._process is not None
        before = self._workers()
        subprocess.run([*self._nginx(), "-s", "reload"], check=True)
        _until(lambda: not before & self._workers())

    def start(self) -> None:
        self._write()
        self._process = subprocess.Popen([*self._nginx(), "-g", "daemon off;"])
        _until(lambda: len(self._workers()) == WORKERS and _listens(self.hub_port) and _listens(self.storage_port))

    def stop(self) -> None:
        """At once: who is being answered is cut off."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _nginx(self) -> list[str]:
        return ["nginx", "-p", str(self.root), "-c", str(self.root / "nginx.conf")]

    def _workers(self) -> set[str]:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return set(children.read_text().split())

    def _write(self) -> None:
        config = _CONFIG.format(
            user="user root;" if os.geteuid() == 0 else "",
            folder=self.root,
            workers=WORKERS,
            hub=self.hub_port,
            storage=self.storage_port,
            signature=f"s{self._signature}",
            token=TOKEN,
            more=self.more,
        )
        (self.root / "nginx.conf").write_text(config)


@contextmanager
def hub(root: Path, more: str = "") -> Iterator[Hub]:
    """Without files. Skips the test where nginx is missing."""
    if not shutil.which("nginx"):
        os.environ["PATH"] += ":/usr/sbin"  # where Debian has it, and ordinary users do not look
    parts.need("nginx", package="nginx-light")
    (root / "files").mkdir()
    (root / "asked.jsonl").touch()
    hub_port, storage_port = _free_ports(2)
    running = Hub(root, hub_port, storage_port, more)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(happened: Callable[[], bool]) -> None:
    late = time.monotonic() + READY_SECONDS
    while not happened():
        assert time.monotonic() < late, "nginx is not ready"
        time.sleep(0.01)
