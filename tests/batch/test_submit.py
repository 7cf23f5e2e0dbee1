"""Batches that are submitted and fetched: nothing twice, nothing lost, whatever a provider does."""

from __future__ import annotations

import functools
import json
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trio

from kandil import config, registry
from kandil.batch import Filling, Order, errors_file, fetching, plan, submission, submitted
from kandil.credentials import Keys
from kandil.errors import (
    BatchesNotOffered,
    BatchNotOurs,
    BatchUnclear,
    BodyCut,
    ConnectionLost,
    OutputBusy,
    ProviderBatchMissing,
    RowsUnsendable,
    SubmissionMissing,
    SubmissionUnfinished,
)
from kandil.registry import Record
from tests.support.servers.provider_batches import Provider, answered, provider, refused

PROTOCOLS = ("openai", "anthropic")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting is tried where the clock is a test's."""
    monkeypatch.setattr("kandil.batch.provider_calls._FIRST_WAIT_SECONDS", 0.0)


def add(url: str, protocol: str = "openai", name: str = "mine") -> None:
    base = f"{url}v1" if protocol == "openai" else url.rstrip("/")
    fields: dict[str, Any] = {"provider": "mine", "protocol": protocol, "base_url": base, "api_model": "m"}
    registry.add(Record(name=name, source="manual", profile=fields), replacing=True)


def rows(folder: Path, *names: str, **more: object) -> Path:
    path = folder / "in.jsonl"
    path.write_text("".join(json.dumps({"custom_id": name, "prompt": name, **more}) + "\n" for name in names))
    return path


async def submit(source: Path, *, skip_invalid: bool = False, retry_failed: bool = False) -> Path:
    """The output."""
    output = source.with_name("out.jsonl")
    profile = registry.profiles()["mine"]
    order = Order(
        input=source, output=output, errors=errors_file(output), model=profile, filling=Filling(body={"max_tokens": 9})
    )
    settings = config.load()
    if before := submitted.pending(output):
        await submission.resume(before, settings, keys=Keys(), notice=print)
        return output
    made = await plan(order, settings, skip_invalid=skip_invalid, retry_failed=retry_failed, notice=print)
    with closing(made):
        await submission.submit(made, settings, keys=Keys(), skip_invalid=skip_invalid, notice=print)
    return output


async def fetch(output: Path, *, wait: bool = False) -> fetching.Fetched:
    return await fetching.fetch(output, config.load(), keys=Keys(), wait=wait, notice=print)


def lines(path: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    by_name = {one["custom_id"]: one for one in found}
    assert len(by_name) == len(found), "a row stands there twice"
    return by_name


def files(folder: Path) -> list[tuple[str, bytes, int]]:
    return [(path.name, path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.iterdir())]


async def test_there_and_back(tmp_path: Path) -> None:
    source = rows(tmp_path, "a", "b", "ü c")
    async with provider() as api:
        add(api.url)
        output = await submit(source)
        state = submitted.state_file(output)
        assert stat.S_IMODE(state.stat().st_mode) == 0o600
        ((name, batch),) = api.batches.items()
        assert [one["body"]["messages"][0]["content"] for one in batch["rows"]] == ["a", "b", "ü c"]
        assert all(one["body"]["model"] == "m" and one["body"]["max_tokens"] == 9 for one in batch["rows"])
        assert not (await fetch(output)).is_whole
        assert not output.exists()
        sent = [one["custom_id"] for one in batch["rows"]]
        api.end(name, "completed", refused(sent[1], "bad"), answered(sent[2]), answered(sent[0]))
        found = await fetch(output)
        assert (found.is_whole, found.answered, found.failed) == (True, 2, 1)
        assert list(lines(output)) == ["ü c", "a"]
        assert lines(errors_file(output))["b"]["error"] == {"code": "bad", "message": "no"}
        assert not submitted.folder(output).exists()
        kept = files(tmp_path)
        asked = len(api.requests)
        assert (await fetch(output)).answered == 2
        assert kept == files(tmp_path)
        assert len(api.requests) == asked, "what is here is not asked for again"


@pytest.mark.parametrize(
    ("status", "code"), [("expired", "batch_expired"), ("cancelled", "batch_cancelled"), ("failed", "batch_failed"),
                         ("completed", "no_answer")]
)  # fmt: skip
async def test_rows_without_a_result_fail_for_the_reason_of_their_batch(status: str, code: str, tmp_path: Path) -> None:
    async with provider() as api:
        add(api.url)
        output = await submit(rows(tmp_path, "a", "b"))
        api.end("batch_0", status, answered("a"))
        found = await fetch(output)
        assert (found.answered, found.failed) == (1, 1)
        assert lines(errors_file(output))["b"]["error"]["code"] == code
        await submit(tmp_path / "in.jsonl", retry_failed=True)
        assert [one["custom_id"] for one in api.batches["batch_1"]["rows"]] == ["b"], "what has an answer is not sent"
        api.end("batch_1", "completed", answered("b"))
        found = await fetch(output)
        assert (found.answered, found.failed) == (2, 0)


async def test_what_a_provider_says_of_a_whole_batch_is_told(tmp_path: Path) -> None:
    async with provider() as api:
        add(api.url)
        output = await submit(rows(tmp_path, "a"))
        api.batches["batch_0"]["errors"] = {"data": [{"code": "token_limit_exceeded", "message": "too many queued"}]}
        api.end("batch_0", "failed")
        await fetch(output)
    assert lines(errors_file(output))["a"]["error"] == {"code": "batch_failed", "message": "too many queued"}


class Lost:
    """The first request of a method and path, lost once: its reply, or all of it."""

    def __init__(self, request: str) -> None:
        self.request, self.left = request, 1

    def __call__(self, request: str) -> None:
        if self.left and request == self.request:
            self.left -= 1
            raise ConnectionResetError


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("protocol", "request_line"),
    [("openai", "POST /v1/files"), ("openai", "POST /v1/batches"), ("anthropic", "POST /v1/messages/batches")],
)
async def test_a_lost_request_or_reply_submits_nothing_twice(
    protocol: str, request_line: str, when: str, tmp_path: Path
) -> None:
    async with provider() as api:
        add(api.url, protocol)
        setattr(api, when, Lost(request_line))
        output = await submit(rows(tmp_path, "a", "b"))
        assert api.rows() == ["a", "b"]
        (batch,) = submitted.read(output).batches
        assert batch.guessed == (protocol == "anthropic" and when == "after")


async def test_a_provider_that_is_down_leaves_what_goes_on_later(tmp_path: Path) -> None:
    def down(_request: str) -> None:
        raise ConnectionResetError

    source = rows(tmp_path, "a", "b")
    async with provider() as api:
        add(api.url)
        api.before = down
        with pytest.raises(ConnectionLost):
            await submit(source)
        output = tmp_path / "out.jsonl"
        with pytest.raises(SubmissionUnfinished):
            await fetch(output)
        api.before = lambda _: None
        await submit(source)
        assert api.rows() == ["a", "b"]
        await submit(source)
        assert api.rows() == ["a", "b"], "what is submitted is not submitted again"


async def test_what_nobody_can_tell_apart_is_said(tmp_path: Path) -> None:
    """Anthropic keeps no marks: two new batches of this size, and one of them may be ours."""
    async with provider() as api:
        add(api.url, "anthropic")
        api.after = Lost("POST /v1/messages/batches")
        api.before = lambda request: api.batches.update(
            {}
            if "GET" in request
            else {"other": {"rows": [{}, {}], "status": "in_progress", "asked": {}, "created": 9e9}}
        )
        with pytest.raises(BatchUnclear) as caught:
            await submit(rows(tmp_path, "a", "b"))
        assert sorted(caught.value.batch_ids) == ["batch_1", "other"]


async def test_a_batch_that_is_not_ours_is_not_taken(tmp_path: Path) -> None:
    async with provider() as api:
        add(api.url, "anthropic")
        api.after = Lost("POST /v1/messages/batches")
        output = await submit(rows(tmp_path, "a", "b"))
        other = [{"custom_id": name, "result": {"type": "expired"}} for name in ("x", "y")]
        api.end_message_batch("batch_0", *other)
        with pytest.raises(BatchNotOurs):
            await fetch(output)
        assert not output.exists()
        assert not errors_file(output).exists()


async def test_anthropics_results(tmp_path: Path) -> None:
    message = {
        "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "yes"}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 1}, "id": "msg_1",
    }  # fmt: skip
    async with provider() as api:
        add(api.url, "anthropic")
        output = await submit(rows(tmp_path, "a", "b", "c", "d"))
        assert api.batches["batch_0"]["rows"][0]["params"]["max_tokens"] == 9
        error = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
        api.end_message_batch(
            "batch_0",
            {"custom_id": "d", "result": {"type": "succeeded", "message": message}},
            {"custom_id": "a", "result": {"type": "errored", "error": error}},
            {"custom_id": "b", "result": {"type": "expired"}},
            {"custom_id": "c", "result": {"type": "canceled"}},
        )
        found = await fetch(output)
    assert (found.answered, found.failed) == (1, 3)
    body = lines(output)["d"]["response"]["body"]
    assert body["choices"][0]["message"]["content"] == "yes"
    assert body["usage"]["completion_tokens"] == 1
    failed = lines(errors_file(output))
    codes = [failed[name]["error"]["code"] for name in "abc"]
    assert codes == ["invalid_request_error", "batch_expired", "batch_cancelled"]


async def test_results_that_are_cut_are_fetched_again(tmp_path: Path) -> None:
    async with provider() as api:
        add(api.url)
        output = await submit(rows(tmp_path, "a", "b"))
        api.end("batch_0", "completed", answered("a"), answered("b"))
        whole = api.serve

        async def cut(stream: trio.abc.Stream, asked: bytes) -> bool:
            if b"/content" not in asked.split(b"\r\n")[0]:
                return await whole(stream, asked)
            await stream.send_all(
                b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n" + json.dumps(answered("a")).encode()
            )
            return True

        async with serving(cut) as url:
            moved(output, url)
            with pytest.raises(BodyCut):
                await fetch(output)
        assert not output.exists()
        moved(output, api.url)
        assert (await fetch(output)).answered == 2


def serving(answer: Any) -> Any:
    from contextlib import asynccontextmanager

    from tests.support.servers import raw

    @asynccontextmanager
    async def served() -> Any:
        async with raw.serving(answer) as server:
            yield server.url

    return served()


def moved(output: Path, url: str) -> None:
    """The provider is at another address from now on."""
    add(url)
    state = submitted.state_file(output)
    said = json.loads(state.read_text())
    for batch in said["batches"]:
        batch["origin"] = url.rstrip("/")
    state.write_text(json.dumps(said))


async def test_waits_until_all_have_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fetching, "FIRST_LOOK_SECONDS", 0.001)
    looks = 0

    def ends(api: Provider, request: str) -> None:
        nonlocal looks
        looks += request == "GET /v1/batches/batch_0"
        if looks == 5:
            api.end("batch_0", "completed", answered("a"))

    async with provider() as api:
        add(api.url)
        output = await submit(rows(tmp_path, "a"))
        api.before = functools.partial(ends, api)
        assert (await fetch(output, wait=True)).is_whole
    assert looks == 5


async def test_cancelled_batches_give_what_they_have(tmp_path: Path) -> None:
    async with provider() as api:
        add(api.url)
        output = await submit(rows(tmp_path, "a", "b"))
        now = await fetching.cancel(output, config.load(), keys=Keys(), notice=print)
        assert [one.status for one in now.batches] == ["cancelled"]
        found = await fetch(output)
    assert (found.is_whole, found.failed) == (True, 2)


async def test_what_was_not_submitted_when_it_was_cancelled_never_is(tmp_path: Path) -> None:
    def down(_request: str) -> None:
        raise ConnectionResetError

    source = rows(tmp_path, "a")
    output = source.with_name("out.jsonl")
    async with provider() as api:
        add(api.url)
        api.before = down
        with pytest.raises(ConnectionLost):
            await submit(source)
        await fetching.cancel(output, config.load(), keys=Keys(), notice=print)
        assert submitted.pending(output) is None
        api.before = lambda _: None
        await submit(source)
        assert api.rows() == ["a"], "the row is as if nothing had been"


async def test_files_that_are_moved_together_are_found(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    async with provider() as api:
        add(api.url)
        await submit(rows(before, "a", "b"))
        before.rename(after)
        api.end("batch_0", "completed", answered("a"))
        found = await fetch(after / "out.jsonl")
    assert (found.answered, found.failed) == (1, 1)
    assert not before.exists()
    assert sorted(lines(after / "out.errors.jsonl")) == ["b"]


async def test_two_do_not_work_on_one_output(tmp_path: Path) -> None:
    async with provider() as api:
        add(api.url)
        output = await submit(rows(tmp_path, "a"))
        with submitted.held(output), pytest.raises(OutputBusy):
            await fetch(output)


async def test_a_batch_that_is_gone_is_said(tmp_path: Path) -> None:
    async with provider() as api:
        add(api.url)
        output = await submit(rows(tmp_path, "a"))
        api.batches.clear()
        with pytest.raises(ProviderBatchMissing):
            await fetch(output)


async def test_what_cannot_be_sent_stops_all_unless_it_is_left_out(tmp_path: Path) -> None:
    source = rows(tmp_path, "a")
    with source.open("a") as file:
        file.write('{"custom_id":"b","messages":[{"role":"tool","content":[{"type":"alien"}]}]}\n')
    async with provider() as api:
        add(api.url, "anthropic")
        with pytest.raises(RowsUnsendable) as caught:
            await submit(source)
        assert [one["custom_id"] for one in caught.value.rows] == ["b"]
        assert not api.requests
        output = await submit(source, skip_invalid=True)
        assert api.rows() == ["a"]
        assert lines(errors_file(output))["b"]["error"]["code"] == "unsendable"


async def test_a_server_without_batches_is_named(tmp_path: Path) -> None:
    async with provider() as api:
        add(api.url, "ollama")
        with pytest.raises(BatchesNotOffered):
            await submit(rows(tmp_path, "a"))
    with pytest.raises(SubmissionMissing):
        await fetch(tmp_path / "out.jsonl")
