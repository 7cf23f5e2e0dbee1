"""`kandil model benchmark`: what it costs is agreed to first, errors are counted, figures are kept and compared."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import trio
from PIL import Image

from kandil import registry
from kandil.limits import Limiter
from kandil.registry import Record
from tests.cli.conftest import type_of_run
from tests.support import answering
from tests.support.runtimes import xllamacpp
from tests.support.servers import raw
from tests.support.servers.llmock import Llmock
from tests.support.servers.ollama_api import OllamaApi
from tests.support.servers.timed import timed

PIECES = [b'data: {"choices":[{"delta":{"content":"%d "}}]}\n\n' % one for one in range(4)]
LAST = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":99,"completion_tokens":4}}\n\n'
ANSWER = raw.reply(b"".join([*PIECES, LAST]), b"content-type: text/event-stream\r\n")
SMALL = ("--requests", "4", "--concurrency", "2", "--output-tokens", "4")


def add(url: str, name: str = "mine", **fields: Any) -> None:
    known = {"provider": "mine", "protocol": "openai", "base_url": url, "api_model": "m", **fields}
    registry.add(Record(name=name, source="manual", profile=known), replacing=True)


async def measured(run: type_of_run, *args: str, code: int = 0) -> dict[str, Any]:
    done = await trio.to_thread.run_sync(lambda: run("model", "benchmark", *args, "--json"))
    assert done.returncode == code, done.stderr + done.stdout
    report: dict[str, Any] = json.loads(done.stdout)
    return report


async def level(run: type_of_run, *args: str, code: int = 0) -> dict[str, Any]:
    report = await measured(run, "mine", *args, code=code)
    found: dict[str, Any] = report["models"][0]["levels"][0]
    return found


@pytest.mark.parametrize(
    ("protocol", "path"), [("openai", "/v1"), ("anthropic", "/anthropic"), ("gemini", "/gemini/v1beta")]
)
async def test_each_protocol_is_measured(protocol: str, path: str, llmock_server: Llmock, run: type_of_run) -> None:
    add(llmock_server.url + path, protocol=protocol)
    found = await level(run, *SMALL)
    assert (found["answered"], found["counted_by"]) == (4, "usage")
    assert found["first_token_ms"]["p50"]["value"] <= found["request_ms"]["p50"]["value"]
    assert 1 + 2 + 4 <= len(llmock_server.requests()) <= 3 + 2 + 4, "how long prompts are, warming up, what is measured"


async def test_ollama_is_measured(ollama_server: OllamaApi, run: type_of_run) -> None:
    add(ollama_server.url, protocol="ollama")
    found = await level(run, *SMALL)
    assert (found["answered"], found["errors"]) == (4, {})


async def test_prompts_have_the_length_that_was_asked_for(run: type_of_run) -> None:
    """By what the server counts: here, each word is three tokens, and a template adds twenty."""
    counted: list[int] = []

    async def answer(stream: trio.abc.Stream, asked: bytes) -> None:
        said = json.loads(asked.partition(b"\r\n\r\n")[2])["messages"][0]["content"]
        counted.append(3 * len(said.split()) + 20)
        await stream.send_all(raw.reply(b"".join(PIECES) + LAST.replace(b"99", b"%d" % counted[-1])))

    async with raw.serving(answer) as server:
        add(f"{server.url}v1")
        found = await level(run, *SMALL, "--prompt-tokens", "600")
    assert found["input_tokens"] == pytest.approx(600, rel=0.02)
    bodies = [request.partition(b"\r\n\r\n")[2] for request in server.requests]
    assert len({json.loads(body)["messages"][0]["content"][:40] for body in bodies}) == len(bodies), "none begins alike"


async def test_tokens_that_nobody_counts_are_pieces_of_the_stream(run: type_of_run) -> None:
    whole = b"".join([*PIECES, LAST.partition(b',"usage"')[0] + b"}\n\n"])
    async with raw.serving(raw.reply(whole)) as server:
        add(f"{server.url}v1")
        found = await level(run, *SMALL)
    assert (found["counted_by"], found["output_tokens"], found["input_tokens"]) == ("pieces", 4, None)


async def test_errors_are_counted_and_their_times_are_nobodys(run: type_of_run) -> None:
    number = 0

    async def answer(stream: trio.abc.Stream, _asked: bytes) -> bool:
        nonlocal number
        number += 1
        cut, refused = number in (8, 10), number == 9
        if refused:
            await stream.send_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")
        else:
            await stream.send_all(ANSWER[:-30] if cut else ANSWER)
        return cut

    async with raw.serving(answer) as server:
        add(f"{server.url}v1")
        report = await measured(run, "mine", "--requests", "10", "--concurrency", "1", code=10)
    found = report["models"][0]["levels"][0]
    assert (found["requests"], found["answered"]) == (10, 7)
    assert found["errors"]["body-cut"] == 2
    assert sum(found["errors"].values()) == 3
    assert found["request_ms"]["count"] == 7
    assert report["models"][0]["error"] is None


async def test_a_model_that_does_not_answer_keeps_no_other_back(run: type_of_run) -> None:
    refused = b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n"
    async with raw.serving(refused) as bad, raw.serving(ANSWER) as good:
        add(f"{bad.url}v1", "bad")
        add(f"{good.url}v1")
        report = await measured(run, "bad", "mine", *SMALL, code=5)
        alone = await trio.to_thread.run_sync(lambda: run("model", "benchmark", "bad", *SMALL))
    first, second = report["models"]
    assert (first["levels"], second["error"], second["levels"][0]["answered"]) == ([], None, 4)
    assert first["error"]["code"]
    assert alone.returncode == 5
    assert "hint: " in alone.stderr


def test_in_an_open_loop_a_slow_server_hides_nothing(run: type_of_run) -> None:
    """It is asked a hundred times a second, and answers about ten times: a closed loop would call it fast."""
    with timed(first_seconds=(0.09, 0.09), gap_seconds=(0.001, 0.001)) as server:
        add(f"{server.url}/v1")
        done = run("model", "benchmark", "mine", "--rate", "100", "--concurrency", "1", "--requests", "20", "--json",
                   "--output-tokens", "4")  # fmt: skip
    found = json.loads(done.stdout)["models"][0]["levels"][0]
    assert found["late_ms"]["most"] > 1000
    assert found["first_token_ms"]["most"] > found["late_ms"]["most"]
    assert found["request_ms"]["p50"]["value"] > 5 * 95, "the median request was due long before it was sent"


def test_what_costs_is_agreed_to_first(run: type_of_run) -> None:
    """The server's name leads nowhere: whatever was sent would fail with another code."""
    price = {"input": 2.0, "output": 10.0}
    add("https://models.invalid/v1", price=price)
    shown = run("model", "benchmark", "mine", "--dry-run", "--json", *SMALL)
    plan = json.loads(shown.stdout)
    assert (shown.returncode, plan["models"][0]["requests"]) == (0, 9)
    assert plan["cost_usd"] == pytest.approx((9 * 512 * 1.5 * 2 + 9 * 4 * 10) / 1e6)
    unasked = run("model", "benchmark", "mine", *SMALL)
    assert (unasked.returncode, unasked.stdout) == (2, "")
    assert "agree to send 9 requests for up to 0.01 US dollars" in unasked.stderr
    dear = run("model", "benchmark", "mine", *SMALL, "--budget", "0.0001")
    assert dear.returncode == 2
    assert "the budget is 0.0001" in dear.stderr
    for agreed in ("--yes", "--budget=1"):
        assert run("model", "benchmark", "mine", *SMALL, agreed).returncode == 6, "then it is sent"


def test_all_that_was_added_and_can_be_asked(run: type_of_run) -> None:
    assert run("model", "benchmark", "--all").returncode == 2, "there is none"
    for name, kind in (("one", "chat"), ("other", "chat"), ("vectors", "embedding")):
        add("https://models.invalid/v1", name, kind=kind)
    shown = run("model", "benchmark", "--all", "--dry-run", "--json")
    assert [one["name"] for one in json.loads(shown.stdout)["models"]] == ["one", "other"]
    assert run("model", "benchmark", "vectors", "--dry-run").returncode == 2


def test_a_price_that_nobody_knows_is_within_no_budget(run: type_of_run) -> None:
    add("https://models.invalid/v1")
    assert run("model", "benchmark", "mine", *SMALL, "--budget", "100").returncode == 2
    assert "whose price is not known" in run("model", "benchmark", "mine", *SMALL).stderr


def test_limits_are_not_what_is_measured(run: type_of_run) -> None:
    add("https://models.invalid/v1")
    Limiter().bucket("mine/m").learn({"x-ratelimit-limit-requests": "60"})
    slow = run("model", "benchmark", "mine", "--rate", "2", "--dry-run")
    assert slow.returncode == 2
    assert "--ignore-limits" in slow.stderr
    assert run("model", "benchmark", "mine", "--rate", "1", "--dry-run").returncode == 0
    assert run("model", "benchmark", "mine", "--rate", "2", "--dry-run", "--ignore-limits").returncode == 0


async def test_figures_are_kept_compared_and_drawn(run: type_of_run, tmp_path: Path) -> None:
    async with raw.serving(ANSWER) as server:
        add(f"{server.url}v1")
        add(f"{server.url}v1", "other<&>")
        before = await measured(run, "mine", *SMALL)
        (tmp_path / "before.json").write_text(json.dumps(before))
        after = await measured(run, "mine", "other<&>", *SMALL, "--compare", "before.json", "--plot", "speed.svg")
        await measured(run, "mine", *SMALL, "--plot", "speed.PNG")
        shown = await trio.to_thread.run_sync(
            lambda: run("model", "benchmark", "mine", *SMALL, "--compare", "before.json")
        )
    record = registry.existing("mine")
    assert record.latency_count == 16, "of four times four"
    assert record.average_latency_ms
    assert record.benchmark
    assert record.benchmark["concurrency"] == 2
    assert record.usage_count == 0, "it was measured, and not used"
    listed = await trio.to_thread.run_sync(lambda: run("model", "list", "--cloud", "--json"))
    kept = next(one["record"] for one in json.loads(listed.stdout)["cloud"] if one["name"] == "mine")
    assert kept["benchmark"] == record.benchmark
    assert kept["average_latency_ms"] == record.average_latency_ms
    ratios = {one["figure"]: one for one in after["compared"]}
    assert ratios["first_token_ms"]["model"] == "mine"
    first = after["models"][0]["levels"][0]["first_token_ms"]["p50"]["value"]
    assert ratios["first_token_ms"]["after"] == first
    assert ratios["first_token_ms"]["before"] == before["models"][0]["levels"][0]["first_token_ms"]["p50"]["value"]
    assert {one["model"] for one in after["side_by_side"]} == {"other<&>"}
    assert "first token" in shown.stdout
    picture = ET.parse(tmp_path / "speed.svg").getroot()
    texts = {element.text for element in picture.iter() if element.text}
    assert {"mine", "other<&>", "2 at once"} <= texts
    assert len(picture.findall(".//{http://www.w3.org/2000/svg}circle")) == 2
    with Image.open(tmp_path / "speed.PNG") as image:
        image.load()
        seen = {colour for _, colour in image.getcolors(1 << 20) or ()}
        assert image.size == (2 * int(picture.attrib["width"]), 2 * int(picture.attrib["height"]))
    assert {(255, 255, 255), (0x00, 0x72, 0xB2), (0, 0, 0), (0xDD, 0xDD, 0xDD)} <= seen, "ground, line, words, grid"


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"schema": "kandil.model.benchmark/1"}', '{"schema": "kandil.model.benchmark/1", "models": [1]}'],
)
def test_what_cannot_be_compared_with_is_found_before_anything_is_sent(
    content: str, run: type_of_run, tmp_path: Path
) -> None:
    add("https://models.invalid/v1")
    (tmp_path / "before.json").write_text(content)
    done = run("model", "benchmark", "mine", "--yes", "--compare", "before.json")
    assert done.returncode == 3
    assert "before.json: " in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["mine", "--all"],
        ["mine", "--concurrency", "0"],
        ["mine", "--concurrency", "1,x"],
        ["mine", "--rate", "0"],
        ["mine", "--rate", "nan"],
        ["mine", "--plot", "a.jpeg"],
        ["mine", "--prompt-tokens", "90000"],
    ],
)
def test_what_makes_no_sense_is_refused(args: list[str], run: type_of_run) -> None:
    add("https://models.invalid/v1", context_window=8192)
    assert run("model", "benchmark", *args).returncode == 2


def test_a_file_on_this_machine(run: type_of_run, tmp_path: Path) -> None:
    """Served by llama.cpp: every answer is as long as was asked for, though the model would say seven words."""
    xllamacpp()
    (tmp_path / "answering.gguf").write_bytes(answering.model())
    assert run("model", "benchmark", "./answering.gguf", "--rate", "5", "--dry-run").returncode == 0
    assert run("model", "benchmark", "./answering.gguf", "--concurrency", "65", "--dry-run").returncode == 2
    done = run("model", "benchmark", "./answering.gguf", "--json", "--concurrency", "1,2", "--requests", "4",
               "--prompt-tokens", "100", "--output-tokens", "20", PATH=os.environ["PATH"])  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    model = json.loads(done.stdout)["models"][0]
    for found in model["levels"]:
        assert (found["answered"], found["output_tokens"], found["counted_by"]) == (4, 20, "usage")
        assert found["server_prompt_tokens_per_second"] > 0
        assert found["server_tokens_per_second"] > 0
        assert found["cached_tokens"] in (None, 0), "no prompt is helped by another's"
    assert model["memory"]["used_bytes"] > model["memory"]["predicted_bytes"] / 2 > 0
