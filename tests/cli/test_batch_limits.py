"""`kandil batch run` and servers that refuse: within their limits, no more than a tenth again, and nothing lost."""

from __future__ import annotations

import itertools
import json
import signal
import time
from pathlib import Path

import pytest
import trio
from llmock.scenarios import Fail, Reply

from tests.support import batches
from tests.support.batches import Asked, Folder
from tests.support.servers.llmock import Llmock, llmock

FIRST_REPEATS = 10
"""A batch may repeat so much beside a tenth of it, and more where it takes long: one each tenth of a second."""


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_a_limit_of_the_servers_is_kept_and_remembered(here: Folder) -> None:
    """llmock counts for itself. What is left of the minute is waited for: here until Ctrl-C."""
    here.write(batches.prompts(50))
    started: list[trio.Process] = []

    def heard(line: str) -> None:
        if line.startswith("{") and any(lane["quiet_seconds"] > 0 for lane in json.loads(line)["lanes"]):
            started[0].send_signal(signal.SIGINT)
            started.clear()

    with llmock(requests_per_minute=40) as server:
        here.add("mine", f"{server.url}/v1")
        done = await here.batch("--progress", "json", began=started.append, hears=heard)
        assert done.code == 130, done.err
        statuses = [one.status for one in server.requests()]
        assert statuses.count(200) == len(here.texts()) == 40
        assert len(statuses) <= 50, "who was refused does not come back before it is time"
        assert not here.errors()
        done = await here.batch("--progress", "json", began=started.append, hears=heard)
        assert done.code == 130, done.err
        assert len(server.requests()) == len(statuses), "another process knows how much was taken"


async def test_retry_after_holds_everybody_back(llmock_server: Llmock, here: Folder) -> None:
    here.write(batches.prompts(60))
    llmock_server.will(Reply("fine", times=10), Fail(429, retry_after=1.5, times=3), Reply("fine", times=100))
    here.add("mine", f"{llmock_server.url}/v1")
    done = await here.batch("-c", "4", "--json")
    assert done.code == 0, done.err
    requests = llmock_server.requests()
    refused = [one for one in requests if one.status == 429]
    assert refused
    assert len(requests) == 60 + len(refused)
    last = max(one.ended_at for one in refused)
    under_way = 0.2
    early = [one.started_at - last for one in requests if last + under_way < one.started_at < last + 1.5]
    assert not early, "the floor is for all"
    assert (done.report["limited"], done.report["failed"]) == (len(refused), 0)
    assert len(here.texts()) == 60


async def test_a_storm_of_refusals_loses_nothing(here: Folder) -> None:
    rows = batches.prompts(400)
    here.write(rows)

    def stormy(asked: Asked) -> batches.Reply:
        """Many are refused until everybody has been quiet for a moment; no row is refused twice."""
        if asked.times == 1 and 100 < len(server.asked) < 140:
            return batches.refusal(429, "slow down", "rate_limit_exceeded", b"retry-after-ms: 200\r\n")
        return batches.answer(asked)

    async with batches.serving(stormy) as server:
        here.add("mine", server.url)
        done = await here.batch("-c", "64", "--json")
        assert done.code == 0, done.err
        refused = len(server.asked) - len(rows)
        assert 0 < refused == done.report["limited"]
    assert here.texts() == batches.answers(rows)


async def test_a_burst_of_failures_is_not_answered_with_more_traffic(here: Folder) -> None:
    rows = batches.prompts(600)
    here.write(rows)
    began: list[float] = []

    def failing(asked: Asked) -> batches.Reply:
        began.append(time.monotonic())
        if asked.times == 1 and len(server.asked) % 12 == 0:
            return batches.refusal(500, "oops")
        return batches.answer(asked)

    async with batches.serving(failing) as server:
        here.add("mine", server.url)
        done = await here.batch("--json")
        assert done.code == 0, done.err
        again = len(server.asked) - len(rows)
        trickled = (began[-1] - began[0]) / 0.1
        assert 0 < again == done.report["retried"] <= 0.1 * len(server.asked) + FIRST_REPEATS + trickled
    assert here.texts() == batches.answers(rows)


async def test_a_row_that_always_fails_ends_and_holds_nobody_back(here: Folder) -> None:
    here.write(batches.prompts(40))

    def answer(asked: Asked) -> batches.Reply:
        return batches.refusal(500, "never") if asked.prompt.startswith("7 ") else batches.answer(asked)

    async with batches.serving(answer) as server:
        here.add("mine", server.url)
        done = await here.batch("--max-retries", "2")
        assert done.code == 10, done.err
        assert {times for prompt, times in server.times.items() if prompt.startswith("7 ")} == {3}
        assert len(here.texts()) == 39
        (line,) = here.lines("results.errors.jsonl")
        assert (line["custom_id"], line["response"]["status_code"]) == ("row-8", 500)
        assert "results.errors.jsonl" in done.err
        start = len(server.asked)
        again = await here.batch("--max-retries", "2")
        assert (again.code, len(server.asked)) == (10, start), "a failed row is not sent again, and not forgotten"
        again = await here.batch("--max-retries", "0", "--retry-failed")
        assert (again.code, len(server.asked)) == (10, start + 1)


async def test_bad_rows_fail_for_their_own_reasons_and_are_sent_once(here: Folder) -> None:
    here.write(batches.prompts(200))

    def answer(asked: Asked) -> batches.Reply:
        number = int(asked.prompt.split()[0])
        if number % 10 == 3:
            return batches.refusal(400, f"row \x1b[2J{number} is wrong", "invalid_value")
        if number % 10 == 4:
            return batches.refusal(400, "maximum context length is 5 tokens", "context_length_exceeded")
        return batches.answer(asked)

    async with batches.serving(answer) as server:
        here.add("mine", server.url)
        done = await here.batch()
        assert done.code == 10, done.err
        assert set(server.times.values()) == {1}
        assert (await here.batch()).code == 10
        assert set(server.times.values()) == {1}
    errors = here.errors()
    assert len(errors) == 40
    assert sorted(errors.values()) == ["context_exceeded"] * 20 + ["request_invalid"] * 20
    assert len(here.texts()) == 160
    assert "\x1b" not in done.err


@pytest.mark.parametrize(
    ("refusal", "code", "said"),
    [
        (batches.refusal(401, "Incorrect API key provided", "invalid_api_key"), 5, "key-rejected"),
        (batches.refusal(403, "not for you"), 5, "permission-denied"),
        (batches.refusal(404, "no such model", "model_not_found"), 3, "model-not-offered"),
        (batches.refusal(429, "You exceeded your current quota", "insufficient_quota"), 6, "quota-exhausted"),
        (batches.reply(307, {}, b"location: https://elsewhere.invalid/\r\n"), 6, "redirect-refused"),
    ],
)
async def test_what_is_true_for_all_rows_stops_and_fails_none(
    refusal: bytes, code: int, said: str, here: Folder
) -> None:
    rows = batches.prompts(300)
    here.write(rows)
    async with batches.serving(lambda _: refusal) as server:
        here.add("mine", server.url)
        done = await here.batch("-c", "8", "--json")
        assert (done.code, done.report["error"]["code"]) == (code, said), done
        assert len(server.asked) <= 8
        assert done.report["left"] == 300
    assert here.names() == {"rows.jsonl", "results.jsonl.state.json"}, "no row has failed"
    async with batches.serving() as server:
        here.add("mine", server.url)
        assert (await here.batch()).code == 0
    assert here.texts() == batches.answers(rows)


async def test_a_server_that_stays_away_is_given_up(here: Folder) -> None:
    here.write(batches.prompts(60))
    async with batches.serving(lambda _: batches.refusal(500, "never")) as server:
        here.add("mine", server.url)
        done = await here.batch("-c", "8", "--give-up-after", "1s", "--json")
        assert (done.code, done.report["error"]["code"]) == (6, "server-given-up"), done
    assert done.report["left"] + done.report["failed"] == 60


async def test_the_spent_money_never_exceeds_the_budget(here: Folder) -> None:
    """By what the server itself has counted."""
    rows = [{"prompt": f"{number}", "max_tokens": 100} for number in range(200)]
    here.write(rows)
    counted = itertools.count(1)

    def answer(asked: Asked) -> batches.Reply:
        usage = {"prompt_tokens": 5, "completion_tokens": 20 + next(counted) % 80, "total_tokens": 1}
        return batches.chat("yes", usage=usage)

    def cost() -> float:
        usages = [line["response"]["body"]["usage"] for line in here.lines()]
        tokens: int = sum(one["prompt_tokens"] + 10 * one["completion_tokens"] for one in usages)
        return tokens / 1e6

    async with batches.serving(answer) as server:
        here.add("mine", server.url, price=(1, 10))
        for budget in (0.02, 0.06):
            done = await here.batch("--budget", str(budget), "--json")
            assert (done.code, done.report["end"]) == (10, "budget"), done
            assert budget - 0.0015 <= cost() <= budget
            assert done.report["spent_usd"] == pytest.approx(cost())
        assert len(server.asked) == len(here.lines())
        done = await here.batch("--budget", "5")
        assert done.code == 0, done.err
    assert len(here.texts()) == 200


async def test_what_may_cost_much_needs_a_word(here: Folder) -> None:
    here.write([{"prompt": f"{n}", "max_tokens": 50_000} for n in range(30)])
    async with batches.serving() as server:
        here.add("mine", server.url, price=(1, 10))
        done = await here.batch("--json")
        assert (done.code, done.report["error"]["code"]) == (2, "batch-too-dear"), done
        assert "15." in done.report["error"]["message"]
        assert not server.asked
        assert here.names() == {"rows.jsonl"}
        assert (await here.batch("--yes")).code == 0
