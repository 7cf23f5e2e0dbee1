from __future__ import annotations

import json
from pathlib import Path

import pytest

from kandil.verify.stores import ollama
from tests.support.stores import Ollama, gguf, put, sha256
from tests.verify.runs import run


@pytest.fixture
def store(home: Path) -> Ollama:
    return Ollama(home / ".ollama" / "models")


async def test_every_layer_is_verified_under_its_models_name(store: Ollama) -> None:
    blob = store.pull("llama3.1:8b", gguf("llama"), b'{"a": 1}', b"license")
    outcome = await run()
    assert set(outcome.statuses().values()) == {"ok"}
    assert len(outcome) == 3
    result = outcome[blob.name]
    assert (result.name, result.expected_source) == ("llama3.1:8b", "ollama manifest llama3.1:8b")
    assert result.path == blob


async def test_a_blob_of_two_tags_is_one_result(store: Ollama) -> None:
    store.pull("llama3.1:8b", gguf("llama"), b"1")
    blob = store.pull("llama3.1:latest", gguf("llama"), b"2")
    outcome = await run()
    assert len(outcome.results) == 3
    assert outcome[blob.name].name == "llama3.1:8b, llama3.1:latest"


async def test_a_rotten_blob_has_to_be_deleted_before_it_is_pulled(store: Ollama) -> None:
    blob = store.pull("llama3.1:8b", gguf("llama"))
    blob.write_bytes(gguf("other"))
    result = (await run())[blob.name]
    assert result.status == "mismatch"
    assert result.hint == "delete it, then: ollama pull llama3.1:8b"


async def test_a_model_layer_that_is_no_gguf_is_malformed(store: Ollama) -> None:
    blob = store.pull("odd", b"not a model at all", b"{}", b"license, no model either")
    outcome = await run()
    assert outcome[blob.name].status == "malformed"
    assert sorted(outcome.statuses().values()) == ["malformed", "ok", "ok"]


async def test_a_missing_blob_says_which_model_and_how_to_get_it(store: Ollama) -> None:
    blob = store.pull("user/model:q4", gguf())
    blob.unlink()
    outcome = await run()
    result = outcome[blob.name]
    assert result.status == "error"
    assert result.message == "missing: user/model:q4 needs this blob, and it is not there"
    assert result.hint == "fetch it again: ollama pull user/model:q4"
    assert outcome.summary.exit_code == 10


async def test_blobs_that_no_model_needs_are_verified_by_their_name(store: Ollama) -> None:
    store.pull("a", gguf())
    orphan = store.blob(b"orphan")
    old = store.blob(gguf("old"), separator=":")
    outcome = await run()
    for path in (orphan, old):
        assert (outcome[path.name].status, outcome[path.name].expected_source) == ("ok", "ollama blob name")


async def test_downloads_in_progress_are_no_blobs(store: Ollama) -> None:
    blob = store.pull("a", gguf())
    for suffix in ("-partial", "-partial-0", "-partial-12"):
        put(blob.with_name(f"sha256-{'a' * 64}{suffix}"), b"part")
    put(blob.with_name("sha256-123456789"), b"being written")
    assert len((await run()).results) == 2


async def test_manifests_of_other_registries_have_their_full_name(store: Ollama) -> None:
    store.pull("hf.co/bartowski/Qwen:Q4_K_M", gguf())
    assert {result.name for result in (await run()).results} == {"hf.co/bartowski/Qwen:Q4_K_M"}


async def test_newer_manifests_link_to_a_blob_of_their_own(store: Ollama) -> None:
    blob = store.pull("a:1", gguf())
    manifest = store.tag("a:1").read_bytes()
    named = store.blob(manifest)
    link = store.tag("a:1", "manifests-v2")
    link.parent.mkdir(parents=True)
    link.symlink_to(named)
    store.tag("a:1").unlink()
    outcome = await run()
    assert {result.name for result in outcome.results} == {"a:1"}
    assert set(outcome) == {blob.name, named.name, f"sha256-{sha256(b'{}')}"}
    assert set(outcome.statuses().values()) == {"ok"}


async def test_a_list_of_manifests_needs_the_blobs_of_each_runner(store: Ollama) -> None:
    inner = store.manifest(gguf("one"))
    children = [json.loads(store.manifest(gguf("two"))), {"digest": f"sha256:{sha256(inner)}", "runner": "mlx"}]
    put(store.tag("a"), json.dumps({"schemaVersion": 2, "manifests": children}).encode())
    for data in (inner, gguf("one"), gguf("two"), b"{}"):
        store.blob(data)
    outcome = await run()
    assert {result.expected_source for result in outcome.results} == {"ollama manifest a:latest"}
    assert len(outcome.results) == 4


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"layers": [{"digest": "sha256:../../../etc/passwd"}]}',
        b'{"layers": "x"}',
        b'{"layers": [7]}',
        b'{"config": {"digest": 5}}',
        b'{"manifests": [[]]}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_a_manifest_that_cannot_be_read_is_an_error_of_its_own(store: Ollama, text: bytes) -> None:
    store.pull("good", gguf())
    path = put(store.tag("bad:1"), text)
    outcome = await run()
    assert outcome["1"].path == path
    assert outcome["1"].status == "error"
    assert outcome["1"].hint == "fetch it again: ollama pull bad:1"
    assert sorted(outcome.statuses().values()) == ["error", "ok", "ok"]


async def test_the_store_is_recognised_from_any_path_in_or_above_it(store: Ollama, home: Path, models: Path) -> None:
    blob = store.pull("a:1", gguf())
    for path in (store.root, store.root / "blobs", home / ".ollama"):
        assert len((await run(path)).results) == 2
    assert (await run(blob))[blob.name].name == "a:1"
    put(home / "b.gguf", gguf("b"))
    assert len((await run(home)).results) == 3
    link = models / "a.gguf"
    link.symlink_to(blob)
    result = (await run(models))["a.gguf"]
    assert (result.status, result.expected_source, result.name) == ("ok", "ollama manifest a:1", "a:1")


async def test_another_folder_by_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "elsewhere"))
    Ollama(tmp_path / "elsewhere").pull("a:1", gguf())
    assert len((await run()).results) == 2


def test_shortest_names() -> None:
    assert ollama.shown("registry.ollama.ai", "library", "a", "b") == "a:b"
    assert ollama.shown("registry.ollama.ai", "user", "a", "b") == "user/a:b"
    assert ollama.shown("example.com", "library", "a", "b") == "example.com/library/a:b"
