"""`kandil batch submit` and `fetch`, as processes: real batches of llmock's, and a provider that kills who asks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from kandil import paths, registry
from kandil.registry import Record
from tests.support.servers.llmock import Llmock
from tests.support.servers.provider_batches import answered, provider

Done = subprocess.CompletedProcess[bytes]
NAMES = ["a", "b", "ü c", "d"]


async def kandil(folder: Path, *args: str) -> Done:
    command = [sys.executable, "-m", "kandil", *args]
    return await trio.run_process(
        command, cwd=folder, capture_stdout=True, capture_stderr=True, check=False, stdin=subprocess.DEVNULL
    )


async def killed(folder: Path, victim: list[int], *args: str) -> int:
    """The exit code of a process whose number is in `victim` while it runs."""
    command = [sys.executable, "-m", "kandil", *args]
    null = subprocess.DEVNULL
    process = await trio.lowlevel.open_process(command, cwd=folder, stdin=null, stdout=null, stderr=null)
    victim.append(process.pid)
    return await process.wait()


def add(name: str, protocol: str, base_url: str) -> None:
    fields: dict[str, Any] = {
        "provider": "mine", "protocol": protocol, "base_url": base_url, "api_model": name,
        "price": {"input": 2.0, "output": 8.0},
    }  # fmt: skip
    registry.add(Record(name=name, source="manual", profile=fields), replacing=True)


def write(folder: Path, models: list[str]) -> None:
    rows = [
        {"custom_id": f"{name} {model}", "model": model, "prompt": name, "max_tokens": 20}
        for model in models
        for name in NAMES
    ]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@pytest.mark.parametrize(("protocol", "path"), [("openai", "/v1"), ("anthropic", "/anthropic")])
async def test_real_batches(protocol: str, path: str, llmock_server: Llmock, tmp_path: Path) -> None:
    add("mine", protocol, f"{llmock_server.url}{path}")
    write(tmp_path, ["mine"])
    submit = ("batch", "submit", "in.jsonl", "-o", "out.jsonl")
    planned = await kandil(tmp_path, *submit, "--dry-run", "--json")
    report = json.loads(planned.stdout)
    assert (planned.returncode, report["rows"], report["models"]) == (0, 4, ["mine"])
    assert report["cost_usd"] > 0
    refused = await kandil(tmp_path, *submit)
    assert refused.returncode == 2
    assert b"--yes" in refused.stderr
    assert not llmock_server.requests()
    assert names(tmp_path) == ["in.jsonl"]

    done = await kandil(tmp_path, *submit, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert [one["rows"] for one in json.loads(done.stdout)["batches"]] == [4]
    early = await kandil(tmp_path, "batch", "fetch", "out.jsonl")
    assert early.returncode == 75, early.stderr
    assert b"not all is here yet" in early.stdout
    again = await kandil(tmp_path, *submit, "--yes")
    assert again.returncode == 0
    fetched = await kandil(tmp_path, "batch", "fetch", "out.jsonl", "--wait", "--json")
    assert fetched.returncode == 0, fetched.stderr
    told = json.loads(fetched.stdout)
    assert (told["whole"], told["answered"], told["failed"]) == (True, 4, 0)
    found = lines(tmp_path / "out.jsonl")
    assert sorted(one["custom_id"] for one in found) == sorted(f"{name} mine" for name in NAMES)
    for one in found:
        assert one["id"].startswith("batch_req_")
        assert one["response"]["body"]["choices"][0]["message"]["content"]
    created = [one for one in llmock_server.requests() if one.method == "POST" and one.path.endswith("/batches")]
    assert len(created) == 1


async def test_mistrals_real_batches(llmock_server: Llmock, tmp_path: Path) -> None:
    """Its names for the same: jobs, and files of which each line is a body without the model."""
    settings = paths.config_file()
    settings.parent.mkdir(parents=True)
    settings.write_text(f'version = 2\n[api.mistral]\nbase_url = "{llmock_server.url}/mistral/v1"\n')
    write(tmp_path, ["mistral-large-latest"])
    done = await kandil(tmp_path, "batch", "submit", "in.jsonl", "-o", "out.jsonl", "--yes")
    assert done.returncode == 0, done.stderr
    fetched = await kandil(tmp_path, "batch", "fetch", "out.jsonl", "--wait")
    assert fetched.returncode == 0, fetched.stderr
    assert len(lines(tmp_path / "out.jsonl")) == 4
    created = next(one for one in llmock_server.requests() if one.path.endswith("/batch/jobs") and one.method == "POST")
    assert created.body["metadata"]["kandil"]
    assert created.body["endpoint"] == "/v1/chat/completions"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
async def test_killed_at_any_request_nothing_is_submitted_twice(number: int, when: str, tmp_path: Path) -> None:
    """Two models: two files, two batches."""
    victim: list[int] = []
    async with provider() as api:
        for model in ("one", "two"):
            add(model, "openai", f"{api.url}v1")
        write(tmp_path, ["one", "two"])
        submit = ("batch", "submit", "in.jsonl", "-o", "out.jsonl", "--yes")
        came = 0

        def kill(_request: str) -> None:
            nonlocal came
            came += 1
            if came == number:
                os.kill(victim[0], signal.SIGKILL)
                raise ConnectionResetError

        setattr(api, when, kill)
        assert await killed(tmp_path, victim, *submit) == -signal.SIGKILL
        setattr(api, when, lambda _: None)
        done = await kandil(tmp_path, *submit)
        assert done.returncode == 0, done.stderr
        assert len(api.batches) == 2
        assert sorted(len(batch["rows"]) for batch in api.batches.values()) == [4, 4]
        assert {one["body"]["model"] for one in api.batches["batch_0"]["rows"]} == {"one"}
        assert len(set(api.rows())) == 8


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
async def test_killed_while_it_fetches_every_row_is_there_once(number: int, when: str, tmp_path: Path) -> None:
    victim: list[int] = []
    async with provider() as api:
        for model in ("one", "two"):
            add(model, "openai", f"{api.url}v1")
        write(tmp_path, ["one", "two"])
        assert (await kandil(tmp_path, "batch", "submit", "in.jsonl", "-o", "out.jsonl", "--yes")).returncode == 0
        for name, batch in api.batches.items():
            api.end(name, "expired", *[answered(one["custom_id"]) for one in batch["rows"][:3]])
        came = 0

        def kill(_request: str) -> None:
            nonlocal came
            came += 1
            if came == number:
                os.kill(victim[0], signal.SIGKILL)
                raise ConnectionResetError

        setattr(api, when, kill)
        assert await killed(tmp_path, victim, "batch", "fetch", "out.jsonl") == -signal.SIGKILL
        setattr(api, when, lambda _: None)
        done = await kandil(tmp_path, "batch", "fetch", "out.jsonl")
        assert done.returncode == 10, done.stderr
    good, bad = lines(tmp_path / "out.jsonl"), lines(tmp_path / "out.errors.jsonl")
    assert (len(good), len(bad)) == (6, 2)
    assert len({one["custom_id"] for one in [*good, *bad]}) == 8
    assert {one["error"]["code"] for one in bad} == {"batch_expired"}
    assert names(tmp_path) == ["in.jsonl", "out.errors.jsonl", "out.jsonl", "out.jsonl.batches.json"]


async def test_what_is_submitted_is_not_run_and_can_be_cancelled(tmp_path: Path) -> None:
    async with provider() as api:
        add("one", "openai", f"{api.url}v1")
        write(tmp_path, ["one"])
        assert (await kandil(tmp_path, "batch", "submit", "in.jsonl", "-o", "out.jsonl", "--yes")).returncode == 0
        run = await kandil(tmp_path, "batch", "run", "in.jsonl", "-o", "out.jsonl")
        assert run.returncode == 1, run.stderr
        assert b"kandil batch fetch out.jsonl" in run.stderr
        status = await kandil(tmp_path, "batch", "status", "out.jsonl")
        assert b"batch_0, 4 rows, validating" in status.stdout
        cancelled = await kandil(tmp_path, "batch", "cancel", "out.jsonl", "--json")
        assert json.loads(cancelled.stdout)["batches"][0]["status"] == "cancelled"
        assert (await kandil(tmp_path, "batch", "fetch", "out.jsonl")).returncode == 10
        assert [one["error"]["code"] for one in lines(tmp_path / "out.errors.jsonl")] == ["batch_cancelled"] * 4


async def test_what_cannot_be_submitted_says_what_can(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"prompt":"hi"}\n')
    done = await kandil(tmp_path, "batch", "submit", "in.jsonl", "-m", "gemini-2.5-flash", "--yes")
    assert done.returncode == 2
    assert b"google has no batch API that kandil knows" in done.stderr
    assert b"kandil batch run" in done.stderr
    assert names(tmp_path) == ["in.jsonl"]
    missing = await kandil(tmp_path, "batch", "fetch", "out.jsonl")
    assert missing.returncode == 2
    assert b"kandil batch submit" in missing.stderr
