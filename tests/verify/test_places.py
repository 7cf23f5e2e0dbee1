"""Where stores are; the folders of other platforms are simulated by naming the platform."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from kandil.verify.stores import Kind, Machine, find
from tests.support.stores import HuggingFace, Ollama, gguf, put, sha256
from tests.verify.runs import one, run

LINUX: dict[str, Kind] = {
    ".ollama/models": "ollama",
    ".cache/huggingface/hub": "huggingface",
    ".lmstudio/models": "lmstudio",
    ".cache/lm-studio/models": "lmstudio",
    ".cache/llama.cpp": "llama.cpp",
    ".local/share/Jan/data/llamacpp/models": "jan",
    ".local/share/Jan/data/models": "jan",
    "jan/models": "jan",
    ".local/share/nomic.ai/GPT4All": "gpt4all",
    ".cache/gpt4all": "gpt4all",
}
MACOS: dict[str, Kind] = {
    ".ollama/models": "ollama",
    ".cache/huggingface/hub": "huggingface",
    ".lmstudio/models": "lmstudio",
    "Library/Caches/llama.cpp": "llama.cpp",
    "Library/Application Support/Jan/data/llamacpp/models": "jan",
    "Library/Application Support/nomic.ai/GPT4All": "gpt4all",
}
WINDOWS: dict[str, Kind] = {
    ".ollama/models": "ollama",
    ".cache/huggingface/hub": "huggingface",
    ".lmstudio/models": "lmstudio",
    "AppData/Local/llama.cpp": "llama.cpp",
    "AppData/Roaming/Jan/data/llamacpp/models": "jan",
    "AppData/Local/nomic.ai/GPT4All": "gpt4all",
}


@pytest.mark.parametrize(("platform", "places"), [("linux", LINUX), ("darwin", MACOS), ("win32", WINDOWS)])
def test_default_folders(tmp_path: Path, platform: str, places: dict[str, Kind]) -> None:
    machine = Machine({}, tmp_path, platform)
    assert [store for store in find(machine) if store.root.is_relative_to(tmp_path)] == []
    for place in places:
        (tmp_path / place).mkdir(parents=True)
    found = {store.root: store.kind for store in find(machine) if store.root.is_relative_to(tmp_path)}
    assert found == {tmp_path / place: kind for place, kind in places.items()}


@pytest.mark.parametrize(
    ("variable", "value", "place", "kind"),
    [
        ("OLLAMA_MODELS", "there", "there", "ollama"),
        ("OLLAMA_MODELS", ' "there" ', "there", "ollama"),
        ("HF_HUB_CACHE", "there", "there", "huggingface"),
        ("HF_HOME", "there", "there/hub", "huggingface"),
        ("XDG_CACHE_HOME", "there", "there/huggingface/hub", "huggingface"),
        ("LLAMA_CACHE", "there", "there", "llama.cpp"),
        ("XDG_CACHE_HOME", "there", "there/llama.cpp", "llama.cpp"),
        ("JAN_DATA_FOLDER", "there", "there/llamacpp/models", "jan"),
        ("XDG_DATA_HOME", "there", "there/Jan/data/models", "jan"),
        ("XDG_DATA_HOME", "there", "there/nomic.ai/GPT4All", "gpt4all"),
    ],
)
def test_folders_by_environment(tmp_path: Path, variable: str, value: str, place: str, kind: Kind) -> None:
    (tmp_path / place).mkdir(parents=True)
    environment = {variable: value.replace("there", str(tmp_path / "there"))}
    found = [(store.kind, store.root) for store in find(Machine(environment, tmp_path / "home", "linux"))]
    assert (kind, tmp_path / place) in found


def test_folders_that_tools_wrote_down(tmp_path: Path) -> None:
    for place in ("lm/models", "chosen", "jan-data/llamacpp/models"):
        (tmp_path / place).mkdir(parents=True)
    put(tmp_path / ".lmstudio-home-pointer", f"{tmp_path}/lm\n".encode())
    put(tmp_path / "lm" / "settings.json", json.dumps({"downloadsFolder": str(tmp_path / "chosen")}).encode())
    put(tmp_path / ".local/share/Jan/settings.json", json.dumps({"data_folder": str(tmp_path / "jan-data")}).encode())
    found = {store.root: store.kind for store in find(Machine({}, tmp_path, "linux"))}
    assert found[tmp_path / "lm/models"] == found[tmp_path / "chosen"] == "lmstudio"
    assert found[tmp_path / "jan-data/llamacpp/models"] == "jan"


@pytest.mark.parametrize(
    "text", [b"", b"\xff\0", b"[]", b'{"downloadsFolder": 7}', b'{"downloadsFolder": "a\\u0000b"}', b"[" * 60_000]
)
def test_settings_that_say_nothing(tmp_path: Path, text: bytes) -> None:
    put(tmp_path / ".lmstudio-home-pointer", text)
    put(tmp_path / ".lmstudio" / "settings.json", text)
    assert find(Machine({}, tmp_path, "darwin")) == []


def test_a_folder_under_two_names_is_one_store(tmp_path: Path) -> None:
    (tmp_path / ".lmstudio/models").mkdir(parents=True)
    put(tmp_path / ".lmstudio-home-pointer", f"{tmp_path}/.lmstudio".encode())
    assert len(find(Machine({}, tmp_path, "linux"))) == 1


async def test_a_store_that_is_closed_to_this_user_is_a_warning(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = home / ".ollama" / "models"
    stat = os.stat

    def refuse(path: Any, *given: Any, **options: Any) -> os.stat_result:
        if os.fspath(path) == str(closed):
            raise PermissionError
        return stat(path, *given, **options)

    monkeypatch.setattr("kandil.verify.stores.places.os.stat", refuse)
    outcome = await run()
    assert outcome.results == []
    (warning,) = outcome.summary.warnings
    assert warning == f"{closed}: this user may not look into it; Ollama's models there are not verified"


async def test_models_of_every_store_are_found_at_once(home: Path, data_folder: Path) -> None:
    Ollama(home / ".ollama/models").pull("a:1", gguf("ollama"))
    HuggingFace(home / ".cache/huggingface/hub").download("a/b", "hf.gguf", gguf("hf"))
    put(home / ".lmstudio/models/publisher/repo/lm.gguf", gguf("lm"))
    put(home / ".cache/llama.cpp/llama.gguf", gguf("llama"))
    put(home / ".local/share/Jan/data/llamacpp/models/x/model.gguf", gguf("jan"))
    put(home / ".local/share/nomic.ai/GPT4All/gpt.gguf", gguf("gpt"))
    put(home / ".local/share/nomic.ai/GPT4All/incomplete-gpt.gguf", gguf("gpt")[:50])
    put(data_folder / "models/own.gguf", gguf("own"))
    outcome = await run()
    names = {"hf.gguf", "lm.gguf", "llama.gguf", "model.gguf", "gpt.gguf", "own.gguf"}
    assert {result.path.name for result in outcome.results if result.path.suffix == ".gguf"} == names
    assert len(outcome.results) == len(names) + 2
    assert outcome["lm.gguf"].name == "publisher/repo"


@pytest.mark.parametrize("layout", ["etag", "json"])
async def test_what_llama_cpp_remembers_confirms_and_never_accuses(home: Path, layout: str) -> None:
    def remember(digest: str) -> None:
        if layout == "etag":
            put(folder / "a_b_m.gguf.etag", f'"{digest}"'.encode())
        else:
            put(folder / "a_b_m.gguf.json", json.dumps({"url": "https://…", "etag": f'"{digest}"'}).encode())

    folder = home / ".cache/llama.cpp"
    put(folder / "a_b_m.gguf", gguf())
    remember(sha256(gguf()))
    result = await one()
    assert (result.status, result.expected_source) == ("ok", "llama.cpp's ETag")
    remember("0" * 64)
    assert (await one()).status == "unverified"
    remember("not-a-digest")
    assert (await one()).status == "unverified"


async def test_a_list_beside_a_file_is_believed_more_than_an_etag(models: Path) -> None:
    put(models / "m.gguf", gguf())
    put(models / "m.gguf.etag", sha256(gguf()).encode())
    put(models / "m.gguf.sha256", b"0" * 64)
    assert (await one(models)).status == "mismatch"


async def test_loose_files_beside_a_store_are_not_forgotten(tmp_path: Path) -> None:
    Ollama(tmp_path / "ai" / "models").pull("a:1", gguf("ollama"))
    put(tmp_path / "ai" / "loose.gguf", gguf("loose"))
    HuggingFace(tmp_path / "ai").download("a/b", "hf.gguf", gguf("hf"))
    outcome = await run(tmp_path / "ai")
    assert len(outcome.results) == 4
    assert {"loose.gguf", "hf.gguf"} <= set(outcome)
    assert outcome["hf.gguf"].status == "ok"
