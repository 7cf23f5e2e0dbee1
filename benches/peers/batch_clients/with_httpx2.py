"""httpx2 on trio: one client, its pool as large as the number of workers."""

from __future__ import annotations

from typing import Any

import httpx2
import trio
from rows import CONNECT_SECONDS, KEY, TOTAL_SECONDS, Job, run


async def client(job: Job) -> None:
    limits = httpx2.Limits(max_connections=job.concurrency, max_keepalive_connections=job.concurrency)
    timeout = httpx2.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx2.AsyncClient(limits=limits, timeout=timeout, headers=headers) as session:
        url = job.url

        async def send(body: dict[str, Any]) -> dict[str, Any]:
            response = await session.post(url, json=body)
            return response.raise_for_status().json()

        await job.run_trio(send)


if __name__ == "__main__":
    run(lambda job: trio.run(client, job))
