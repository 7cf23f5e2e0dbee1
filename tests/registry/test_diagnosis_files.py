"""Checks of kandil's own files: settings, records, the ledger. Each with what is right, and with what is not."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest

from kandil import paths, registry
from kandil.config import editing
from kandil.registry import Record
from kandil.registry.diagnosis import Check
from kandil.verify import verify
from kandil.verify.stores import Store
from tests.support import small_library, stores
from tests.support.diagnosed import checks, leave, sole

KEY = "sk-proj-" + "a1B2c3D4e5F6g7H8i9J0" * 2


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    leave(monkeypatch, home)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, a repository's root."""
    root = tmp_path / "work"
    (root / ".git").mkdir(parents=True)
    monkeypatch.chdir(root)
    return root


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files may be as young as they are here."""
    monkeypatch.setattr("kandil.verify.ledger.RACY_NS", -(10**18))


def settings(text: str) -> Path:
    return stores.put(paths.config_file(), text.encode())


async def found(check_id: str) -> list[Check]:
    section = {"CFG": "config", "KEY": "keys", "REC": "records", "LIB": "library"}[check_id.split("-")[1]]
    return (await checks(section))[check_id]


async def test_without_files_all_is_right() -> None:
    came = await checks("config", "keys", "records", "library")
    assert {one.state for several in came.values() for one in several} == {"ok"}


@pytest.mark.parametrize(
    ("text", "state", "words"),
    [
        ("version = 2\n[defaults]\ntheme = 'dark'\n", "ok", "can be used"),
        ("version = 2\n[defaults\n", "fail", "config.toml:2:10: no TOML"),
        (
            "version = 2\n[cache]\nttl_seconds = 'long'\n",
            "fail",
            "config.toml:3:15: cache.ttl_seconds: expected a whole",
        ),
        ("version = 3\n", "fail", "has version 3"),
        ("version = 2\n[publishers.me]\n", "fail", "publishers.me: it has to say"),
        (f"version = 2\nkey = '{KEY}'\n", "fail", "config.toml:2:7: key: what looks like a key is there"),
    ],
)
async def test_config_toml(text: str, state: str, words: str) -> None:
    settings(text)
    [one] = await found("KD-CFG-001")
    assert one.state == state
    assert words in one.found
    assert "long" not in one.found
    assert (one.mend is None) == (state == "ok")


async def test_a_file_in_the_place_of_the_folder() -> None:
    folder = paths.config_file().parent
    paths.make_private(folder.parent)
    folder.write_text("")
    [one] = await found("KD-CFG-001")
    assert (one.state, one.found) == ("fail", f"{folder / 'config.toml'}: cannot be read: Not a directory")


async def test_settings_that_kandil_does_not_know() -> None:
    settings("version = 2\n[defaults]\nmodell = 'x'\nsize = 1\n")
    first, second = await found("KD-CFG-002")
    assert (first.state, second.state) == ("warn", "warn")
    assert first.found.endswith("config.toml:3:1: defaults.modell: is no setting; did you mean defaults.model?")
    settings("version = 2\n")
    assert [one.state for one in await found("KD-CFG-002")] == ["ok"]


async def test_an_older_version() -> None:
    settings("[defaults]\ndefault_model = 'gpt-5'\n")
    [one] = await found("KD-CFG-003")
    assert (one.state, one.mend) == ("warn", "kandil config reload")
    editing.migrate()
    assert [one.state for one in await found("KD-CFG-003")] == ["ok"]


async def test_the_projects_file(folder: Path) -> None:
    file = folder / ".kandil.toml"
    file.write_text("version = 2\n[defaults]\nmodel = 'gpt-5'\n")
    [one] = await found("KD-CFG-004")
    assert (one.state, one.found) == ("ok", f"{file} is in force here, and says defaults.model")
    file.write_text("version = 2\n[api.openai]\nbase_url = 'https://example.org'\n")
    said, left_out = await found("KD-CFG-004")
    assert (said.found, left_out.state) == (f"{file} is in force here, and says nothing", "warn")
    assert "api.openai.base_url: is not taken from a project's file" in left_out.found
    file.write_text("[")
    [one] = await found("KD-CFG-004")
    assert (one.state, one.mend) == ("fail", f'"$EDITOR" {file}')
    assert [one.state for one in await found("KD-KEY-003")] == ["unknown"]
    file.write_text(f"version = 2\n[defaults]\nmodel = '{KEY}'\n")
    [one] = await found("KD-KEY-003")
    assert (one.state, one.found) == ("fail", f"{file}:3:9: what looks like a key is there under defaults.model")


async def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANDIL_DEFAULTS_THEME", "dark")
    monkeypatch.setenv("KANDIL_CACHE_TTL_SECONDS", "60")
    [one] = await found("KD-CFG-005")
    assert (one.state, one.found) == ("ok", "in force: KANDIL_CACHE_TTL_SECONDS, KANDIL_DEFAULTS_THEME")
    monkeypatch.setenv("KANDIL_CACHE_TTL_SECONDS", "a-while")
    monkeypatch.setenv("KANDIL_DEFAULT_MODEL", "gpt-5")
    wrong, unknown = await found("KD-CFG-005")
    assert (wrong.state, unknown.state) == ("fail", "warn")
    assert wrong.found.startswith("KANDIL_CACHE_TTL_SECONDS is not what cache.ttl_seconds takes: a whole number")
    assert "a-while" not in wrong.found
    assert unknown.found == "KANDIL_DEFAULT_MODEL is no variable of kandil's: KANDIL_DEFAULTS_MODEL is"
    assert unknown.mend == "unset KANDIL_DEFAULT_MODEL"


async def test_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    monkeypatch.setenv("OPENAI_API_KEY", "")  # the value is not looked at
    monkeypatch.setenv("KANDIL_DEFAULTS_MODEL", KEY)
    one, other = await found("KD-KEY-001")
    assert (other.state, other.found.split()[0]) == ("warn", "OPENAI_API_KEY")
    assert (one.state, one.found.split()[0]) == ("warn", "ANTHROPIC_API_KEY")
    assert "`kandil auth set anthropic`" in (one.mend or "")
    [own] = await found("KD-KEY-004")
    assert (own.state, own.mend) == ("fail", "unset KANDIL_DEFAULTS_MODEL")


async def test_every_key_in_config_toml() -> None:
    settings(f"version = 2\n[api.openai]\nbase_url = 'nowhere'\napi_key = 'x'\n[models.a]\nsystem = 'say {KEY}'\n")
    came = await found("KD-KEY-002")
    assert [one.found.rpartition("config.toml:")[2] for one in came] == [
        "4:11: what looks like a key is there under api.openai.api_key",
        "6:10: what looks like a key is there under models.a.system",
    ]
    assert all(one.state == "fail" and "kandil auth set" in (one.mend or "") for one in came)


async def test_aliases() -> None:
    settings("version = 2\n[aliases]\nwork = 'claude-sonnet-5-5'\n")
    [one] = await found("KD-CFG-006")
    assert (one.state, one.found) == ("ok", "each of 1 leads to a model")
    settings("version = 2\n[aliases]\na = 'b'\nb = 'claude-sonnet-5-5'\n'my old' = 'claude-3-5-sonnet-20241022'\n")
    lost, retired = await found("KD-CFG-006")
    assert (lost.state, retired.state) == ("warn", "warn")
    assert lost.found.startswith("a stands for b: no model is called so")
    assert lost.mend == "kandil model alias --rm a"
    assert "was retired on" in retired.found
    assert (retired.mend or "").startswith("kandil model alias 'my old' claude-")


@pytest.mark.parametrize(
    ("model", "state", "mend"),
    [
        ("claude-sonnet-5-5", "ok", None),
        ("no-such-model-at-all", "fail", "kandil config set defaults.model NAME"),
        ("claude-3-5-sonnet-20241022", "fail", "kandil config set defaults.model claude-"),
    ],
)
async def test_the_default_model(model: str, state: str, mend: str | None) -> None:
    settings(f"version = 2\n[defaults]\nmodel = '{model}'\n")
    [one] = await found("KD-CFG-007")
    assert one.state == state
    assert (one.mend or "").startswith(mend or "")
    assert (one.mend is None) == (mend is None)
    assert "config.toml:3" in one.found


async def test_records_that_can_be_used_and_those_that_cannot() -> None:
    registry.add(Record(name="one"))
    assert [(one.state, one.found) for one in await found("KD-REC-001")] == [("ok", "1 can be used")]
    for name, content in {
        "cut": b'{"schema_version": 2',
        "odd": b'{"schema_version": 2, "name": "odd", "sha256": "hunter2"}',
        "two": json.dumps({"schema_version": 2, "name": "two", "profile": {"id": "two"}}).encode(),
    }.items():
        stores.put(paths.models_dir() / f"{name}.metadata.json", content)
    came = await found("KD-REC-001")
    assert [one.state for one in came] == ["fail"] * 3
    cut, odd, two = came
    assert cut.found.startswith(f"{paths.models_dir() / 'cut.metadata.json'}: it is no JSON: Expecting")
    assert odd.found.endswith("odd.metadata.json: sha256: 64 lower-case hexadecimal digits was expected")
    assert "two.metadata.json: profile: " in two.found


async def test_files_of_records(tmp_path: Path) -> None:
    kept = stores.put(tmp_path / "kept.gguf", stores.gguf())
    size = kept.stat().st_size
    registry.add(Record(name="kept", files=(str(kept),), size_bytes=size, verified_at="2026-11-22T10:00:00Z"))
    assert [(await found(one))[0].state for one in ("KD-REC-002", "KD-REC-003")] == ["ok", "ok"]
    registry.add(Record(name="gone", files=(str(tmp_path / "gone.gguf"),), size_bytes=7))
    kept.write_bytes(b"short")
    gone, changed = await found("KD-REC-002")
    assert (gone.found, gone.mend) == (f"gone: {tmp_path / 'gone.gguf'} is gone", "kandil model rm gone")
    assert (changed.state, changed.mend) == ("fail", f"kandil verify {kept}")
    assert changed.found == f"kept: 5 bytes are there, where {size} were added"
    registry.add(Record(name="fresh", files=(str(kept),)))
    [fresh] = await found("KD-REC-003")
    assert (fresh.state, fresh.found, fresh.mend) == ("warn", "fresh has not been verified", f"kandil verify {kept}")


async def test_records_of_retired_models() -> None:
    registry.add(Record(name="new", profile_id="claude-sonnet-5-5"))
    assert [one.state for one in await found("KD-REC-004")] == ["ok"]
    registry.add(Record(name="old", profile_id="claude-3.5-sonnet"))
    [one] = await found("KD-REC-004")
    assert (one.state, one.mend) == ("warn", "kandil model rm old")


async def test_records_that_cannot_be_listed() -> None:
    stores.put(paths.models_dir(), b"no folder")
    assert {(one.state, one.found) for one in await found("KD-REC-002")} == {
        ("unknown", "cannot be checked (file-unreadable)")
    }


async def verified(*given: Path) -> None:
    async for _ in verify(given):
        pass


async def test_model_files_are_verified_or_not() -> None:
    models = paths.models_dir()
    small_library.write(models)
    [one] = await found("KD-LIB-003")
    assert (one.state, one.mend) == ("warn", "kandil verify")
    assert one.found.endswith("model files have not been verified as they are now")
    (models / "models/poisoned.Q8_0.gguf").touch()
    await verified(models)
    came = await found("KD-LIB-003")
    assert {one.state for one in came} == {"fail"}
    assert sum("poisoned" in one.found and "malicious (KG-" in one.found for one in came) == 1
    assert all((one.mend or "").startswith("kandil verify ") for one in came)


async def test_sound_files_that_were_verified() -> None:
    model = stores.put(paths.models_dir() / "a.gguf", stores.gguf())
    await verified(model)
    [one] = await found("KD-LIB-003")
    assert (one.state, one.found) == ("ok", "all of 1 model files have been")
    model.write_bytes(stores.gguf("another"))
    assert [one.state for one in await found("KD-LIB-003")] == ["warn"]


async def test_the_ledger(home: Path) -> None:
    await verified(stores.put(paths.models_dir() / "a.gguf", stores.gguf()))
    [one] = await found("KD-LIB-002")
    assert (one.state, one.found) == ("ok", f"{paths.ledger_file()} is sound")
    with sqlite3.connect(paths.ledger_file()) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    [one] = await found("KD-LIB-002")
    assert (one.state, one.mend) == ("fail", "update kandil")


@pytest.mark.parametrize("damage", ["garbage", "page"])
async def test_a_damaged_ledger(damage: str) -> None:
    await verified(*[stores.put(paths.models_dir() / f"{n}.gguf", stores.gguf(str(n))) for n in range(40)])
    content = bytearray(paths.ledger_file().read_bytes())
    content[:100] = content[:100] if damage == "page" else b"x" * 100
    content[4096 + 8 : 4096 + 64] = b"\xff" * 56
    paths.ledger_file().write_bytes(content)
    [one] = await found("KD-LIB-002")
    assert one.state == "fail"
    assert "kandil verify" in (one.mend or "")


async def test_a_ledger_that_is_being_written(home: Path) -> None:
    """What the log has is read, too."""
    await verified(stores.put(paths.models_dir() / "a.gguf", stores.gguf()))
    writer = sqlite3.connect(paths.ledger_file(), isolation_level=None)
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE files SET inode = inode")
        assert "ledger.sqlite3-wal" in os.listdir(paths.data_dir())
        came = await checks("library")
        assert [came[one][0].state for one in ("KD-LIB-002", "KD-LIB-003")] == ["ok", "ok"]
    finally:
        writer.close()


async def test_stores(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths.make_private(paths.models_dir())
    one = await sole("KD-LIB-001", "library")
    assert (one.state, one.found) == ("ok", f"kandil at {paths.models_dir()}")
    closed = Store("ollama", Path("/usr/share/ollama/.ollama/models"))
    monkeypatch.setattr("kandil.verify.stores.closed", lambda _: [closed])
    _, one = await found("KD-LIB-001")
    assert (one.state, one.mend) == ("warn", f"sudo kandil verify {closed.root}")
