from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kandil.verify.facts import Facts
from kandil.verify.stores.huggingface import git_blob_id
from tests.support.stores import HuggingFace, gguf, git_id, local_dir, put, sha256
from tests.verify.runs import one, run


@pytest.fixture
def cache(home: Path) -> HuggingFace:
    return HuggingFace(home / ".cache" / "huggingface" / "hub")


async def test_a_snapshot_is_verified_by_the_name_of_its_blob(cache: HuggingFace) -> None:
    name = cache.download("Qwen/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf", gguf())
    result = await one()
    assert (result.path, result.status, result.name) == (name, "ok", "Qwen/Qwen3-8B-GGUF")
    assert (result.expected, result.expected_source) == (sha256(gguf()), "Hugging Face blob name")


async def test_small_files_are_verified_by_their_git_blob_id(cache: HuggingFace) -> None:
    cache.download("a/b", "config.json", b'{"a": 1}', lfs=False)
    for checked in ("git sha1", "git sha1"):  # the second time from the ledger
        result = await one()
        assert (result.status, result.expected, result.checked) == ("ok", git_id(b'{"a": 1}'), checked)
    (cache.repo("a/b") / "blobs" / git_id(b'{"a": 1}')).write_bytes(b'{"a": 2}')
    assert (await one()).status == "mismatch"


async def test_a_look_at_the_structure_keeps_what_is_known_of_small_files(cache: HuggingFace) -> None:
    cache.download("a/b", "config.json", b'{"a": 1}', lfs=False)
    await run()
    assert (await one(scan_only=True)).sha256 is None
    outcome = await run()
    assert (outcome["config.json"].status, outcome.summary.bytes_read) == ("ok", 0)


def test_a_git_blob_id_is_of_the_state_that_was_read(tmp_path: Path) -> None:
    path = put(tmp_path / "config.json", b"{}")
    status = path.stat()
    state = Facts(2, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
    assert git_blob_id(bytes(path), state) == git_id(b"{}")
    others = [replace(state, size_bytes=3), replace(state, mtime_ns=1), replace(state, ctime_ns=1)]
    for other in (*others, replace(state, inode=1), replace(state, device=-1), replace(state, size_bytes=1 << 40)):
        assert git_blob_id(bytes(path), other) is None


async def test_a_rotten_blob_says_how_to_get_it_again(cache: HuggingFace) -> None:
    name = cache.download("a/b", "sub/m.gguf", gguf())
    name.resolve().write_bytes(gguf("other"))
    result = await one()
    assert result.status == "mismatch"
    assert result.hint == f"fetch it again: hf download a/b sub/m.gguf --revision {cache.revision} --force-download"


async def test_one_blob_in_two_revisions_is_read_once(cache: HuggingFace) -> None:
    cache.download("a/b", "m.gguf", gguf(), revision="1" * 40)
    cache.download("a/b", "m.gguf", gguf(), revision="2" * 40)
    outcome = await run()
    first, second = sorted(outcome.results, key=lambda result: result.path)
    assert (first.same_as, second.same_as) == (None, first.path)
    assert outcome.summary.distinct == 1
    assert outcome.summary.bytes_read == outcome.summary.bytes_total == len(gguf())


async def test_blobs_without_a_snapshot_stand_for_themselves(cache: HuggingFace) -> None:
    name = cache.download("a/b", "m.gguf", gguf())
    name.unlink()
    result = await one()
    assert (result.path.name, result.status, result.name) == (sha256(gguf()), "ok", "a/b")


async def test_unfinished_downloads_and_markers_are_passed_over(cache: HuggingFace) -> None:
    name = cache.download("a/b", "m.gguf", gguf())
    blobs = cache.repo("a/b") / "blobs"
    put(blobs / f"{'a' * 64}.incomplete", b"half")
    put(blobs / f"{'b' * 64}.lock", b"")
    put(cache.repo("a/b") / ".no_exist" / cache.revision / "adapter.json", b"")
    put(cache.root / "CACHEDIR.TAG", b"Signature")
    put(cache.root / ".locks" / "models--a--b" / "x.lock", b"")
    put(cache.root / "datasets--a--b" / "blobs" / ("c" * 64), b"data")
    assert [result.path for result in (await run()).results] == [name]


async def test_blobs_shared_between_repositories(cache: HuggingFace) -> None:
    name = cache.shared("a/b", "m.gguf", gguf())
    result = await one()
    assert (result.path, result.status, result.expected_source) == (name, "ok", "Hugging Face blob name")


async def test_a_snapshot_of_a_missing_blob_is_an_error(cache: HuggingFace) -> None:
    name = cache.download("a/b", "m.gguf", gguf())
    name.resolve().unlink()
    result = await one()
    assert (result.path, result.status) == (name, "error")
    assert result.hint is not None
    assert "hf download a/b m.gguf" in result.hint


async def test_files_instead_of_links_are_verified_by_the_list_of_the_revision(cache: HuggingFace) -> None:
    snapshot = cache.copied("a/b", ("sub/m.gguf", gguf(), True), ("config.json", b"{}", False), ("x.gguf", b"", True))
    put(snapshot / "x.gguf", gguf("x"))
    for given in ((), (snapshot,), tuple(path for path in snapshot.rglob("*") if path.is_file())):
        outcome = await run(*given)
        assert outcome.statuses() == {"m.gguf": "ok", "config.json": "ok", "x.gguf": "mismatch"}
        assert {result.expected_source for result in outcome.results} == {"Hugging Face's list of the revision"}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"format_version": 2, "files": {}}',
        b'{"format_version": 1, "files": {"m.gguf": {"lfs_sha256": 7}}}',
        b'{"format_version": 1, "files": {"m.gguf": []}}',
        b'{"format_version": 1, "files": []}',
        b"[" * 60_000,
    ],
)
async def test_a_list_that_says_nothing(cache: HuggingFace, text: bytes) -> None:
    cache.copied("a/b", ("m.gguf", gguf(), True), listed=False)
    assert (await one()).status == "unverified"
    put(cache.repo("a/b") / "trees" / f"{cache.revision}.json", text)
    assert (await one()).status == "unverified"


async def test_any_path_into_the_cache_is_recognised(cache: HuggingFace, models: Path, home: Path) -> None:
    name = cache.download("a/b", "m.gguf", gguf())
    cache.download("c/d", "n.gguf", gguf("n"))
    assert len((await run(cache.root)).results) == 2
    for path in (cache.repo("a/b"), name.parent, name):
        result = await one(path)
        assert (result.path, result.status, result.name) == (name, "ok", "a/b")
    (models / "linked").symlink_to(name.parent)
    (models / "direct.gguf").symlink_to(name)
    outcome = await run(models)
    assert {result.status for result in outcome.results} == {"ok"}
    assert len((await run(home)).results) == 2


async def test_a_folder_that_hf_download_filled(models: Path) -> None:
    local_dir(models, "sub/m.gguf", gguf())
    result = await one(models)
    assert (result.status, result.expected_source) == ("ok", "hf download's metadata")
    put(models / "sub" / "m.gguf", gguf("other"))
    (models / ".cache/huggingface/download/sub/m.gguf.metadata").write_text(
        f"{'1' * 40}\n{sha256(gguf())}\n9999999999\n"
    )
    assert (await one(models)).status == "mismatch"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\nb\nc\n",
        f"{'1' * 40}\n{'a' * 64}\nnan\n",
        f"{'1' * 40}\n{'a' * 64}\ninf\n",
        f"{'1' * 40}\n{'a' * 64}\n0\n",
        f"x\n{'a' * 40}\n9999999999\n",
    ],
)
async def test_metadata_that_says_nothing_of_this_file(models: Path, text: str) -> None:
    local_dir(models, "m.gguf", gguf())
    (models / ".cache/huggingface/download/m.gguf.metadata").write_text(text)
    assert (await one(models)).status == "unverified"


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"])
async def test_another_folder_by_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "hub"))
    HuggingFace(tmp_path / "hub").download("a/b", "m.gguf", gguf())
    assert (await one()).status == "ok"
