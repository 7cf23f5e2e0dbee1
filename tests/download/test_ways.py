"""Other ways to a file: HTTP/2 within TLS, and disks that are full in the middle of one whose length nobody said."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import trio

from kandil.download import Remote
from tests.download.conftest import CONTENT, MIB, NAME, SHA256, Fetching
from tests.support import namespaces, parts
from tests.support.servers import asgi, certificates, raw

_ROOT = Path(__file__).resolve().parents[2]


async def test_http2_within_tls(fetching: Fetching, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    versions = set()

    async def hub(scope: dict[str, Any], _: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        first, _, last = headers[b"range"].removeprefix(b"bytes=").partition(b"-")
        part = CONTENT[int(first) : int(last) + 1]
        said = b"bytes %s-%s/%d" % (first, last, len(CONTENT))
        versions.add((scope["http_version"], headers.get(b"if-range")))
        fields = [(b"content-range", said), (b"content-length", b"%d" % len(part)), (b"etag", b'"one"')]
        await send({"type": "http.response.start", "status": 206, "headers": fields})
        await send({"type": "http.response.body", "body": part})

    authority = certificates.trusted(monkeypatch, tmp_path)
    async with asgi.serving(hub, authority, tmp_path) as url:
        fetched = await fetching.one(Remote(url=f"{url}/x", name=NAME, sha256=SHA256))
    assert fetched.etag == '"one"'
    assert fetching.content() == CONTENT
    assert versions == {("1.1", None), ("2", b'"one"')}


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        (b'etag: "strong"', b'"strong"'),
        (b'etag: W/"weak"', None),
        (b"last-modified: Mon, 23 Nov 2026 09:00:00 GMT", b"Mon, 23 Nov 2026 09:00:00 GMT"),
        (b"server: silent", None),
    ],
)
async def test_the_server_is_told_which_version_was_begun(
    fetching: Fetching, said: bytes, condition: bytes | None
) -> None:
    conditions = set()

    async def hub(stream: trio.abc.Stream, asked: bytes) -> None:
        fields = dict(line.lower().split(b": ", 1) for line in asked.split(b"\r\n")[1:] if line)
        first, _, last = fields[b"range"].removeprefix(b"bytes=").partition(b"-")
        part = CONTENT[int(first) : int(last) + 1]
        if last != b"0":
            conditions.add(fields.get(b"if-range"))
        head = b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes %s-%s/%d\r\n" % (first, last, len(CONTENT))
        await stream.send_all(head + b"content-length: %d\r\n" % len(part) + said + b"\r\n\r\n" + part)

    async with raw.serving(hub) as server:
        await fetching.one(Remote(url=server.url, name=NAME, sha256=SHA256))
    assert fetching.content() == CONTENT
    assert conditions == {condition and condition.lower()}


FULL = """
mount -t tmpfs -o size=10m none {folder}
{child} <{asked} || test $? = 7 && ls {folder}
"""


async def test_a_disk_that_is_full_in_the_middle(tmp_path: Path) -> None:
    if not namespaces.are_granted():
        parts.missing("mount namespaces")

    async def endless(stream: trio.abc.Stream, _: bytes) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await stream.send_all(b"100000\r\n" + bytes(MIB) + b"\r\n")

    folder, asked = tmp_path / "small", tmp_path / "asked.json"
    folder.mkdir()
    async with raw.serving(endless) as server:
        wanted = Remote(url=server.url, name=NAME, sha256=SHA256)
        asked.write_text(json.dumps({"remote": asdict(wanted), "options": {}}))
        child = shlex.join([sys.executable, "-m", "tests.download.child", str(folder)])
        script = FULL.format(folder=shlex.quote(str(folder)), child=child, asked=shlex.quote(str(asked)))
        own = ["unshare", "--mount", *(() if os.geteuid() == 0 else ("--user", "--map-root-user"))]
        done = await trio.run_process([*own, "sh", "-c", script], cwd=_ROOT, capture_stdout=True)
    *_, last = done.stdout.decode().splitlines()
    assert last.startswith(f"no-space {folder} is full"), "and nothing is left of what nobody could go on with"
