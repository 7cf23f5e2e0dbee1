"""Records: nothing is lost, whoever else writes, whatever else is in the file."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kandil import registry
from kandil.errors import (
    FileUnreadable,
    FileUnwritable,
    ProfileInvalid,
    RecordBroken,
    RecordExists,
    RecordUnknown,
)
from kandil.registry import Record

OWN = {
    "provider": "house",
    "protocol": "openai",
    "base_url": "https://llm.example.org/v1",
    "api_model": "llama-3.3-70b",
    "context_window": 8192,
}


def one(name: str = "house/llama", **fields: Any) -> Record:
    return Record(name=name, source="manual", added_at="2026-11-22T10:00:00Z", profile=OWN, **fields)


def test_what_was_added_is_found() -> None:
    registry.add(one(capabilities=("tools",)))
    assert registry.find("house/llama") == one(capabilities=("tools",))
    assert registry.find("house/other") is None
    assert registry.every().records == (one(capabilities=("tools",)),)
    mode = stat.S_IMODE(os.stat(registry.file_of("house/llama")).st_mode)
    assert mode == 0o600


def test_the_file_has_what_others_read() -> None:
    registry.add(one(size_bytes=5, sha256="ab" * 32))
    said = json.loads(registry.file_of("house/llama").read_text())
    named = {"schema_version", "name", "source", "sha256", "size_bytes", "verified_at", "capabilities"}
    named |= {"context_window", "last_used", "usage_count", "average_latency_ms"}
    assert named <= said.keys()
    assert (said["schema_version"], said["size_bytes"], said["usage_count"]) == (2, 5, 0)


def test_nothing_is_replaced_silently() -> None:
    registry.add(one(size_bytes=1))
    with pytest.raises(RecordExists):
        registry.add(one(size_bytes=2))
    assert registry.find("house/llama") == one(size_bytes=1)
    registry.add(one(size_bytes=2), replacing=True)
    assert registry.find("house/llama") == one(size_bytes=2)


def test_a_use_is_counted_and_the_mean_kept() -> None:
    registry.add(one())
    registry.used("house/llama", latency_ms=10.0)
    registry.used("house/llama", latency_ms=20.0)
    record = registry.used("house/llama", latency_ms=60.0)
    assert record.usage_count == 3
    assert record.average_latency_ms == pytest.approx(30.0)
    assert record.last_used is not None
    assert record.last_used.endswith("Z")
    with pytest.raises(RecordUnknown):
        registry.used("no such")


def test_a_use_without_a_latency_leaves_the_mean() -> None:
    registry.add(one())
    registry.used("house/llama", latency_ms=10.0)
    assert registry.used("house/llama").average_latency_ms == 10.0
    record = registry.used("house/llama", latency_ms=40.0)
    assert (record.usage_count, record.latency_count) == (3, 2)
    assert record.average_latency_ms == pytest.approx(25.0)


def test_a_mean_of_an_older_version_is_of_all_its_uses() -> None:
    path = registry.file_of("old")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"schema_version": 1, "name": "old", "usage_count": 3, "average_latency_ms": 10}))
    assert registry.used("old", latency_ms=50).average_latency_ms == pytest.approx(20.0)


def test_a_record_is_removed_and_only_once() -> None:
    registry.add(one())
    assert registry.remove("house/llama") == one()
    assert registry.every().records == ()
    with pytest.raises(RecordUnknown):
        registry.remove("house/llama")


def test_what_a_later_version_wrote_survives() -> None:
    registry.add(one())
    path = registry.file_of("house/llama")
    said = json.loads(path.read_text()) | {"schema_version": 7, "colour": {"deep": [1, None]}}
    path.write_text(json.dumps(said))
    registry.used("house/llama", latency_ms=3)
    after = json.loads(path.read_text())
    assert (after["schema_version"], after["colour"], after["usage_count"]) == (7, {"deep": [1, None]}, 1)


def test_version_1_is_read_and_written_as_2() -> None:
    path = registry.file_of("old")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"schema_version": 1, "name": "old", "sha256": "cd" * 32, "usage_count": 4}))
    record = registry.find("old")
    assert record == Record(name="old", sha256="cd" * 32, usage_count=4)
    registry.used("old")
    after = json.loads(path.read_text())
    assert (after["schema_version"], after["usage_count"], after["source"]) == (2, 5, "unknown")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no JSON"),
        (b"[]", "no JSON object"),
        (b"[" * 100_000, "no JSON"),
        (b'{"name": "x"}', "schema_version"),
        (b'{"schema_version": true, "name": "x"}', "schema_version"),
        (b'{"schema_version": 2}', "name is missing"),
        (b'{"schema_version": 2, "name": 5}', "name: text was expected, not 5"),
        (b'{"schema_version": 2, "name": "x", "usage_count": "9"}', "usage_count: a whole number from 0 was expected"),
        (b'{"schema_version": 2, "name": "x", "files": [1]}', "files: a list of texts"),
        (b'{"schema_version": 2, "name": "x", "profile": {"protocol": "grpc"}}', "profile."),
        (b'{"schema_version": 2, "name": "x", "profile": {"context_window": 1' + b"0" * 30 + b"}}", "64 bits"),
        (b'{"schema_version": 2, "name": "x", "usage_count": -1}', "usage_count"),
        (b'{"schema_version": 2, "name": "x", "average_latency_ms": NaN}', "NaN is no number"),
        (b'{"schema_version": 2, "name": "x", "average_latency_ms": 1e999}', "average_latency_ms"),
        (b'{"schema_version": 2, "name": "x", "sha256": "ABC"}', "sha256: 64 lower-case"),
        (b'{"schema_version": 2, "name": "x", "last_used": "yesterday"}', "last_used: a time"),
        (b'{"schema_version": 2, "name": "x", "profile_id": "\\ud800"}', "profile_id: text was expected"),
        (b" " * (1 << 21), "more than"),
    ],
)
def test_a_broken_record_is_named_and_left(content: bytes, said: str) -> None:
    registry.add(one())
    path = registry.file_of("x")
    path.write_bytes(content)
    with pytest.raises(RecordBroken, match=said):
        registry.find("x")
    with pytest.raises(RecordBroken):
        registry.used("x")
    assert path.read_bytes() == content
    every = registry.every()
    assert [record.name for record in every.records] == ["house/llama"]
    assert [error.path for error in every.broken] == [str(path)]


@pytest.mark.parametrize(
    "change", [{"base_url": "http://llm.example.org"}, {"protocol": "grpc"}, {"context_window": 0}]
)
def test_a_wrong_description_is_not_written(change: dict[str, object]) -> None:
    with pytest.raises(ProfileInvalid, match=next(iter(change))):
        registry.add(replace(one(), profile={**OWN, **change}))
    registry.add(one())
    with pytest.raises(ProfileInvalid):
        registry.update("house/llama", lambda record: replace(record, profile={**OWN, **change}))
    assert registry.find("house/llama") == one()


def test_a_field_that_no_profile_has_is_refused_from_a_user_and_kept_from_a_later_version() -> None:
    described = {**OWN, "colour": "red"}
    with pytest.raises(ProfileInvalid, match="colour"):
        registry.add(replace(one(), profile=described))
    registry.add(one())
    path = registry.file_of("house/llama")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"profile": described}))
    registry.used("house/llama", latency_ms=1)
    assert json.loads(path.read_text())["profile"] == described
    assert registry.profiles()["house/llama"].api_model == OWN["api_model"]


def test_every_mistake_is_told_and_no_password_of_an_address() -> None:
    wrong = {"protocol": "grpc", "base_url": "https://me:hunter2@llm.example.org/v1", "context_window": -1}
    with pytest.raises(ProfileInvalid) as refused:
        registry.add(replace(one(), profile=OWN | wrong))
    assert [field for field, _ in refused.value.mistakes] == list(wrong)
    assert "hunter2" not in str(refused.value)


def test_what_the_user_describes_is_a_profile() -> None:
    registry.add(one())
    registry.add(Record(name="plain", source="ollama"))
    (profile,) = registry.profiles().values()
    assert (profile.id, profile.source, profile.context_window, profile.date) == (
        "house/llama",
        "user",
        8192,
        "2026-11-22",
    )


USE = """
import sys
from kandil import registry
for _ in range(int(sys.argv[1])):
    registry.used("house/llama", latency_ms=5)
"""


def test_two_processes_lose_no_use() -> None:
    registry.add(one())
    started = [subprocess.Popen([sys.executable, "-c", USE, "25"]) for _ in range(4)]
    assert [process.wait() for process in started] == [0, 0, 0, 0]
    record = registry.find("house/llama")
    assert record is not None
    assert record.usage_count == 100
    assert record.average_latency_ms == pytest.approx(5)
    left = sorted(os.listdir(registry.file_of("house/llama").parent))
    assert left == ["house%2fllama.metadata.json"]


@pytest.mark.parametrize("latency_ms", [-1.0, float("nan"), float("inf")])
def test_what_could_not_be_read_again_is_not_written(latency_ms: float) -> None:
    registry.add(one())
    with pytest.raises(ValueError, match=r"average_latency_ms|JSON"):
        registry.used("house/llama", latency_ms=latency_ms)
    with pytest.raises(ValueError, match="added_at"):
        registry.add(Record(name="x", added_at="yesterday"))
    assert registry.every() == registry.Records((one(),), ())


def test_a_file_that_is_of_another_name_is_no_record() -> None:
    registry.add(one())
    path = registry.file_of("house/llama")
    copy = path.with_name(f"copy{path.name}")
    copy.write_bytes(path.read_bytes())
    every = registry.every()
    assert (len(every.records), [error.path for error in every.broken]) == (1, [str(copy)])
    assert "'house/llama'" in every.broken[0].reason


def test_what_is_no_file_holds_nobody_up() -> None:
    folder = registry.file_of("x").parent
    folder.mkdir(parents=True)
    os.mkfifo(registry.file_of("pipe"))
    registry.file_of("folder").mkdir()
    (folder / "notes.json").write_text("{}")
    registry.file_of("gone").symlink_to("nowhere")
    assert {os.path.basename(error.path): error.reason for error in registry.every().broken} == {
        "folder.metadata.json": "Is a directory",
        "pipe.metadata.json": "it is a pipe",
    }


def test_where_the_folder_cannot_be_read_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").write_text("no folder")
    monkeypatch.setenv("KANDIL_DATA_DIR", str(tmp_path))
    with pytest.raises(FileUnreadable):
        registry.every()
    with pytest.raises(FileUnwritable):
        registry.add(one())


@pytest.mark.parametrize("field", ["note", "provider", "base_url"])
def test_no_key_is_written_or_read_or_repeated(field: str) -> None:
    secret = "sk-proj-" + "a1B2" * 12
    with pytest.raises(ProfileInvalid) as refused:
        registry.add(replace(one(), profile={**OWN, field: f"https://llm.example.org/{secret}"}))
    assert [where for where, _ in refused.value.mistakes] == [field]
    assert not registry.file_of("house/llama").exists()

    registry.add(one())
    file = registry.file_of("house/llama")
    for said in (
        {"profile": {**OWN, field: f"https://llm.example.org/{secret}"}},
        {"provider": secret},
    ):
        file.write_text(json.dumps(json.loads(file.read_text()) | said))
        with pytest.raises(RecordBroken, match="looks like an API key") as broken:
            registry.find("house/llama")
        for text in (str(refused.value), str(broken.value), repr(refused.value.mistakes)):
            assert "a1B2" not in text
