"""`kandil batch run` of real servers, in their protocols: llama.cpp, which kandil starts itself; Ollama; llmock's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import answering, batches, parts, secret_service
from tests.support.batches import Folder
from tests.support.servers.llama import Llama
from tests.support.servers.llmock import Llmock
from tests.support.servers.ollama_api import ANSWER, OllamaApi

PATHS = {"openai": "/v1", "anthropic": "/anthropic", "gemini": "/gemini/v1beta"}


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_a_model_file_is_run_here_and_its_server_ends_with_the_batch(here: Folder) -> None:
    parts.need_package("xllamacpp")
    (here.path / "tiny.gguf").write_bytes(answering.model())
    here.write(batches.prompts(40))
    run = ("batch", "run", "rows.jsonl", "-o", "results.jsonl", "-m", "./tiny.gguf", "--max-tokens", "8")
    done = await here.kandil(*run, "--json")
    assert done.code == 0, done.err
    assert set(here.texts().values()) == {answering.ANSWER}
    assert len(here.texts()) == 40
    assert done.report["output_tokens"] > 0
    done = await here.kandil("model", "ps", "--json")
    assert "tiny.gguf" not in done.out
    (here.path / "tiny.gguf").unlink()
    done = await here.kandil(*run)
    assert done.code == 0, "nobody is asked for nothing"
    assert "nothing to send" in done.err


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
async def test_llama_cpp(protocol: str, llama_server: Llama, here: Folder) -> None:
    rows = batches.prompts(12)
    here.write(rows)
    base = llama_server.url + ("/v1" if protocol == "openai" else "")
    here.add("mine", base, protocol=protocol)
    with secret_service.secret_service() as bus:
        done = await here.batch("--json", DBUS_SESSION_BUS_ADDRESS=bus)
        assert (done.code, done.report["error"]["code"], here.errors()) == (5, "key-rejected", {}), done
        key = f"{llama_server.key}\n".encode()
        done = await here.kandil("auth", "set", "mine", "--key-stdin", stdin=key, DBUS_SESSION_BUS_ADDRESS=bus)
        assert done.code == 0, done.err
        done = await here.batch("--max-tokens", "16", "-s", "be brief", "--json", DBUS_SESSION_BUS_ADDRESS=bus)
    assert done.code == 0, done
    assert here.texts() == dict.fromkeys(batches.answers(rows), llama_server.answer)
    assert done.report["input_tokens"] > 0
    assert {line["response"]["body"]["object"] for line in here.lines()} == {"chat.completion"}


@pytest.mark.parametrize("protocol", PATHS)
async def test_each_protocol_gives_the_same_form(protocol: str, llmock_server: Llmock, here: Folder) -> None:
    rows = batches.prompts(20)
    here.write(rows)
    here.add("mine", llmock_server.url + PATHS[protocol], protocol=protocol)
    done = await here.batch()
    assert done.code == 0, done
    assert [one.status for one in llmock_server.requests()] == [200] * 20
    assert set(here.texts()) == set(batches.answers(rows))
    for line in here.lines():
        body = line["response"]["body"]
        assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
        assert body["choices"][0]["finish_reason"] == "stop"


async def test_ollama(ollama_server: OllamaApi, here: Folder) -> None:
    here.write(batches.prompts(5))
    here.add("mine", ollama_server.url, protocol="ollama")
    done = await here.batch()
    assert done.code == 0, done.err
    assert set(here.texts().values()) == {ANSWER}


async def test_answers_that_are_to_be_json(here: Folder) -> None:
    """One that is not is asked for again, with what is wrong with it; then it has failed."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    (here.path / "schema.json").write_text(json.dumps(schema))
    here.write([{"prompt": name} for name in ("good", "later", "never")])
    asked: list[list[str]] = []

    def answer(request: batches.Asked) -> batches.Reply:
        said = [str(one["content"]) for one in request.body["messages"]]
        asked.append(said)
        good = said[0] == "good" or (said[0] == "later" and len(said) > 1)
        return batches.chat('{"n": 1}' if good else '{"n": "one"}')

    async with batches.serving(answer) as server:
        here.add("mine", server.url)
        done = await here.batch("--json-schema", "schema.json", "--json")
        assert done.code == 10, done.err
    assert here.texts() == {"row-1": '{"n": 1}', "row-2": '{"n": 1}'}
    assert here.errors() == {"row-3": "schema_mismatch"}
    assert done.report["reasked"] == 3
    again = next(said for said in asked if said[0] == "later" and len(said) > 1)
    assert again[1] == '{"n": "one"}'
    assert "schema" in again[2]
