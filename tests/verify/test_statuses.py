from __future__ import annotations

import os
from pathlib import Path

import pytest

from kandil.errors import ExpectNeedsOneFile, NotADigest
from kandil.verify import known_digest, sha256_files
from tests.support.stores import gguf, put, sha256
from tests.verify.runs import one, run


async def test_a_file_with_its_digest_is_ok(models: Path) -> None:
    path = put(models / "a.gguf", gguf())
    put(models / "SHA256SUMS", f"{sha256(gguf())}  a.gguf\n".encode())
    result = await one(models)
    assert result.status == "ok"
    assert result.path == path
    assert result.sha256 == result.expected == sha256(gguf())
    assert result.expected_source == "SHA256SUMS"
    assert result.checked == "sha256"
    assert result.size_bytes == len(gguf())
    assert result.hint is None


async def test_no_digest_to_compare_with_is_unverified(models: Path) -> None:
    put(models / "a.gguf", gguf())
    result = await one(models)
    assert (result.status, result.expected) == ("unverified", None)
    assert result.hint is not None
    assert "--pin" in result.hint


async def test_another_digest_is_a_mismatch(models: Path) -> None:
    put(models / "a.gguf", gguf())
    put(models / "a.gguf.sha256", sha256(b"other").encode())
    outcome = await run(models)
    assert outcome["a.gguf"].status == "mismatch"
    assert outcome["a.gguf"].expected == sha256(b"other")
    assert outcome.summary.exit_code == 8


async def test_a_file_that_claims_to_be_gguf_and_is_not_is_malformed(models: Path) -> None:
    put(models / "a.gguf", b"<!DOCTYPE html>" + bytes(100))
    result = await one(models)
    assert result.status == "malformed"
    assert result.findings


async def test_a_cut_file_with_the_wrong_digest_says_both(models: Path) -> None:
    put(models / "a.gguf", gguf()[:60])
    put(models / "a.gguf.sha256", sha256(gguf()).encode())
    result = await one(models)
    assert result.status == "mismatch"
    assert result.findings
    assert result.message is not None
    assert result.findings[0].message in result.message


async def test_findings_about_files_that_do_not_claim_to_be_gguf_are_dropped(models: Path) -> None:
    put(models / "a.safetensors", b"\x08" + bytes(7) + b'{"a": 1}')
    result = await one(models)
    assert (result.status, result.findings) == ("unverified", ())


async def test_a_given_digest_decides(models: Path) -> None:
    path = put(models / "a.gguf", gguf())
    put(models / "a.gguf.sha256", sha256(b"other").encode())
    for given in (sha256(gguf()), f"sha256:{sha256(gguf()).upper()} "):
        result = await one(path, expect=given)
        assert (result.status, result.expected_source) == ("ok", "--expect")


async def test_one_digest_cannot_be_expected_of_two_files(models: Path) -> None:
    put(models / "a.gguf", gguf("a"))
    put(models / "b.gguf", gguf("b"))
    with pytest.raises(ExpectNeedsOneFile):
        await run(models, expect=sha256(b""))
    with pytest.raises(NotADigest):
        await run(models / "a.gguf", expect="d41d8cd98f00b204e9800998ecf8427e")


async def test_a_look_at_the_structure_alone_takes_no_digest_and_leaves_no_trace(models: Path) -> None:
    put(models / "a.gguf", gguf())
    put(models / "a.gguf.sha256", sha256(b"other").encode())
    result = await one(models, scan_only=True)
    assert (result.status, result.sha256, result.checked) == ("unverified", None, "structure only")
    assert (await one(models)).checked == "sha256"


async def test_nothing_selected_is_an_empty_summary(models: Path) -> None:
    outcome = await run(models)
    assert (outcome.results, outcome.summary.files, outcome.summary.exit_code) == ([], 0, 0)


async def test_without_paths_and_stores_there_is_nothing_to_do() -> None:
    assert (await run()).results == []


async def test_every_file_of_a_folder_only_when_asked_for(models: Path) -> None:
    put(models / "a.gguf", gguf())
    put(models / "notes.txt", b"notes")
    assert set(await run(models)) == {"a.gguf"}
    assert set(await run(models, every_file=True)) == {"a.gguf", "notes.txt"}
    assert set(await run(models / "notes.txt")) == {"notes.txt"}


async def test_patterns_are_expanded_unless_a_file_has_that_name(models: Path) -> None:
    for name in ("a.gguf", "b.gguf", "c.txt"):
        put(models / name, gguf(name))
    assert set(await run(models / "*.gguf")) == {"a.gguf", "b.gguf"}
    put(models / "[ab].gguf", gguf("odd"))
    assert set(await run(models / "[ab].gguf")) == {"[ab].gguf"}
    assert (await one(models / "*.none")).status == "error"


async def test_relative_paths_are_shown_as_they_were_given(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(models / "a.gguf", gguf())
    monkeypatch.chdir(models.parent)
    assert (await one("models")).path == Path("models/a.gguf")
    assert (await one(models)).checked != "sha256"  # the same file to the ledger


def test_known_digest_is_only_that_of_the_present_state(models: Path) -> None:
    import trio

    path = put(models / "a.gguf", gguf())
    assert known_digest(path) is None
    trio.run(run, path)
    assert known_digest(path) == sha256(gguf())
    assert known_digest(os.fsencode(path)) == sha256(gguf())
    put(path, gguf("changed"))
    assert known_digest(path) is None
    assert known_digest(models / "none.gguf") is None


def test_known_digest_is_of_single_files_alone(models: Path, data_folder: Path) -> None:
    import sqlite3

    import trio

    path = put(models / "a.gguf", gguf())
    assert known_digest(models) is None
    trio.run(run, models)
    for other in (models, put(models / "sub" / "b", b"").parent, "/dev/null", b"a\0b"):
        assert known_digest(other) is None
    database = sqlite3.connect(data_folder / "ledger.sqlite3")
    database.execute("PRAGMA user_version = 99")
    database.close()
    assert known_digest(path) is None


def test_digests_of_many_files(models: Path) -> None:
    files = [put(models / str(number), bytes([number]) * number * 1000) for number in range(20)]
    assert [digest.hex() for digest in sha256_files(files)] == [sha256(file.read_bytes()) for file in files]
    with pytest.raises(OSError, match="none"):
        sha256_files([models / "none"])
