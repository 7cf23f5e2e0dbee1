"""Records: nothing is lost, whoever else writes, whatever else is in the file."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil import registry
from kandil.errors import ProfileInvalid, RecordBroken, RecordExists, RecordUnknown
from kandil.registry import Record, records

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
    mode = stat.S_IMODE(os.stat(records.file_of("house/llama")).st_mode)
    assert mode == 0o600


def test_the_file_has_what_others_read() -> None:
    registry.add(one(size_bytes=5, sha256="ab" * 32))
    said = json.loads(records.file_of("house/llama").read_text())
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
    for latency in (10.0, 20.0, 60.0):
        record = registry.used("house/llama", latency_ms=latency)
    assert (record.usage_count, record.average_latency_ms) == (3, pytest.approx(30.0))
    assert record.last_used is not None
    assert record.last_used.endswith("Z")
    with pytest.raises(RecordUnknown):
        registry.used("no such")


def test_a_record_is_removed_and_only_once() -> None:
    registry.add(one())
    assert registry.remove("house/llama") == one()
    assert registry.every().records == ()
    with pytest.raises(RecordUnknown):
        registry.remove("house/llama")


def test_what_a_later_version_wrote_survives() -> None:
    registry.add(one())
    path = records.file_of("house/llama")
    said = json.loads(path.read_text()) | {"schema_version": 7, "colour": {"deep": [1, None]}}
    path.write_text(json.dumps(said))
    registry.used("house/llama", latency_ms=3)
    after = json.loads(path.read_text())
    assert (after["schema_version"], after["colour"], after["usage_count"]) == (7, {"deep": [1, None]}, 1)


def test_version_1_is_read_and_written_as_2() -> None:
    path = records.file_of("old")
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
        (b'{"schema_version": 2, "name": 5}', "name: str was expected, not int"),
        (b'{"schema_version": 2, "name": "x", "usage_count": "9"}', "usage_count: int was expected"),
        (b'{"schema_version": 2, "name": "x", "files": [1]}', "files: a list of texts"),
        (b'{"schema_version": 2, "name": "x", "profile": {"protocol": "grpc"}}', "profile."),
        (b'{"schema_version": 2, "name": "x", "profile": {"context_window": 1' + b"0" * 30 + b"}}", "profile."),
        (b" " * (1 << 21), "more than"),
    ],
)
def test_a_broken_record_is_named_and_left(content: bytes, said: str) -> None:
    registry.add(one())
    path = records.file_of("x")
    path.write_bytes(content)
    with pytest.raises(RecordBroken, match=said):
        registry.find("x")
    with pytest.raises(RecordBroken):
        registry.used("x")
    assert path.read_bytes() == content
    every = registry.every()
    assert [record.name for record in every.records] == ["house/llama"]
    assert [error.path for error in every.broken] == [str(path)]


@pytest.mark.parametrize("change", [{"base_url": "http://llm.example.org"}, {"protocol": "grpc"}, {"colour": "red"}])
def test_a_wrong_description_is_not_written(change: dict[str, object]) -> None:
    with pytest.raises(ProfileInvalid, match=next(iter(change))):
        registry.add(replace(one(), profile={**OWN, **change}))
    registry.add(one())
    with pytest.raises(ProfileInvalid):
        registry.update("house/llama", lambda record: replace(record, profile={**OWN, **change}))
    assert registry.find("house/llama") == one()


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
    assert (record.usage_count, record.average_latency_ms) == (100, pytest.approx(5))
    left = sorted(os.listdir(records.file_of("house/llama").parent))
    assert left == [".house%2fllama.metadata.json.lock", "house%2fllama.metadata.json"]


@pytest.mark.parametrize(
    "name", ["..", ".", "a/../../b", "/etc/passwd", "A:b", "ünï", "x" * 500, "con", "\ud800", "a\x00b"]
)
def test_a_file_s_name_is_safe(name: str) -> None:
    path = records.file_of(name)
    assert path.parent == records.file_of("x").parent
    assert len(path.name.encode()) < 240
    assert path.name.isascii()
    assert path.name == path.name.lower()
    assert not path.name.startswith(".")


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_two_names_have_two_files(first: str, second: str) -> None:
    assert (records.file_of(first).name.casefold() == records.file_of(second).name.casefold()) is (first == second)
