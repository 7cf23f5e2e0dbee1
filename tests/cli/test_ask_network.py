"""`kandil ask` of servers that fail, lie or attack: each ends soon, with the right exit code, and says why."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import trio

from tests.support.servers import raw

Answering: TypeAlias = Callable[[trio.abc.Stream, bytes], Awaitable[bool | None]]
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
MEMORY_BYTES = 160 << 20
"""Python, trio, TLS and the rest take half of it."""


def event(text: str | bytes, **more: object) -> bytes:
    if isinstance(text, bytes):
        return b'data: {"choices":[{"index":0,"delta":{"content":"' + text + b'"}}]}\n\n'
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}, **more}]}).encode() + b"\n\n"


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


END = chunk(event("", finish_reason="stop") + b"data: [DONE]\n\n") + b"0\r\n\r\n"
WHOLE = SSE + b"\r\n" + chunk(event("Hello ") + event("there.")) + END


def status(code: int, error: str, head: bytes = b"") -> bytes:
    body = json.dumps({"error": {"message": error, "type": "x", "code": None}}).encode()
    return b"HTTP/1.1 %d No\r\n%scontent-length: %d\r\n\r\n%s" % (code, head, len(body), body)


def sends(*parts: bytes, reset: bool = False, stall: bool = False) -> Answering:
    """Sends the parts and ends the connection, or goes silent."""

    async def answer(stream: trio.abc.Stream, _asked: bytes) -> bool:
        for part in parts:
            await stream.send_all(part)
            await trio.sleep(0.05)  # each is a read of its own
        if stall:
            await trio.sleep_forever()
        if reset:
            await raw.reset(stream)
        return True

    return answer


def in_turn(*answers: bytes) -> Answering:
    """The first request gets the first of them, and so on; the last one is for all that follow."""
    left = list(answers)

    async def answer(stream: trio.abc.Stream, _asked: bytes) -> None:
        await stream.send_all(left.pop(0) if len(left) > 1 else left[0])

    return answer


def without_end(head: bytes, part: bytes) -> Answering:
    async def answer(stream: trio.abc.Stream, _asked: bytes) -> None:
        await stream.send_all(head)
        while True:
            await stream.send_all(part)

    return answer


async def ask(
    server: raw.Server, folder: Path, *args: str, protocol: str = "openai"
) -> subprocess.CompletedProcess[bytes]:
    """What `kandil ask` of a model of this server prints; it has little memory."""
    await trio.run_process(
        [
            *(sys.executable, "-m", "kandil", "model", "add", "fake", "--manual", "--provider", "fake", "--replace"),
            *("--protocol", protocol, "--base-url", server.url, "--api-model", "m", "--yes"),
        ],
        capture_stdout=True, capture_stderr=True,
    )  # fmt: skip
    measured = (
        "import re, resource, runpy, sys; sys.argv[0] = 'kandil'\n"
        "try: runpy.run_module('kandil', run_name='__main__')\n"
        "finally:\n"
        " peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        " if sys.platform == 'linux':\n"  # where that begins with what the process had that started this one
        "  peak = int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) * 1024\n"
        f" assert peak < {MEMORY_BYTES}, f'it took {{peak >> 20}} MiB'\n"
    )
    return await trio.run_process(
        [sys.executable, "-c", measured, "ask", "-m", "fake", "--timeout", "2s", *args],
        cwd=folder, capture_stdout=True, capture_stderr=True, check=False, stdin=subprocess.DEVNULL,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


async def test_an_answer_comes_whole(tmp_path: Path) -> None:
    async with raw.serving(WHOLE) as server:
        done = await ask(server, tmp_path, "hi")
    assert (done.returncode, done.stdout) == (0, b"Hello there.\n")
    sent = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])
    assert sent["messages"] == [{"role": "user", "content": "hi"}]
    assert (sent["model"], sent["stream"]) == ("m", True)


@pytest.mark.parametrize("options", [(), ("--no-stream",), ("--json",)])
async def test_an_answer_that_is_not_as_asked_is_shown_once(options: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    async with raw.serving(WHOLE) as server:
        done = await ask(server, tmp_path, "hi", "--json-schema", "schema.json", *options)
    assert done.returncode == 6
    if options == ("--json",):
        said = json.loads(done.stdout)
        assert (said["text"], said["error"]["code"], said["interrupted"]) == ("Hello there.", "reply-not-json", False)
        return
    assert done.stdout == b"Hello there.\n"
    assert done.stderr.startswith(b"fake: ")
    assert b"\nerror: fake answered no JSON: " in done.stderr


async def test_an_answer_that_is_not_of_the_schema_says_where(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"properties": {"n": {"items": {"type": "integer"}}}}')
    async with raw.serving(SSE + b"\r\n" + chunk(event('{"n": [1, "two"]}')) + END) as server:
        done = await ask(server, tmp_path, "hi", "--json-schema", "schema.json")
    assert (done.returncode, done.stdout) == (6, b'{"n": [1, "two"]}\n')
    assert b"error: fake answered JSON that is not of the schema at /n/1: " in done.stderr


async def test_what_is_no_schema_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"type": "nonsense"}')
    async with raw.serving(WHOLE) as server:
        done = await ask(server, tmp_path, "hi", "--json-schema", "schema.json")
    assert (done.returncode, server.requests) == (2, [])
    assert b"schema.json cannot be sent: it is no JSON Schema: " in done.stderr


async def test_an_empty_answer_is_told_of(tmp_path: Path) -> None:
    async with raw.serving(SSE + b"\r\n" + END) as server:
        done = await ask(server, tmp_path, "hi")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"warning: the answer is empty\n" in done.stderr


BEGUN = SSE + b"\r\n" + chunk(event("Hello "))


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        (sends(BEGUN), 6, "the connection was closed after"),
        (sends(BEGUN, reset=True), 6, "the connection was reset after"),
        (sends(BEGUN, stall=True), 6, "nothing came for 2 s after"),
        (sends(SSE + b"\r\n" + chunk(event("Hello ")), b"0\r\n\r\n"), 6, "broke off"),
        (sends(BEGUN, chunk(b"data: {oops\n\n")), 6, ""),
        (sends(BEGUN, b"zz\r\nbroken"), 6, "is not as HTTP says"),
        (sends(BEGUN, chunk(b'data: {"error":{"message":"too hot","code":500}}\n\n')), 6, "too hot"),
    ],
    ids=["cut", "reset", "stall", "no end", "bits flipped", "broken chunk", "error inside"],
)
async def test_a_stream_that_breaks_says_so_and_keeps_what_came(
    answer: Answering, code: int, told: str, tmp_path: Path
) -> None:
    async with raw.serving(answer) as server:
        done = await ask(server, tmp_path, "hi")
        said = json.loads((await ask(server, tmp_path, "hi", "--json")).stdout)
    assert (done.returncode, done.stdout) == (code, b"Hello \n")
    assert told in done.stderr.decode()
    assert b"error: " in done.stderr
    assert b"hint: " in done.stderr
    assert (said["text"], said["interrupted"]) == ("Hello ", False)
    assert told in said["error"]["message"]


@pytest.mark.parametrize(
    ("refusal", "code", "told"),
    [
        (status(401, "bad key sk-1234"), 5, "fake does not take the key"),
        (status(403, "not in your region"), 5, "fake does not allow this"),
        (status(404, "The model `m` does not exist"), 3, "fake does not offer m"),
        (status(400, "temperature: what?"), 6, "temperature: what?"),
        (status(429, "slow down", b"retry-after: 900\r\n"), 6, "900 s"),
        (status(402, "Insufficient balance"), 6, "credit or quota"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n<html>log in</html>"[:-4], 6, "web page"),
        (b"HTTP/1.1 302 No\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", 6, "redirects to"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 6, "does not speak HTTP"),
    ],
)
async def test_a_refusal_has_its_exit_code(refusal: bytes, code: int, told: str, tmp_path: Path) -> None:
    async with raw.serving(refusal, close=True) as server:
        done = await ask(server, tmp_path, "hi")
    assert (done.returncode, done.stdout) == (code, b"")
    assert told in done.stderr.decode()
    assert b"sk-1234" not in done.stderr
    assert server.connections == 1, "what cannot get better is not tried again"


@pytest.mark.parametrize(
    "failure", [status(503, "busy"), status(500, "oops"), status(429, "slow", b"retry-after: 0\r\n")]
)
async def test_what_passes_is_tried_again(failure: bytes, tmp_path: Path) -> None:
    async with raw.serving(in_turn(failure, failure, WHOLE)) as server:
        done = await ask(server, tmp_path, "hi")
    assert (done.returncode, done.stdout) == (0, b"Hello there.\n")
    assert len(server.requests) == 3
    assert b"trying again (2 of 4)" in done.stderr


async def test_what_does_not_pass_is_given_up(tmp_path: Path) -> None:
    async with raw.serving(status(503, "busy")) as server:
        done = await ask(server, tmp_path, "hi")
    assert (done.returncode, len(server.requests)) == (6, 4)


async def test_nobody_listens(tmp_path: Path) -> None:
    async with raw.serving(WHOLE) as server:
        pass
    done = await ask(server, tmp_path, "hi")
    assert done.returncode == 6
    assert b"nobody listens at 127.0.0.1 port" in done.stderr


BOMB = gzip.compress(bytes(64 << 20))
HOSTILE = {
    "endless header": without_end(b"HTTP/1.1 200 OK\r\n", b"x-more: " + b"a" * 4096 + b"\r\n"),
    "endless line": without_end(BEGUN, chunk(b"a" * 65536)),
    "endless answer without an event": without_end(BEGUN, chunk(b": nothing\n" * 4096)),
    "huge chunk": sends(BEGUN, b"f" * 70_000 + b"\r\n"),
    "bomb": sends(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n"
        + b"content-length: %d\r\n\r\n" % len(BOMB)
        + BOMB
    ),
    "deep": sends(SSE + b"\r\n" + chunk(b"data: " + b"[" * 200_000 + b"\n\n")),
    "redirects": in_turn(raw.redirect("/again", 307)),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_hostile_server_neither_hangs_nor_fills_memory(kind: str, tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with raw.serving(HOSTILE[kind]) as server:
            done = await ask(server, tmp_path, "hi")
    assert done.returncode == 6, done.stderr
    assert b"error: " in done.stderr
    assert b"it took" not in done.stderr
    assert len(done.stderr) < 4000


@pytest.mark.parametrize(("begun", "text"), [(SSE + b"\r\n", b""), (BEGUN, b"Hello \n")])
async def test_a_connection_that_is_kept_alive_is_no_answer(begun: bytes, text: bytes, tmp_path: Path) -> None:
    async def drips(stream: trio.abc.Stream, _asked: bytes) -> None:
        await stream.send_all(begun)
        while True:
            await stream.send_all(chunk(b": wait\n\n"))
            await trio.sleep(0.2)

    with trio.fail_after(60):
        async with raw.serving(drips) as server:
            done = await ask(server, tmp_path, "hi")
    assert (done.returncode, done.stdout) == (6, text)
    assert b"error: nothing of fake's answer came for 2 s" in done.stderr


async def test_hostile_text_moves_no_cursor(tmp_path: Path) -> None:
    text = event("a\x1b[2J\x1b]0;owned\x07\u202eb\r") + event(b"\xff\xfe bytes \\u001b[1A")
    async with raw.serving(SSE + b"\r\n" + chunk(text) + END) as server:
        done = await ask(server, tmp_path, "hi")
        refused = status(400, "\x1b[2J no \u202e")
        in_json = json.loads((await ask(server, tmp_path, "hi", "--json")).stdout)
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout
    assert "\u202e" not in done.stdout.decode()
    assert in_json["text"].startswith("a\x1b[2J")
    async with raw.serving(refused) as server:
        done = await ask(server, tmp_path, "hi")
    assert b"\x1b" not in done.stderr
    assert "\u202e" not in done.stderr.decode()


async def test_who_says_when_is_asked_no_earlier(tmp_path: Path) -> None:
    async with raw.serving(in_turn(status(503, "busy", b"retry-after: 61\r\n"), WHOLE)) as server:
        done = await ask(server, tmp_path, "hi")
    assert (done.returncode, len(server.requests)) == (6, 1)
    assert b"ask again in 61 s" in done.stderr


async def test_a_wait_for_limits_is_told(tmp_path: Path) -> None:
    used_up = (
        b"x-ratelimit-limit-requests: 100\r\nx-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 3s\r\n"
    )
    body = b'{"choices":[{"message":{"content":"once"},"finish_reason":"stop"}]}'
    async with raw.serving(raw.reply(body, used_up)) as server:
        assert (await ask(server, tmp_path, "hi")).returncode == 0
        done = await ask(server, tmp_path, "hi")
    assert b"the limits of fake leave no room" in done.stderr
