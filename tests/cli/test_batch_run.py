"""`kandil batch run`: forms of rows, options, reports, exit codes, with a server that knows what it was sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import batches
from tests.support.batches import Asked, Folder

ROW = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions"}


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def messages(*said: str) -> list[dict[str, str]]:
    roles = ("system", "user") if len(said) == 2 else ("user",)
    return [{"role": role, "content": text} for role, text in zip(roles, said, strict=True)]


async def sent(here: Folder, lines: list[object], *args: str, **more: Any) -> list[dict[str, Any]]:
    """The bodies that come to the server, in the order of their prompts; each is answered."""
    bodies: list[dict[str, Any]] = []

    def answer(asked: Asked) -> batches.Reply:
        bodies.append(asked.body)
        return batches.answer(asked)

    here.write(lines)
    async with batches.serving(answer) as server:
        here.add("mine", server.url)
        done = await here.batch(*args, **more)
        assert done.code == 0, done.err
    return sorted(bodies, key=lambda body: str(body["messages"][-1]["content"]))


async def test_rows_of_every_form_become_the_same_request(here: Folder) -> None:
    chat = {"messages": messages("hi")}
    body = ROW | {"body": chat | {"model": "whatever", "temperature": 0.5}}
    bodies = await sent(here, [body, "", chat | {"temperature": 0.5}, {"prompt": "hi", "temperature": 0.5}, "  "])
    assert bodies == [chat | {"model": "m", "temperature": 0.5}] * 3
    assert here.texts() == {"a": "re: hi", "row-3": "re: hi", "row-4": "re: hi"}
    assert {line["id"][:10] for line in here.lines()} == {"batch_req_"}


async def test_results_are_in_the_form_of_openai(here: Folder) -> None:
    await sent(here, [{"prompt": "hi", "custom_id": 'ünï " \\'}])
    (line,) = here.lines()
    assert line.keys() == {"id", "custom_id", "response", "error"}
    assert (line["custom_id"], line["error"]) == ('ünï " \\', None)
    assert line["response"].keys() == {"status_code", "request_id", "body"}
    assert line["response"]["status_code"] == 200
    assert line["response"]["body"] == json.loads(batches.chat("re: hi").partition(b"\r\n\r\n")[2])


async def test_options_fill_what_rows_do_not_say(here: Folder) -> None:
    own = {"max_tokens": 3, "temperature": 0.25, "messages": messages("mine", "b")}
    options = ("-s", "be brief", "--max-tokens", "9", "--temperature", "1.5")
    assert await sent(here, [{"prompt": "a"}, own], *options) == [
        {"model": "m", "messages": messages("be brief", "a"), "max_tokens": 9, "temperature": 1.5},
        {"model": "m"} | own,
    ]


async def test_lines_of_text(here: Folder) -> None:
    bodies = await sent(here, ['{"prompt": 1}', "", "two\twords", "ünï"], "--text")
    assert [body["messages"] for body in bodies] == [messages(text) for text in ("two\twords", '{"prompt": 1}', "ünï")]
    assert sorted(here.texts()) == ["row-1", "row-3", "row-4"]


async def test_a_template_makes_the_prompts(here: Folder) -> None:
    rows = [{"custom_id": "x", "name": "Ada", "age": 36}, {"name": "{{age}}", "age": None}]
    bodies = await sent(here, rows, "--template", "Greet {{name}}, {{ age }}")
    assert bodies[0]["messages"] == messages("Greet Ada, 36")
    assert "{{age}}" in bodies[1]["messages"][0]["content"], "what a row says is no template"
    assert set(here.texts()) == {"x", "row-2"}


async def test_text_through_a_pipe_and_a_template(here: Folder) -> None:
    bodies = await sent(here, [], "--text", "--template", "Translate: {{text}}", rows="-", stdin=b"one\n\ntwo")
    assert [body["messages"] for body in bodies] == [messages("Translate: one"), messages("Translate: two")]
    assert here.names() == {"rows.jsonl", "results.jsonl", "results.jsonl.state.json"}, "what came is not kept"
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch("--text", "--template", "Translate: {{text}}", rows="-", stdin=b"one\n\ntwo\nthree\n")
        assert done.code == 0, done.err
        assert server.asked == ["Translate: three"]


async def test_several_models_in_one_file_each_at_its_own_server(here: Folder) -> None:
    rows = [{"prompt": f"{model} {number}", "model": model} for number in range(30) for model in ("one", "two")]
    here.write(rows)
    async with batches.serving() as first, batches.serving() as second:
        here.add("one", first.url)
        here.add("two", second.url)
        done = await here.kandil("batch", "run", "rows.jsonl", "-o", "results.jsonl", "--json")
        assert done.code == 0, done.err
        assert sorted(first.asked) == sorted(f"one {number}" for number in range(30))
        assert sorted(second.asked) == sorted(f"two {number}" for number in range(30))
    assert {lane["model"] for lane in done.report["lanes"]} == {"one", "two"}
    assert len(here.texts()) == 60


async def test_one_model_without_a_server_does_not_hold_the_other(here: Folder) -> None:
    here.write([{"prompt": f"{model} {number}", "model": model} for number in range(9) for model in ("one", "two")])
    async with batches.serving() as first, batches.serving(lambda _: batches.refusal(401, "who?")) as second:
        here.add("one", first.url)
        here.add("two", second.url)
        done = await here.kandil("batch", "run", "rows.jsonl", "-o", "results.jsonl", "-c", "1", "--json")
        assert done.code == 5, done.err
        assert len(second.asked) == 1
    assert (done.report["error"]["code"], done.report["left"]) == ("key-rejected", 9)
    assert set(here.texts().values()) == {f"re: one {number}" for number in range(9)}
    assert not here.errors(), "no row has failed for its own reasons"


async def test_parts_together_are_the_whole(here: Folder) -> None:
    rows = batches.prompts(120)
    here.write(rows)
    async with batches.serving() as server:
        here.add("mine", server.url)
        for part in range(1, 4):
            done = await here.kandil(
                "batch", "run", "rows.jsonl", "-m", "mine", "--shard", f"{part}/3", "-o", f"part{part}.jsonl", "--json"
            )
            assert done.code == 0, done.err
            assert len(here.texts(f"part{part}.jsonl")) > 20
        assert set(server.times.values()) == {1}
    whole = here.texts("part1.jsonl") | here.texts("part2.jsonl") | here.texts("part3.jsonl")
    assert whole == batches.answers(rows)


@pytest.mark.parametrize(
    ("lines", "args", "code", "said"),
    [
        ([], (), 2, "it has no rows"),
        ([{"prompt": "a"}, "{"], (), 2, "line 2: "),
        ([{"prompt": "a"}, {"question": "b"}], (), 2, "line 2: "),
        ([{"prompt": "a", "custom_id": "x"}, {"prompt": "b", "custom_id": "x"}], (), 2, "lines 1 and 2"),
        ([{"prompt": "a", "custom_id": "row-2"}, {"prompt": "b"}], (), 2, "lines 1 and 2"),
        ([{"name": "a"}], ("--template", "{{nam}}"), 2, "nam"),
        ([{"prompt": "a"}], ("--template", "{{name"), 2, "{{"),
        ([{"prompt": "a"}], ("-o", "rows.jsonl"), 2, "same file"),
        ([{"prompt": "a"}], ("-o", "there/results.jsonl"), 2, "mkdir -p there"),
        ([{"prompt": "a"}], ("--shard", "3/2"), 2, "--shard"),
        ([{"prompt": "a"}], ("-m", "mone"), 3, "mone"),
        (
            [{"prompt": "a", "custom_id": "\x1b[2J" * 2}, {"prompt": "a", "custom_id": "\x1b[2J" * 2}],
            (),
            2,
            "control characters",
        ),
    ],
)
async def test_what_cannot_be_sent_is_said_before_anything_is(
    lines: list[object], args: tuple[str, ...], code: int, said: str, here: Folder
) -> None:
    here.write(lines)
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch(*args)
        assert (done.code, done.out) == (code, ""), done
        assert said in done.err
        assert "\x1b" not in done.err
        assert not server.asked
    assert here.names() == {"rows.jsonl"}


async def test_a_file_that_is_not_there(here: Folder) -> None:
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch(rows="none.jsonl")
        assert (done.code, "none.jsonl" in done.err) == (1, True), done
        done = await here.batch(rows=".")
        assert done.code == 2, done
    assert not here.names()


async def test_rows_that_cannot_be_sent_may_be_skipped(here: Folder) -> None:
    here.write([{"prompt": "a"}, "{", {"custom_id": "named", "prompt": 5}])
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch("--skip-invalid", "--json")
        assert done.code == 10, done.err
        again = await here.batch("--skip-invalid")
        assert again.code == 10, again.err
        assert server.asked == ["a"]
    assert here.texts() == {"row-1": "re: a"}
    assert set(here.errors().values()) == {"invalid_row"}
    assert len(here.errors()) == 2


async def test_a_dry_run_changes_nothing(here: Folder) -> None:
    here.write([{"prompt": "a", "max_tokens": 10}, {"prompt": "b" * 400}])
    async with batches.serving() as server:
        here.add("mine", server.url)
        plan = (await here.batch("--dry-run", "--json")).report
        assert here.names() == {"rows.jsonl"}
        assert (await here.batch()).code == 0
        torn = (here.path / "results.jsonl").read_bytes()[:-40]
        (here.path / "results.jsonl").write_bytes(torn)
        before = {path.name: path.read_bytes() for path in here.path.iterdir()}
        done = await here.batch("--dry-run", "--retry-failed", "--replace-changed")
        assert done.code == 0, done.err
        assert {path.name: path.read_bytes() for path in here.path.iterdir()} == before
        assert len(server.asked) == 2
    assert plan["schema"] == "kandil.batch-plan/1"
    assert (plan["rows"], plan["done"], plan["left"], plan["cost_usd"]) == (2, 0, 2, None)
    (model,) = plan["models"]
    assert model["model"] == "mine"
    assert model["output_tokens"] > 10


async def test_the_report_and_the_progress_are_json(here: Folder) -> None:
    here.write(batches.prompts(5))
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch("--json", "--progress", "json")
    assert len(done.out.splitlines()) == 1
    report = done.report
    assert report["schema"] == "kandil.batch/1"
    assert (report["end"], report["rows"], report["answered"], report["left"]) == ("finished", 5, 5, 0)
    assert (report["input_tokens"], report["output_tokens"]) == (35, 15)
    assert report["latency_seconds"]["p50"] <= report["latency_seconds"]["max"]
    assert report["written"] == 5
    lines = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    assert {line["schema"] for line in lines} == {"kandil.batch-progress/1"}
    assert all(line["rows"] == 5 for line in lines)


async def test_quiet_says_nothing(here: Folder) -> None:
    here.write(batches.prompts(5))
    async with batches.serving() as server:
        here.add("mine", server.url)
        done = await here.batch("-q")
    assert (done.code, done.out, done.err) == (0, "", "")


async def test_ordered(here: Folder) -> None:
    rows = batches.prompts(200)
    here.write(rows)

    def answer(asked: Asked) -> batches.Reply:
        bad = asked.prompt.startswith("77 ") and server.times[asked.prompt] == 1
        return batches.refusal(400, "no") if bad else batches.answer(asked)

    async with batches.serving(answer) as server:
        here.add("mine", server.url)
        done = await here.batch("--ordered")
        assert done.code == 10, done.err
        done = await here.batch("--ordered", "--retry-failed")
        assert done.code == 0, done.err
        assert len(server.asked) == 201
    assert [line["custom_id"] for line in here.lines()] == list(batches.answers(rows))
    assert here.names() == {"rows.jsonl", "results.jsonl", "results.jsonl.state.json"}
