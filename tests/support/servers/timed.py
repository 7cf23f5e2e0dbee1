"""A server of OpenAI's chat API whose latencies are known: it streams by a schedule, and keeps its own stamps.

It is a process of its own, with one loop and a heap of what is due, so that hundreds of streams are sent on time; that
they were is not assumed: what is compared with is when it sent each piece. Its clock is the one that the core stamps
with. `GET /stamps` gives what it kept, and forgets it.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import random
import selectors
import socket
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

REASONING_PIECES = 3
PROMPT_TOKENS = 100
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Timed:
    """`url` ends before ``/v1``."""

    url: str

    def stamps(self, output_tokens: int) -> list[dict[str, Any]]:
        """Of the requests for so many tokens since it was asked last: when each was read, and each piece sent."""
        with urlopen(f"{self.url}/stamps") as answer:
            return [one for one in json.load(answer) if one["output_tokens"] == output_tokens]


@contextmanager
def timed(
    *, first_seconds: tuple[float, float], gap_seconds: tuple[float, float], counts: bool = True
) -> Iterator[Timed]:
    """Each stream's first piece comes after a time between these, and each next one after a gap between those."""
    from tests.support.servers.process import printing

    said = json.dumps({"first": first_seconds, "gap": gap_seconds, "counts": counts}).encode()
    with printing(r"listening on (\S+)", [sys.executable, __file__], asked=said + b"\n") as url:
        yield Timed(url)


def _now() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@dataclass
class _Stream:
    """An answer under way."""

    connection: socket.socket
    read_at: int
    pieces: list[tuple[int, bytes]]
    """When each is due, and what it is; the last one first."""
    output_tokens: int
    sent_at: list[int] = field(default_factory=list)


class _Server:
    def __init__(self, first: tuple[float, float], gap: tuple[float, float], *, counts: bool) -> None:
        self.first, self.gap, self.counts = first, gap, counts
        self.random = random.Random(1)
        self.selector = selectors.DefaultSelector()
        self.due: list[tuple[int, int, _Stream]] = []
        self.kept: list[dict[str, Any]] = []
        self.began = 0

    def run(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ)
        print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            wait = (self.due[0][0] - _now()) / 1e9 if self.due else None
            for key, _ in self.selector.select(wait if wait is None else max(wait, 0)):
                if key.data is None:
                    self.accept(listener)
                else:
                    self.read(key.fileobj, key.data)
            while self.due and self.due[0][0] <= _now():
                self.send(heapq.heappop(self.due)[2])

    def accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(connection, selectors.EVENT_READ, bytearray())

    def read(self, connection: Any, kept: bytearray) -> None:
        try:
            part = connection.recv(1 << 18)
        except ConnectionResetError:
            part = b""
        if not part:
            self.selector.unregister(connection)
            connection.close()
            return
        kept += part
        head, mark, body = bytes(kept).partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        if not mark or len(body) < length:
            return
        kept.clear()
        if head.startswith(b"GET /stamps"):
            said = json.dumps(self.kept).encode()
            self.kept.clear()
            connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(said) + said)
        else:
            self.begin(connection, json.loads(body), _now())

    def begin(self, connection: socket.socket, asked: dict[str, Any], read_at: int) -> None:
        tokens = asked["max_tokens"]
        due = read_at + round(self.random.uniform(*self.first) * 1e9)
        pieces = []
        for number in range(tokens):
            name = "reasoning_content" if number < REASONING_PIECES else "content"
            pieces.append((due, _event({"choices": [{"index": 0, "delta": {name: "word "}}]})))
            due += round(self.random.uniform(*self.gap) * 1e9)
        usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": tokens}
        end: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}
        last = _event(end | ({"usage": usage} if self.counts else {})) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
        pieces.append((pieces[-1][0], last))
        stream = _Stream(connection, read_at, pieces[::-1], tokens)
        connection.sendall(_HEAD)
        self.put(stream)

    def put(self, stream: _Stream) -> None:
        self.began += 1
        heapq.heappush(self.due, (stream.pieces[-1][0], self.began, stream))

    def send(self, stream: _Stream) -> None:
        _, piece = stream.pieces.pop()
        stream.sent_at.append(_now())
        with contextlib.suppress(OSError):  # whoever asked has gone
            stream.connection.sendall(piece)
        if stream.pieces:
            self.put(stream)
            return
        known = {"output_tokens": stream.output_tokens, "read_at": stream.read_at, "ended_at": stream.sent_at.pop()}
        self.kept.append({**known, "sent_at": stream.sent_at})


def _event(fields: dict[str, Any]) -> bytes:
    said = {"object": "chat.completion.chunk", **fields}
    return _chunk(b"data: " + json.dumps(said).encode() + b"\n\n")


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


if __name__ == "__main__":
    said = json.loads(sys.stdin.readline())
    _Server(said["first"], said["gap"], counts=said["counts"]).run()
