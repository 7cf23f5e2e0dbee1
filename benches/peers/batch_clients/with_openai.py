"""OpenAI's SDK: one AsyncOpenAI, its pool as large as the number of workers (the default keeps 100 connections)."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from rows import CONNECT_SECONDS, KEY, RETRIES, TOTAL_SECONDS, Job, run


async def client(job: Job) -> None:
    limits = httpx2.Limits(max_connections=job.concurrency, max_keepalive_connections=job.concurrency)
    timeout = httpx2.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS)
    http_client = DefaultAsyncHttpxClient(limits=limits, timeout=timeout)
    async with AsyncOpenAI(
        api_key=KEY, base_url=job.base_url, max_retries=RETRIES, timeout=timeout, http_client=http_client
    ) as openai:

        async def send(body: dict[str, Any]) -> dict[str, Any]:
            completion = await openai.chat.completions.create(**body)
            return completion.to_dict()

        await job.run_asyncio(send, retries=0)  # the SDK's own


if __name__ == "__main__":
    run(lambda job: asyncio.run(client(job)))
