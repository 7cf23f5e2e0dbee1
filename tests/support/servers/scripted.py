"""A model behind a real server that says what a test has written down, and kandil asked to use it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from tests.support.servers import raw

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

Done = subprocess.CompletedProcess[bytes]
WAIT, REFUSE = "\0wait", "\0refuse"
"""Answers that are none: nothing comes; an error comes."""


_THINKS_SECONDS = 0.05


@dataclass
class Scripted:
    """Says `answers` in turn, the last one again and again; or what `answer` makes of the prompt."""

    folder: Path
    answers: list[str] = field(default_factory=list)
    answer: Callable[[str], str] | None = None
    prompts: list[str] = field(default_factory=list)
    """The last message of each request."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    price: tuple[str, ...] = ()
    most_at_once: int = 0
    asked: trio.Event = field(default_factory=trio.Event)
    """Somebody waits for what never comes."""

    async def _answer(self, stream: trio.abc.Stream, request: bytes) -> None:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            await trio.sleep(_THINKS_SECONDS)
            await self._said(stream, request)
        finally:
            self._now -= 1

    async def _said(self, stream: trio.abc.Stream, request: bytes) -> None:
        self.requests.append(json.loads(request.partition(b"\r\n\r\n")[2]))
        self.prompts.append(self.requests[-1]["messages"][-1]["content"])
        text = self.answers[min(len(self.prompts), len(self.answers)) - 1] if self.answers else ""
        if self.answer is not None:
            text = self.answer(self.prompts[-1])
        if text == WAIT:
            self.asked.set()
            await trio.sleep_forever()
        if text == REFUSE:
            body = b'{"error": {"message": "no", "type": "invalid_request_error"}}'
            head = b"HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
            await stream.send_all(head + body)
            return
        events = [
            {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}},
        ]
        body = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in events) + b"data: [DONE]\n\n"
        await stream.send_all(raw.reply(body, b"content-type: text/event-stream\r\n"))

    async def run(self, *args: str, stop: int = signal.SIGINT) -> Done:
        """`kandil ARGS -m mine` in the folder; once it waits for `WAIT`, the signal comes."""
        async with self.serving(), trio.open_nursery() as nursery:
            with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
                process = await trio.lowlevel.open_process(
                    [sys.executable, "-m", "kandil", *args, "-m", "mine"],
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                )
                nursery.start_soon(self._stop, process, stop)
                code = await process.wait()
                nursery.cancel_scope.cancel()
                printed = [file.read() for file in (out, err) if file.seek(0) == 0]
        return Done(args, code, *printed)

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        """The model `mine` is there."""
        self.prompts.clear()
        self.requests.clear()
        self.most_at_once = self._now = 0
        self.asked = trio.Event()
        async with raw.serving(self._answer) as server:
            described = ["--provider", "mine", "--protocol", "openai", "--api-model", "m", *self.price]
            add = [
                "model",
                "add",
                "mine",
                "--manual",
                "--replace",
                "--yes",
                *described,
                "--base-url",
                f"{server.url}v1",
            ]
            added = await kandil(self.folder, *add)
            assert added.returncode == 0, added.stderr
            yield

    async def _stop(self, process: trio.Process, number: int) -> None:
        await self.asked.wait()
        process.send_signal(number)

    async def json(self, *args: str) -> dict[str, Any]:
        """What it reports."""
        done = await self.run(*args, "--json")
        answer = json.loads(done.stdout)
        assert isinstance(answer, dict)
        return answer


async def kandil(folder: Path, *args: str) -> Done:
    """`kandil ARGS` in the folder."""
    command = [sys.executable, "-m", "kandil", *args]
    return await trio.run_process(
        command, capture_stdout=True, capture_stderr=True, check=False, cwd=folder, stdin=subprocess.DEVNULL
    )
