"""aiohttp, by hand: one session whose connector has as many connections as there are workers."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from rows import CONNECT_SECONDS, KEY, TOTAL_SECONDS, Job, run


async def client(job: Job) -> None:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=job.concurrency),
        timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, connect=CONNECT_SECONDS),
        headers={"Authorization": f"Bearer {KEY}"},
        raise_for_status=True,
    ) as session:
        url = job.url

        async def send(body: dict[str, Any]) -> dict[str, Any]:
            async with session.post(url, json=body) as response:
                return await response.json()

        await job.run_asyncio(send)


if __name__ == "__main__":
    run(lambda job: asyncio.run(client(job)))
