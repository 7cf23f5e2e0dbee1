"""Downloads that are interrupted: what came is kept and is not fetched again, and versions are never mixed."""

from __future__ import annotations

import hashlib
import os

import pytest
import trio

from kandil.download import Progress, Remote, needed_bytes, transfer
from kandil.errors import DownloadInterrupted
from tests.download.conftest import BLOCK, CONTENT, MIB, NAME, SHA256, Fetching, at, remote
from tests.support.servers import flaky
from tests.support.servers.hub import Hub

RATE = 30 * MIB


async def test_retry_after_is_waited_for(source: Hub, fetching: Fetching) -> None:
    await fetching.one(remote(source, "busy"), connections=1)
    assert fetching.content() == CONTENT
    assert {one.status for one in source.asked()} == {206, 429}


async def test_an_address_that_expires_is_renewed(source: Hub, fetching: Fetching) -> None:
    watch = at(BLOCK, source.renew)
    await fetching.one(remote(source), connections=2, rate_bytes_per_second=RATE, progress=watch)
    assert fetching.content() == CONTENT
    asked = source.asked()
    assert any(one.status == 403 for one in asked)
    assert sum(one.status == 302 for one in asked) >= 2
    assert not fetching.notices, "that is nobody's concern"


async def test_a_server_that_starts_again_is_gone_on_with(source: Hub, fetching: Fetching) -> None:
    def restart() -> None:
        source.stop()
        source.start()

    await fetching.one(remote(source), rate_bytes_per_second=RATE, progress=at(2 * BLOCK, restart))
    assert fetching.content() == CONTENT


async def test_another_version_is_begun_anew_and_never_mixed_in(source: Hub, fetching: Fetching) -> None:
    new = CONTENT[::-1]

    def replace() -> None:
        (source.folder / "new").write_bytes(new)
        os.utime(source.folder / "new", (1e9, 1e9))  # nginx tells versions apart by this, and by the size
        (source.folder / "new").rename(source.folder / NAME)

    watch = at(2 * BLOCK, replace)
    fetched = await fetching.one(remote(source, sha256=None), connections=2, rate_bytes_per_second=RATE, progress=watch)
    assert fetching.content() == new
    assert fetched.sha256 == hashlib.sha256(new).hexdigest()
    assert ["changed at its source" in notice for notice in fetching.notices] == [True]


async def test_a_version_that_was_begun_before_is_not_gone_on_with(source: Hub, fetching: Fetching) -> None:
    with trio.CancelScope() as scope:
        watch = at(2 * BLOCK, scope.cancel)
        await fetching.one(remote(source, revision="old"), rate_bytes_per_second=RATE, progress=watch)
    assert needed_bytes([remote(source)], fetching.folder) < len(CONTENT)
    fetched = await fetching.one(remote(source, revision="new"))
    assert fetched.reused_bytes == 0
    assert fetching.content() == CONTENT
    assert ["changed" in notice for notice in fetching.notices] == [True]


async def test_what_was_cut_is_gone_on_with(source: Hub, fetching: Fetching) -> None:
    faults = [
        flaky.Fault(ends_at=3 * MIB, how="reset"),
        flaky.Fault(ends_at=900, how="close"),
        flaky.Fault(ends_at=MIB, how="close"),
    ]
    good = flaky.Fault()
    async with flaky.network(source.url, good, *faults) as way:
        known = remote(source)
        await fetching.one(
            Remote(url=f"{way.url}/direct/{NAME}", name=NAME, size_bytes=known.size_bytes, sha256=SHA256)
        )
        assert way.carried_bytes < len(CONTENT) + MIB, "what came before a cut does not come again"
    assert fetching.content() == CONTENT


async def test_patience_ends_and_what_came_is_kept(source: Hub, fetching: Fetching) -> None:
    try:
        with pytest.raises(DownloadInterrupted) as failure:
            await fetching.one(
                remote(source, "direct"),
                rate_bytes_per_second=RATE,
                patience_seconds=1.5,
                progress=at(3 * BLOCK, source.stop),
            )
    finally:
        source.start()
    assert failure.value.exit_code == 7
    assert failure.value.kept_bytes >= 3 * BLOCK
    assert "nobody listens" in failure.value.reason
    assert fetching.there() == {f"{NAME}.part", f"{NAME}.part.state"}
    fetched = await fetching.one(remote(source, "direct"))
    assert fetched.reused_bytes >= 2 * BLOCK
    assert fetching.content() == CONTENT
    assert fetching.there() == {NAME}


async def test_two_at_once_share_one_download(source: Hub, fetching: Fetching) -> None:
    other = Fetching(fetching.folder)
    results = []

    async def get(who: Fetching) -> None:
        results.append(await who.one(remote(source), rate_bytes_per_second=RATE))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(get, fetching)
        nursery.start_soon(get, other)
    assert fetching.content() == CONTENT
    assert fetching.there() == {NAME}
    (waited,) = [who for who in (fetching, other) if any(one.shared for one in who.progress)]
    assert any(one.shared and 0 < one.bytes_done < len(CONTENT) for one in waited.progress)
    assert {one.sha256 for one in results} == {SHA256}
    assert sum(one.body_bytes for one in source.asked() if one.status == 206) == len(CONTENT) + 1


async def test_who_waits_carries_on_when_the_other_ends(source: Hub, fetching: Fetching) -> None:
    other = Fetching(fetching.folder)
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:

            async def wait() -> None:
                await other.one(remote(source))

            def joined() -> None:
                nursery.start_soon(wait)

            def leave(progress: Progress) -> None:
                start(progress)
                if any(one.shared for one in other.progress) and progress.bytes_done > BLOCK:
                    scope.cancel()

            start = at(BLOCK, joined)
            await fetching.one(remote(source), rate_bytes_per_second=10 * MIB, progress=leave)
    assert scope.cancelled_caught
    assert fetching.content() == CONTENT
    assert other.progress[-1].bytes_verified == len(CONTENT)


async def test_what_was_cancelled_is_gone_on_with(source: Hub, fetching: Fetching) -> None:
    with trio.CancelScope() as scope:
        await fetching.one(remote(source), rate_bytes_per_second=RATE, progress=at(3 * BLOCK, scope.cancel))
    assert fetching.there() == {f"{NAME}.part", f"{NAME}.part.state"}
    left = needed_bytes([remote(source)], fetching.folder)
    source.forget()
    fetched = await fetching.one(remote(source))
    assert fetched.reused_bytes == len(CONTENT) - left
    assert sum(one.body_bytes for one in source.asked() if one.status == 206) == left + 1
    assert fetching.content() == CONTENT


async def test_after_a_power_cut_only_what_was_on_the_disk_counts(
    source: Hub, fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trio.CancelScope() as scope:
        watch = at(4 * BLOCK, scope.cancel)
        await fetching.one(remote(source), connections=1, rate_bytes_per_second=10 * MIB, progress=watch)
    part, state = (fetching.folder / f"{NAME}.part{ending}" for ending in ("", ".state"))
    lines = state.read_text().splitlines()
    written = [int(line[1:].split(":")[0]) for line in lines if line.startswith("+")]
    synced = max(int(line[1:]) for line in lines if line.startswith("="))
    lost = set(written[synced:]) - set(written[:synced])
    assert lost, "some of it was not on the disk yet"
    with part.open("r+b") as file:
        for block in lost:
            file.seek(block * BLOCK)
            file.write(bytes(BLOCK))
    monkeypatch.setattr(transfer, "boot", lambda: "another start of the system")
    fetched = await fetching.one(remote(source))
    assert 0 < fetched.reused_bytes <= len(set(written[:synced])) * BLOCK
    assert fetching.content() == CONTENT
