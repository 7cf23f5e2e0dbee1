"""pyqwest, over Rust's reqwest: one client, without its tracing."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from pyqwest import Client, HTTPTransport
from rows import CONNECT_SECONDS, KEY, TOTAL_SECONDS, Job, run


async def client(job: Job, authorities: bytes | None) -> None:
    async with HTTPTransport(
        timeout=TOTAL_SECONDS,
        connect_timeout=CONNECT_SECONDS,
        pool_max_idle_per_host=job.concurrency,
        tls_ca_cert=authorities,
        tls_include_system_certs=not authorities,
        enable_otel=False,
    ) as transport:
        session, url = Client(transport), job.url
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

        async def send(body: dict[str, Any]) -> dict[str, Any]:
            response = await session.post(url, headers, json.dumps(body).encode())
            if response.status != 200:
                raise RuntimeError(f"{response.status}: {response.text()}")
            return response.json()

        await job.run_asyncio(send)


if __name__ == "__main__":
    file = os.environ.get("SSL_CERT_FILE")
    run(lambda job: asyncio.run(client(job, Path(file).read_bytes() if file else None)))
