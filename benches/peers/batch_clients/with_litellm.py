"""LiteLLM's `acompletion`, its own retries; over aiohttp, which is its default, with as many connections as workers."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else a download at each import
os.environ["AIOHTTP_CONNECTOR_LIMIT"] = os.environ["AIOHTTP_CONNECTOR_LIMIT_PER_HOST"] = sys.argv[-1]

import litellm
from rows import KEY, RETRIES, TOTAL_SECONDS, Job, run


async def client(job: Job) -> None:
    litellm.suppress_debug_info = True
    litellm.telemetry = False

    async def send(body: dict[str, Any]) -> dict[str, Any]:
        asked = {**body, "model": f"openai/{body['model']}"}
        response = await litellm.acompletion(
            **asked, api_base=job.base_url, api_key=KEY, num_retries=RETRIES, timeout=TOTAL_SECONDS
        )
        return response.model_dump()

    await job.run_asyncio(send, retries=0)  # LiteLLM's own


if __name__ == "__main__":
    run(lambda job: asyncio.run(client(job)))
