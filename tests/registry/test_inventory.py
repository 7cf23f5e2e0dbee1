"""What is on the disk: found by name and size alone, remembered, and looked at again when anything has changed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

import kandil
from kandil import config, paths, registry
from kandil.registry import inventory
from kandil.registry.inventory import Inventory, LocalModel
from kandil.verify import known_digest
from tests.support.stores import HuggingFace, Ollama, gguf, part, put, sha256

NOW = 1_800_000_000.0


@pytest.fixture
def settings() -> config.Cache:
    return config.Cache(ttl_seconds=3600, max_size_mb=100)


@pytest.fixture
def ollama(home: Path) -> Ollama:
    return Ollama(home / ".ollama/models")


@pytest.fixture
def hub(home: Path) -> HuggingFace:
    return HuggingFace(home / ".cache/huggingface/hub")


def by_name(found: Inventory) -> dict[str, LocalModel]:
    assert len({model.name for model in found.models}) == len(found.models)
    return {model.name: model for model in found.models}


async def test_the_layers_of_a_tag_are_one_model(ollama: Ollama, settings: config.Cache) -> None:
    ollama.pull("qwen2.5:7b", gguf("a"), b"{}", b"a license")
    ollama.pull("me/tuned:latest", gguf("a"), b'{"x": 1}')
    found = by_name(await inventory.look(settings))
    assert set(found) == {"qwen2.5:7b", "me/tuned:latest"}
    model = found["qwen2.5:7b"]
    assert (model.store, model.role, len(model.files)) == ("ollama", "model", 3)
    assert model.size_bytes == len(gguf("a") + b"{}" + b"a license")
    assert model.sha256 == sha256(gguf("a"))


async def test_a_projector_of_a_tag_is_named(ollama: Ollama, settings: config.Cache) -> None:
    ollama.pull("sees:7b", gguf("a"), b"{}", gguf("eye"))
    tag = ollama.tag("sees:7b")
    tag.write_bytes(tag.read_bytes().replace(b"image.license", b"image.projector"))
    (model,) = (await inventory.look(settings)).models
    assert (model.role, model.also, model.sha256) == ("model", ("projector",), sha256(gguf("a")))


async def test_a_missing_layer_is_an_error_of_its_model(ollama: Ollama, settings: config.Cache) -> None:
    ollama.pull("gone:1b", gguf("a")).unlink()
    (model,) = (await inventory.look(settings)).models
    assert (model.name, model.state) == ("gone:1b", "error")
    assert "missing" in (model.message or "")


async def test_models_have_the_names_of_their_stores(home: Path, hub: HuggingFace, settings: config.Cache) -> None:
    hub.download("o/r-GGUF", "x-Q4_K_M.gguf", gguf("x"))
    hub.download("o/r-GGUF", "config.json", b"{}", lfs=False)
    for number in (1, 2):
        hub.download("o/big", f"q/y-0000{number}-of-00002.gguf", part(number, 2))
        hub.download("o/tensors", f"model-0000{number}-of-00002.safetensors", b"%d" % number)
    put(home / ".cache/lm-studio/models/pub/mod/mmproj-f16.gguf", gguf("eye"))
    put(paths.models_dir() / "own-lora.gguf", gguf("lora"))
    found = by_name(await inventory.look(settings))
    assert {name: (model.store, model.role, len(model.files)) for name, model in found.items()} == {
        "o/r-GGUF/x-Q4_K_M.gguf": ("huggingface", "model", 1),
        "o/big/q/y.gguf": ("huggingface", "model", 2),
        "o/tensors": ("huggingface", "model", 2),
        "pub/mod/mmproj-f16.gguf": ("lmstudio", "projector", 1),
        "own-lora.gguf": ("kandil", "adapter", 1),
    }
    assert found["o/tensors"].placement is None
    assert found["o/big/q/y.gguf"].placement is not None
    assert found["o/r-GGUF/x-Q4_K_M.gguf"].sha256 == sha256(gguf("x")), "by the name of its blob"


async def test_a_missing_part_is_seen_without_reading(hub: HuggingFace, settings: config.Cache) -> None:
    hub.download("o/big", "y-00001-of-00003.gguf", part(1, 3))
    (model,) = (await inventory.look(settings)).models
    assert (model.state, model.message) == ("malformed", "2 of 3 parts are missing")


async def test_revisions_with_other_bytes_are_told_apart(hub: HuggingFace, settings: config.Cache) -> None:
    hub.download("o/same", "x.gguf", gguf("a"), revision="1" * 40)
    hub.download("o/same", "x.gguf", gguf("a"), revision="2" * 40)
    hub.download("o/other", "x.gguf", gguf("a"), revision="1" * 40)
    hub.download("o/other", "x.gguf", gguf("b"), revision="2" * 40)
    names = [model.name for model in (await inventory.look(settings)).models]
    assert names == ["o/other/x.gguf@1111111", "o/other/x.gguf@2222222", "o/same/x.gguf"]


async def test_the_ledger_says_what_state_a_model_is_in(home: Path, settings: config.Cache) -> None:
    folder = home / ".cache/llama.cpp"
    good, bad = put(folder / "good.gguf", gguf("good")), put(folder / "bad.gguf", gguf("bad")[:100])
    for path in (good, bad):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    put(folder / "late.gguf", gguf("late"))
    before = by_name(await inventory.look(settings))
    assert {model.state for model in before.values()} == {"new"}
    while known_digest(good) is None:  # as soon as the clock is past the tick in which the files were written
        async for _result in kandil.verify([folder]):
            pass
    kept = inventory.cached(settings)
    assert kept is None, "the ledger has changed"
    found = by_name(await inventory.look(settings))
    assert (found["good.gguf"].state, found["good.gguf"].sha256) == ("unverified", sha256(gguf("good")))
    assert (found["good.gguf"].verified_at or "")[:2] == "20"
    assert found["bad.gguf"].state == "malformed"
    put(good, gguf("other bytes"))
    assert inventory.cached(settings) is None, "the file has changed"
    changed = by_name(await inventory.look(settings))["good.gguf"]
    assert (changed.state, changed.verified_at) == ("modified", None)


async def test_a_look_is_remembered(ollama: Ollama, settings: config.Cache) -> None:
    ollama.pull("qwen2.5:7b", gguf("a"))
    found = await inventory.look(settings, now=NOW)
    assert inventory.cached(settings, now=NOW + 3599) == found
    assert inventory.cached(settings, now=NOW + 3600) is None
    assert inventory.cached(settings, now=NOW - 1) is None, "a clock that was set back proves nothing"
    assert inventory.cached(replace(settings, ttl_seconds=0), now=NOW) is None


async def test_an_empty_machine_is_remembered_too(settings: config.Cache) -> None:
    found = await inventory.look(settings)
    assert found.models == ()
    assert inventory.cached(settings) == found


async def test_changes_are_seen_before_the_time_is_over(
    home: Path, ollama: Ollama, hub: HuggingFace, settings: config.Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def remembered() -> None:
        assert await inventory.look(settings) == inventory.cached(settings)

    await remembered()
    ollama.pull("a:1b", gguf("a"))
    assert inventory.cached(settings) is None, "a new store"
    await remembered()
    ollama.pull("b:1b", gguf("a"))
    assert inventory.cached(settings) is None, "a new tag"
    await remembered()
    hub.download("o/r", "deep/er/x.gguf", gguf("x"))
    await remembered()
    hub.download("o/r", "deep/er/y.gguf", gguf("y"))
    assert inventory.cached(settings) is None, "a new file deep below"
    await remembered()
    monkeypatch.setenv("OLLAMA_MODELS", str(home / "elsewhere"))
    assert inventory.cached(settings) is None, "another place to look at"
    await remembered()
    registry.add(registry.Record(name="mine", files=(str(put(home / "my.gguf", gguf("m"))),)))
    assert inventory.cached(settings) is None, "a new record"
    found = await inventory.look(settings)
    assert [model.name for model in found.models if model.store == "record"] == [str(home / "my.gguf")]
    registry.used("mine", latency_ms=12.0)
    assert inventory.cached(settings) == found, "that a model was used changes no file of it"


@pytest.mark.parametrize("content", [b"", b"\n", b"{}", b"kandil.inventory/1 9.9.9 00000000\n{}", b"\xff" * 100, None])
async def test_a_broken_or_foreign_file_is_replaced(
    content: bytes | None, ollama: Ollama, settings: config.Cache
) -> None:
    ollama.pull("qwen2.5:7b", gguf("a"))
    found = await inventory.look(settings)
    sound = inventory.file().read_bytes()
    inventory.file().write_bytes(sound.replace(b"qwen2.5", b"qwen9.9") if content is None else content)
    assert inventory.cached(settings) is None
    again = await inventory.look(settings)
    assert again.models == found.models
    assert inventory.cached(settings) == again


async def test_what_is_too_large_is_not_kept(ollama: Ollama, settings: config.Cache) -> None:
    ollama.pull("qwen2.5:7b", gguf("a"))
    small = replace(settings, max_size_mb=0)
    assert len((await inventory.look(small)).models) == 1
    assert not inventory.file().exists()
    assert inventory.cached(small) is None


async def test_the_largest_cache_takes_no_more_memory_than_is_in_it(settings: config.Cache) -> None:
    large = replace(settings, max_size_mb=1_000_000)
    found = await inventory.look(large)
    assert inventory.cached(large) == found


async def test_where_nothing_can_be_kept_a_warning_says_so(
    tmp_path: Path, settings: config.Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KANDIL_CACHE_DIR", str(put(tmp_path / "file", b"")))
    (warning,) = (await inventory.look(settings)).warnings
    assert "looks at the disk again" in warning


async def test_no_secret_of_the_environment_is_kept(settings: config.Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_very_secret")
    await inventory.look(settings)
    assert b"hf_very_secret" not in inventory.file().read_bytes()
    assert inventory.file().stat().st_mode & 0o777 == 0o600


async def test_names_that_are_no_text_come_back_as_they_were(home: Path, settings: config.Cache) -> None:
    put(home / ".cache/llama.cpp" / os.fsdecode(b"\xff\x1b.gguf"), gguf("x"))
    found = await inventory.look(settings)
    assert [os.fsencode(model.name) for model in found.models] == [b"\xff\x1b.gguf"]
    assert inventory.cached(settings) == found
