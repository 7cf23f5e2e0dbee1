"""wreq, over Rust's wreq (a fork of reqwest): one client. It reads and writes JSON in Rust."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from rows import CONNECT_SECONDS, KEY, TOTAL_SECONDS, Job, run
from wreq import Client


async def client(job: Job) -> None:
    authorities = os.environ.get("SSL_CERT_FILE")
    async with Client(
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=timedelta(seconds=TOTAL_SECONDS),
        connect_timeout=timedelta(seconds=CONNECT_SECONDS),
        pool_max_idle_per_host=job.concurrency,
        tls_verify=Path(authorities) if authorities else True,
    ) as session:
        url = job.url

        async def send(body: dict[str, Any]) -> dict[str, Any]:
            async with session.post(url, json=body) as response:
                response.raise_for_status()
                return await response.json()

        await job.run_asyncio(send)


if __name__ == "__main__":
    run(lambda job: asyncio.run(client(job)))
