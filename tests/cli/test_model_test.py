"""`kandil model test`: each step has its state, and each way to fail its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from kandil import registry
from kandil.registry import Record
from tests.support import answering
from tests.support.runtimes import xllamacpp
from tests.support.servers import raw

LIST = raw.reply(b'{"data":[{"id":"m"}]}', b"content-type: application/json\r\n")
ANSWER = raw.reply(
    b'{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":1}}',
    b"content-type: application/json\r\nx-ratelimit-limit-requests: 500\r\nx-ratelimit-remaining-requests: 499\r\n",
)


def refused(status: int, message: str) -> bytes:
    body = json.dumps({"error": {"message": message}}).encode()
    return b"HTTP/1.1 %d No\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


def add(url: str) -> None:
    fields = {"provider": "mine", "protocol": "openai", "base_url": url, "api_model": "m"}
    registry.add(Record(name="mine", source="manual", profile=fields), replacing=True)


async def outcome(folder: Path, *args: str) -> tuple[int, dict[str, str], dict[str, Any], str]:
    """The exit code, the state of each step, the report, and standard error of the same without --json."""
    command = [sys.executable, "-m", "kandil", "model", "test", *args]
    reported = await trio.run_process(
        [*command, "--json"], cwd=folder, capture_stdout=True, check=False, stdin=subprocess.DEVNULL
    )
    shown = await trio.run_process(
        command, cwd=folder, capture_stdout=True, capture_stderr=True, check=False, stdin=subprocess.DEVNULL
    )
    assert shown.returncode == reported.returncode
    report = json.loads(reported.stdout)
    for step in report["steps"]:
        assert step["name"] in shown.stdout.decode()
    return reported.returncode, {one["name"]: one["state"] for one in report["steps"]}, report, shown.stderr.decode()


def answers(listed: bytes, answered: bytes) -> Any:
    async def answer(stream: trio.abc.Stream, asked: bytes) -> None:
        await stream.send_all(listed if asked.startswith(b"GET") else answered)

    return answer


async def test_all_steps_of_a_server(tmp_path: Path) -> None:
    async with raw.serving(answers(LIST, ANSWER)) as server:
        add(f"{server.url}v1")
        code, states, report, told = await outcome(tmp_path, "mine")
    assert (code, report["error"], told) == (0, None, "")
    assert states == {
        "name": "ok", "connection": "ok", "key": "skipped", "model": "ok",
        "answer": "ok", "format": "ok", "limits": "ok",
    }  # fmt: skip
    assert "500" in next(one["what"] for one in report["steps"] if one["name"] == "limits")
    assert [request.split()[0] for request in server.requests] == [b"GET", b"POST"] * 2
    record = registry.existing("mine")
    assert record.average_latency_ms
    assert record.usage_count == 2
    assert record.limits == report["limits"] == {"requests_per_minute": 500}


async def test_free_asks_for_nothing_that_costs(tmp_path: Path) -> None:
    async with raw.serving(answers(LIST, ANSWER)) as server:
        add(f"{server.url}v1")
        code, states, _, _ = await outcome(tmp_path, "mine", "--free")
    assert (code, states["answer"]) == (0, "skipped")
    assert all(request.startswith(b"GET") for request in server.requests)


@pytest.mark.parametrize(
    ("listed", "answered", "code", "failed", "told"),
    [
        (refused(401, "no"), ANSWER, 5, "key", "does not take the key"),
        (LIST, refused(401, "no"), 5, "key", "does not take the key"),
        (LIST, refused(403, "not here"), 5, "key", "does not allow this"),
        (LIST, refused(404, "The model `m` does not exist"), 3, "answer", "does not offer m"),
        (LIST, raw.reply(b"<html>"), 6, "answer", "web page"),
        (LIST, raw.reply(b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'), 6, "format", "broke off"),
        (refused(404, "nothing"), ANSWER, 0, None, ""),
        (refused(429, "slow down"), ANSWER, 0, None, ""),
        (raw.reply(b"<html>"), ANSWER, 0, None, ""),
    ],
)
async def test_where_it_ends(  # noqa: PLR0917 - each is a column
    listed: bytes, answered: bytes, code: int, failed: str | None, told: str, tmp_path: Path
) -> None:
    async with raw.serving(answers(listed, answered)) as server:
        add(f"{server.url}v1")
        found, states, report, said = await outcome(tmp_path, "mine")
    assert found == code
    assert [name for name, state in states.items() if state == "failed"] == ([failed] if failed else [])
    assert told in said
    if failed:
        assert "hint: " in said
        assert told in report["error"]["message"]


async def test_nobody_listens(tmp_path: Path) -> None:
    async with raw.serving(LIST) as server:
        pass
    add(f"{server.url}v1")
    code, states, _, told = await outcome(tmp_path, "mine")
    assert (code, states) == (6, {"name": "ok", "connection": "failed"})
    assert "nobody listens" in told


async def test_no_such_name(tmp_path: Path) -> None:
    add("https://nothing.invalid/v1")
    code, states, _, _ = await outcome(tmp_path, "mine")
    assert (code, states) == (6, {"name": "failed"})


async def test_a_file_is_verified_loaded_and_asked(tmp_path: Path) -> None:
    xllamacpp()
    (tmp_path / "tiny.gguf").write_bytes(answering.model())
    code, states, report, _ = await outcome(tmp_path, "./tiny.gguf")
    assert (code, report["model"]) == (0, "tiny")
    assert states == {"file": "ok", "answer": "ok", "format": "ok"}
    (tmp_path / "bad.gguf").write_bytes(answering.model()[:-1000])
    code, states, _, _ = await outcome(tmp_path, "./bad.gguf")
    assert (code, states) == (8, {"file": "failed"})


async def test_a_server_that_fails_again_and_again_is_left_alone_and_the_list_says_so(tmp_path: Path) -> None:
    async with raw.serving(answers(LIST, refused(503, "busy"))) as server:
        add(f"{server.url}v1")
        ask = [sys.executable, "-m", "kandil", "ask", "-m", "mine", "hi"]
        for _ in range(2):
            failed = await trio.run_process(ask, check=False, capture_stderr=True, stdin=subprocess.DEVNULL)
            assert failed.returncode == 6
        sent = len(server.requests)
        done = await trio.run_process(ask, check=False, capture_stderr=True, stdin=subprocess.DEVNULL)
        assert (done.returncode, len(server.requests)) == (6, sent)
        assert b"is not asked: it failed 5 times in a row" in done.stderr
        listing = [sys.executable, "-m", "kandil", "model", "list", "--cloud"]
        listed = await trio.run_process(listing, capture_stdout=True)
        in_json = await trio.run_process([*listing, "--json"], capture_stdout=True)
        assert b"failed 5 times" in listed.stdout
        assert json.loads(in_json.stdout)["cloud"][0]["circuit"]["failures"] == 5
        code, _, _, _ = await outcome(tmp_path, "mine")
        assert code == 6
        assert len(server.requests) > sent, "a test asks it all the same"
