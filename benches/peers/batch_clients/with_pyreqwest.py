"""pyreqwest, over Rust's reqwest: one client, HTTP/2 where it is offered. It reads and writes JSON in Rust."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from pyreqwest.client import ClientBuilder
from rows import CONNECT_SECONDS, KEY, TOTAL_SECONDS, Job, run


async def client(job: Job) -> None:
    builder = (
        ClientBuilder()
        .error_for_status()
        .http2(enable=True)
        .default_headers({"Authorization": f"Bearer {KEY}"})
        .timeout(timedelta(seconds=TOTAL_SECONDS))
        .connect_timeout(timedelta(seconds=CONNECT_SECONDS))
        .pool_max_idle_per_host(job.concurrency)
    )
    async with builder.build() as session:
        url = job.url

        async def send(body: dict[str, Any]) -> dict[str, Any]:
            response = await session.post(url).body_json(body).build().send()
            return await response.json()

        await job.run_asyncio(send)


if __name__ == "__main__":
    run(lambda job: asyncio.run(client(job)))
