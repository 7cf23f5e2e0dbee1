"""Batches as their users run them: `kandil batch` in processes, and a server that knows what it was asked."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from kandil import registry
from tests.support.servers import raw

DEADLINE_SECONDS = 60
_START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from kandil.cli import main; sys.exit(main())"
)
"""In a shell's background job SIGINT is ignored, and would be by what it starts."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a chat. `times`: how often its prompt has come, from 1."""

    prompt: str
    body: dict[str, Any]
    head: bytes
    times: int


Reply = bytes | None
"""None: the connection is closed without a word."""


def answer(asked: Asked) -> Reply:
    """Its own words, and what they are made of."""
    return chat(f"re: {asked.prompt}", str(asked.body["model"]))


def chat(text: str, model: str = "m", **more: Any) -> bytes:
    """A whole answer in OpenAI's form."""
    return reply(
        200,
        {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        } | more,
    )  # fmt: skip


def refusal(status: int, message: str, code: str | None = None, head: bytes = b"") -> bytes:
    """As OpenAI refuses."""
    return reply(status, {"error": {"message": message, "type": "invalid_request_error", "code": code}}, head)


def reply(status: int, body: object, head: bytes = b"") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head += b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(content)
    return b"HTTP/1.1 %d Said\r\n" % status + head + content


@dataclass
class Server:
    """What it was asked, in order, and how often each thing: it alone knows what was sent, and paid for."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    times: Counter[str] = field(default_factory=Counter)
    _at: tuple[int, Callable[[], object]] | None = None

    def at(self, number: int, act: Callable[[], object]) -> None:
        """Acts when it is asked for the time with this number, from now, before it answers."""
        self._at = (len(self.asked) + number, act)

    def count(self, prompt: str) -> None:
        self.asked.append(prompt)
        self.times[prompt] += 1
        if self._at and len(self.asked) == self._at[0]:
            self._at[1]()


@asynccontextmanager
async def serving(
    answer: Callable[[Asked], Reply | Awaitable[Reply]] = answer, *, tls: Any = None
) -> AsyncIterator[Server]:
    """Chats at `url`, whose prompts are their last messages."""
    server = Server()

    async def answered(stream: trio.abc.Stream, request: bytes) -> bool:
        head, _, content = request.partition(b"\r\n\r\n")
        body = json.loads(content)
        prompt = str(body["messages"][-1]["content"])
        server.count(prompt)
        said = answer(Asked(prompt, body, head, server.times[prompt]))
        if isinstance(said, Awaitable):
            said = await said
        if said is None:
            return True
        await stream.send_all(said)
        return False

    async with raw.serving(answered, tls) as under:
        server.url = f"{under.url}v1"
        yield server


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """What `--json` says at the end."""
        said: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return said


@dataclass(frozen=True, slots=True)
class Folder:
    """Where somebody works: with a file of rows and its results."""

    path: Path

    async def kandil(
        self,
        *args: str | Path,
        stdin: bytes = b"",
        began: Callable[[trio.Process], object] = lambda _: None,
        hears: Callable[[str], object] = lambda _: None,
        deadline_seconds: float = DEADLINE_SECONDS,
        **environment: str,
    ) -> Done:
        """`kandil ARGS`, here. `began` gets the process, for signals; `hears` each line of its standard error."""
        command = [sys.executable, "-c", _START, *map(str, args)]
        told: dict[str, list[str]] = {"stdout": [], "stderr": []}
        async with trio.open_nursery() as nursery:
            process = await trio.lowlevel.open_process(
                command,
                cwd=self.path,
                env=os.environ | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            assert process.stdin is not None

            async def read(name: str) -> None:
                kept = ""
                async for part in getattr(process, name):
                    *lines, kept = (kept + part.decode()).split("\n")
                    for line in lines:
                        told[name].append(f"{line}\n")
                        if name == "stderr":
                            hears(line)
                told[name].append(kept)

            try:
                began(process)
                for name in told:
                    nursery.start_soon(read, name)
                with trio.fail_after(DEADLINE_SECONDS), contextlib.suppress(trio.BrokenResourceError):
                    await process.stdin.send_all(stdin)
                    await process.stdin.aclose()
                with trio.fail_after(deadline_seconds):
                    await process.wait()
            finally:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
        assert process.returncode is not None
        return Done(process.returncode, *("".join(lines) for lines in told.values()))

    def add(self, name: str, url: str, *, protocol: str = "openai", price: tuple[float, float] | None = None) -> None:
        """A model that the user has described; it has no key. Its price is of a million tokens in, and out."""
        profile = {"provider": name, "protocol": protocol, "api_model": "m", "base_url": url}
        priced = {"price": {"input": price[0], "output": price[1]}} if price else {}
        described = registry.Record(
            name=name, source="manual", added_at="2026-01-01T00:00:00Z", provider=name, profile=profile | priced
        )
        registry.add(described, replacing=True)

    async def batch(self, *args: str | Path, rows: str = "rows.jsonl", **more: Any) -> Done:
        """`kandil batch run rows.jsonl -o results.jsonl -m mine ARGS`."""
        return await self.kandil("batch", "run", rows, "-o", "results.jsonl", "-m", "mine", *args, **more)

    def write(self, rows: Iterable[object], name: str = "rows.jsonl") -> None:
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        (self.path / name).write_text("".join(f"{line}\n" for line in lines))

    def lines(self, name: str = "results.jsonl") -> list[dict[str, Any]]:
        """Of a file of results, which need not be there; each of them whole."""
        path = self.path / name
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def texts(self, name: str = "results.jsonl") -> dict[str, str]:
        """What each row was answered; every row is there once."""
        lines = self.lines(name)
        texts = {line["custom_id"]: text(line) for line in lines}
        assert len(texts) == len(lines), "a row is there more than once"
        return texts

    def errors(self) -> dict[str, str]:
        """The code of each row's failure."""
        lines = self.lines("results.errors.jsonl")
        codes = {line["custom_id"]: line["error"]["code"] for line in lines}
        assert len(codes) == len(lines), "a row is there more than once"
        return codes

    def names(self) -> set[str]:
        return {path.name for path in self.path.iterdir()}


def text(line: dict[str, Any]) -> str:
    said: str = line["response"]["body"]["choices"][0]["message"]["content"]
    return said


def prompts(count: int) -> list[dict[str, str]]:
    """Rows of all sorts of sizes; one in three has a name of its own."""
    return [
        {"prompt": f"{number} " + "word " * (number % 17)} | ({"custom_id": f"id/{number}"} if number % 3 == 0 else {})
        for number in range(count)
    ]


def answers(rows: list[dict[str, str]]) -> dict[str, str]:
    """What `answer` makes of them."""
    return {row.get("custom_id", f"row-{line}"): f"re: {row['prompt']}" for line, row in enumerate(rows, 1)}
