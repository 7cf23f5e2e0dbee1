"""Files from a real nginx: whole, verified and under their names, or an error that says why not."""

from __future__ import annotations

import hashlib

import pytest

from kandil.download import Remote, needed_bytes
from kandil.errors import (
    DigestDiffers,
    DownloadForbidden,
    DownloadRefused,
    SizeDiffers,
)
from kandil.secret import Secret
from tests.download.conftest import BLOCK, CONTENT, NAME, SHA256, Fetching, remote
from tests.support.servers.hub import TOKEN, Hub


async def test_a_file_comes_by_a_redirect_and_has_its_name_once_it_is_verified(source: Hub, fetching: Fetching) -> None:
    fetched = await fetching.one(remote(source, revision="c0ffee"))
    assert fetching.content() == CONTENT
    assert fetching.there() == {NAME}
    assert (fetched.path, fetched.sha256, fetched.size_bytes) == (fetching.folder / NAME, SHA256, len(CONTENT))
    assert (fetched.revision, fetched.reused_bytes) == ("c0ffee", 0)
    assert fetched.etag
    last = fetching.progress[-1]
    assert (last.bytes_total, last.bytes_done, last.bytes_verified) == (len(CONTENT),) * 3
    assert [one.bytes_done for one in fetching.progress] == sorted(one.bytes_done for one in fetching.progress)
    assert not fetching.notices
    assert fetched.path.stat().st_mode & 0o777 == 0o600
    parts = [one for one in source.asked() if one.port == source.storage_port and one.range != "bytes=0-0"]
    assert {one.status for one in parts} == {206}
    assert sum(one.body_bytes for one in parts) == len(CONTENT), "nothing comes twice"
    assert {one.condition for one in parts} == {fetched.etag}
    assert len(parts) >= 4


async def test_what_nobody_has_published_is_hashed(source: Hub, fetching: Fetching) -> None:
    fetched = await fetching.one(remote(source, size_bytes=None, sha256=None))
    assert (fetched.sha256, fetched.size_bytes) == (SHA256, len(CONTENT))


@pytest.mark.parametrize("content", [b"", b"x", CONTENT[:BLOCK], CONTENT[: BLOCK + 1]])
async def test_files_of_any_size(source: Hub, fetching: Fetching, content: bytes) -> None:
    (source.folder / NAME).write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    for way in ("direct", "whole"):
        fetched = await fetching.one(remote(source, way, name=f"{way}/{NAME}", size_bytes=len(content), sha256=sha256))
        assert fetched.path.read_bytes() == content
        assert [path.name for path in fetched.path.parent.iterdir()] == [NAME]


async def test_a_token_goes_to_the_hub_alone(source: Hub, fetching: Fetching) -> None:
    await fetching.one(remote(source, "private"), secret=Secret(TOKEN))
    assert fetching.content() == CONTENT
    seen = {(one.host, one.authorization) for one in source.asked()}
    assert seen == {("127.0.0.1", f"Bearer {TOKEN}"), ("localhost", "")}


@pytest.mark.parametrize("way", ["own", "near"])
async def test_a_token_goes_along_where_the_hub_has_the_file_itself(source: Hub, fetching: Fetching, way: str) -> None:
    await fetching.one(remote(source, way), secret=Secret(TOKEN))
    assert fetching.content() == CONTENT


@pytest.mark.parametrize("secret", [None, Secret("hf_wrong")])
async def test_who_has_no_token_is_told_how_to_get_one(source: Hub, fetching: Fetching, secret: Secret | None) -> None:
    with pytest.raises(DownloadForbidden, match="key") as failure:
        await fetching.one(remote(source, "private", key_name="huggingface"), secret=secret)
    assert (failure.value.exit_code, failure.value.had_key) == (5, secret is not None)
    assert "kandil auth set huggingface" in str(failure.value.hint)
    assert fetching.there() == set()


async def test_a_file_that_is_not_there(source: Hub, fetching: Fetching) -> None:
    with pytest.raises(DownloadRefused, match="it is not there") as failure:
        await fetching.one(Remote(url=f"{source.url}/direct/other.gguf", name=NAME))
    assert failure.value.status == 404
    assert fetching.there() == set()


async def test_what_is_not_what_was_published_has_no_name_that_is_used(source: Hub, fetching: Fetching) -> None:
    with pytest.raises(DigestDiffers) as failure:
        await fetching.one(remote(source, sha256="0" * 64))
    error = failure.value
    assert (error.exit_code, error.expected, error.actual, error.source) == (8, "0" * 64, SHA256, "the hub")
    assert fetching.there() == {f"{NAME}.rejected"}
    assert error.kept_as == str(fetching.folder / f"{NAME}.rejected")
    assert fetching.content(f"{NAME}.rejected") == CONTENT
    await fetching.one(remote(source))
    assert fetching.content() == CONTENT


async def test_a_server_with_another_size_is_not_asked_for_the_file(source: Hub, fetching: Fetching) -> None:
    with pytest.raises(SizeDiffers) as failure:
        await fetching.one(remote(source, size_bytes=5))
    assert (failure.value.exit_code, failure.value.announced_bytes) == (8, len(CONTENT))
    assert fetching.there() == set()
    assert max(one.body_bytes for one in source.asked() if one.status == 206) == 1


async def test_a_server_without_parts_sends_it_whole(source: Hub, fetching: Fetching) -> None:
    await fetching.one(remote(source, "whole"))
    assert fetching.content() == CONTENT


async def test_a_file_that_is_there_is_read_and_not_fetched(source: Hub, fetching: Fetching) -> None:
    await fetching.one(remote(source))
    source.forget()
    assert needed_bytes([remote(source)], fetching.folder) == 0
    fetched = await fetching.one(remote(source))
    assert (fetched.sha256, fetched.reused_bytes) == (SHA256, len(CONTENT))
    assert source.asked() == []
    (fetching.folder / NAME).write_bytes(CONTENT[::-1])
    with pytest.raises(DigestDiffers):
        await fetching.one(remote(source))
    assert fetching.there() == {f"{NAME}.rejected"}


async def test_all_parts_of_a_model(source: Hub, fetching: Fetching) -> None:
    files = []
    for number in range(3):
        content = CONTENT[number::3]
        name = f"big-0000{number + 1}-of-00003.gguf"
        (source.folder / name).write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest() if number != 1 else "1" * 64
        files.append(Remote(url=f"{source.url}/resolve/{name}", name=name, size_bytes=len(content), sha256=sha256))
    assert needed_bytes(files, fetching.folder) == len(CONTENT)
    with pytest.raises(DigestDiffers) as failure:
        await fetching.all(*files)
    assert failure.value.file == files[1].name
    assert fetching.there() == {files[0].name, f"{files[1].name}.rejected"}
    good = Remote(url=files[1].url, name=files[1].name, size_bytes=files[1].size_bytes)
    fetched = await fetching.all(files[0], good, files[2])
    assert [one.reused_bytes for one in fetched] == [files[0].size_bytes, 0, 0]
    assert fetching.progress[-1].bytes_verified == fetching.progress[-1].bytes_total == len(CONTENT)
