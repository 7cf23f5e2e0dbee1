"""What every client of this bench does alike: rows of a file in, N workers, a result line out for each.

`with_NAME.py INPUT OUTPUT BASE_URL CONCURRENCY`. Rows are read as they are needed; results are written as they come,
without flush or sync (which favours these clients: kandil syncs). A row that fails four times gets an error line.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

KEY = "sk-none"
RETRIES = 3
CONNECT_SECONDS = 10
TOTAL_SECONDS = 600

Send = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""Takes a row's body, gives the whole answer."""
Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Job:
    """What was asked of this process."""

    rows: Iterator[dict[str, Any]]
    results: IO[str]
    base_url: str
    concurrency: int
    failure: dict[str, str] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"{self.base_url}/chat/completions"

    async def worker(self, send: Send, sleep: Sleep, *, retries: int) -> None:
        """One of those that share the rows, each with one request in flight."""
        for row in self.rows:
            body, error = await attempts(send, sleep, row["body"], retries=retries)
            response = {"status_code": 200, "request_id": body["id"], "body": body} if body else None
            self.failure = error or self.failure
            line = {"id": f"batch_req_{row['custom_id']}", "custom_id": row["custom_id"]}
            self.results.write(json.dumps({**line, "response": response, "error": error}) + "\n")

    async def run_asyncio(self, send: Send, *, retries: int = RETRIES) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self.concurrency):
                group.create_task(self.worker(send, asyncio.sleep, retries=retries))

    async def run_trio(self, send: Send, *, retries: int = RETRIES) -> None:
        import trio

        async with trio.open_nursery() as nursery:
            for _ in range(self.concurrency):
                nursery.start_soon(lambda: self.worker(send, trio.sleep, retries=retries))


async def attempts(
    send: Send, sleep: Sleep, body: dict[str, Any], *, retries: int
) -> tuple[dict[str, Any] | None, dict[str, str] | None]:
    """The answer or an error, after as many further attempts as are allowed, with full jitter between them."""
    for attempt in range(retries + 1):
        try:
            return await send(body), None
        except Exception as error:  # noqa: BLE001 (each client has exceptions of its own)
            if attempt == retries:
                return None, {"code": type(error).__name__, "message": str(error)}
            await sleep(random.uniform(0, 2**attempt))
    raise AssertionError


def run(client: Callable[[Job], None]) -> None:
    """Runs a client as the command line says; the exit status tells whether each row has an answer.

    The interpreter is not taken down, which saves these clients some milliseconds: pyqwest's and pyreqwest's threads
    abort there now and then.
    """
    source, target, base_url, concurrency = sys.argv[1:]
    with open(source, encoding="utf-8") as lines, open(target, "w", encoding="utf-8") as results:
        job = Job(map(json.loads, lines), results, base_url, int(concurrency))
        client(job)
    if job.failure:
        print(job.failure, file=sys.stderr, flush=True)
    os._exit(1 if job.failure else 0)
