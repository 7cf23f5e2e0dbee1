"""`kandil model discover` as a process, with a hub of real nginx and a real registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kandil import paths
from tests.cli.conftest import type_of_run
from tests.support.servers.model_hub import ModelHub, model_hub
from tests.support.servers.registry import Registry, registry

REPO = "acme/Tiny-Model-GGUF"


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory, run: type_of_run) -> Iterator[ModelHub]:
    with model_hub(tmp_path_factory.mktemp("hub")) as server:
        run("config", "set", "sources.huggingface.base_url", server.url).check_returncode()
        run("config", "set", "sources.ollama-registry.base_url", "http://127.0.0.1:9").check_returncode()
        run("config", "set", "api.ollama.base_url", "http://127.0.0.1:9").check_returncode()
        yield server


@pytest.fixture
def ollama(tmp_path_factory: pytest.TempPathFactory, run: type_of_run, hub: ModelHub) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("registry")) as server:
        run("config", "set", "sources.ollama-registry.base_url", server.url).check_returncode()
        yield server


def told(out: str) -> list[dict[str, Any]]:
    offers: list[dict[str, Any]] = json.loads(out)["offers"]
    return offers


def test_what_is_found_is_a_table_of_references(run: type_of_run, hub: ModelHub, ollama: Registry) -> None:
    hub.publish(REPO, {"tiny-Q4_K_M.gguf": b"four", "tiny-Q8_0.gguf": b"eight"})
    ollama.push("library/tiny-model", "latest", {"model": b"four"})
    done = run("model", "discover", "tiny", "model")
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["REFERENCE", "SOURCE", "QUANT", "SIZE", "FITS", "UPDATED", "TRUST"]
    (line,) = [one for one in lines if one.startswith(f"hf:{REPO}:Q4_K_M")]
    assert line.split()[1:4] == ["huggingface", "(+1)", "Q4_K_M"]
    assert line.split()[-2:] == ["2026-11-01", "digest"]
    assert done.stderr.startswith("ollama: nobody listens at 127.0.0.1 port 9")


def test_a_repository_has_all_its_quantisations(run: type_of_run, hub: ModelHub) -> None:
    hub.publish(REPO, {"tiny-Q4_K_M.gguf": b"four", "tiny-Q8_0.gguf": b"eight"})
    for named in (f"hf:{REPO}", f"https://huggingface.co/{REPO}"):
        done = run("model", "discover", named, "-q")
        assert done.stdout.split() == [f"hf:{REPO}:Q4_K_M", f"hf:{REPO}:Q8_0"]
    done = run("model", "discover", f"hf:{REPO}:Q5_0")
    assert done.returncode == 3
    assert f"hf:{REPO}:Q4_K_M, hf:{REPO}:Q8_0" in done.stderr


def test_for_programs_there_are_addresses_and_digests(run: type_of_run, hub: ModelHub) -> None:
    revision = hub.publish(REPO, {"tiny-Q8_0.gguf": b"eight"})
    done = run("model", "discover", f"hf:{REPO}", "--json")
    said = json.loads(done.stdout)
    assert (said["schema"], said["failures"], said["age_seconds"]) == ("kandil.model.discover/1", [], 0.0)
    (offer,) = said["offers"]
    assert offer["revision"] == revision
    assert offer["report"]["verdict"] == "fits"
    (file,) = offer["weights"]
    assert file["url"] == f"{hub.url}/{REPO}/resolve/{revision}/tiny-Q8_0.gguf"
    assert file["sha256"] == offer["sha256"]


def test_without_a_network_there_is_what_was_said_before(run: type_of_run, hub: ModelHub) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": b"eight"})
    assert run("model", "discover", f"hf:{REPO}", "--offline").returncode == 6
    assert run("model", "discover", f"hf:{REPO}").stderr == ""
    for path in (paths.cache_dir() / "discovery").iterdir():
        kept = json.loads(path.read_text())
        path.write_text(json.dumps(kept | {"at": kept["at"] - 7200}))
    hub.under.stop()
    done = run("model", "discover", f"hf:{REPO}", "--offline")
    assert done.returncode == 0
    assert f"hf:{REPO}:Q8_0" in done.stdout
    assert done.stderr.startswith("the oldest answer is 2 h 00 min old")
    done = run("model", "discover", f"hf:{REPO}", "--refresh")
    assert done.returncode == 6, "and a source that does not answer is no less a failure"


def test_a_machine_without_ollama_has_not_failed(run: type_of_run, hub: ModelHub, ollama: Registry) -> None:
    hub.tell("models", [])
    done = run("model", "discover", "zzzz-qqqq")
    assert done.returncode == 3
    assert "no source has anything that is called so" in done.stderr
    done = run("model", "discover", "zzzz-qqqq", "--source", "ollama")
    assert done.returncode == 6


def test_a_hub_that_may_have_it_and_does_not_answer_is_the_reason(run: type_of_run, hub: ModelHub) -> None:
    hub.under.stop()
    done = run("model", "discover", "zzzz-qqqq", "--json")
    assert done.returncode == 6
    assert {one["source"] for one in json.loads(done.stdout)["failures"]} >= {"huggingface", "ollama"}


def test_what_a_server_says_does_nothing_to_a_terminal(run: type_of_run, hub: ModelHub) -> None:
    evil = "\x1b]0;owned\x07\u202e"
    hub.publish(REPO, {"tiny-Q8_0.gguf": b"eight"}, lastModified=evil, tags=[f"license:{evil}"])
    hub.tell("models", [hub.repositories[REPO], hub.repositories[REPO] | {"id": f"acme/{evil}"}])
    for arguments in (["tiny"], ["tiny", "-q"], ["tiny", "--json"], [f"hf:{REPO}"]):
        done = run("model", "discover", *arguments)
        assert not {"\x1b", "\x07", "\u202e"} & {*done.stdout, *done.stderr}


@pytest.mark.parametrize(
    "arguments",
    [[""], [" ", "\t"], ["hf:x"], ["x", "--offline", "--refresh"], ["x", "--limit", "0"], ["x", "--source", "x"],
     ["https://example.org/x.gguf"]],
)  # fmt: skip
def test_what_cannot_be_looked_for(run: type_of_run, arguments: list[str]) -> None:
    assert run("model", "discover", *arguments).returncode == 2
