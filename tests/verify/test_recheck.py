"""Pins, and reading again what has not changed."""

# ruff: noqa: ASYNC240
from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import pytest
import trio

from kandil.verify import verify
from kandil.verify.facts import day
from tests.support.stores import gguf, put, sha256
from tests.verify.runs import one, run


def today() -> str:
    """The day of this moment: a run of all tests may go on past midnight."""
    return day(time.time_ns())


@pytest.fixture
def path(models: Path) -> Path:
    return put(models / "a.gguf", gguf())


def rot(path: Path, data_folder: Path) -> bytes:
    """Other bytes in the same state of the file: the ledger is told of the state that writing them left."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    status = path.stat()
    database = sqlite3.connect(data_folder / "ledger.sqlite3")
    database.execute(
        "UPDATE files SET mtime_ns = ?, ctime_ns = ?, inode = ? WHERE path = ?",
        (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, os.fsencode(path)),
    )
    database.commit()
    database.close()
    return bytes(data)


async def test_a_pin_makes_the_next_run_say_ok(path: Path, models: Path) -> None:
    pinned = await one(models, pin=True)
    assert (pinned.status, pinned.message) == ("unverified", "pinned now: any change will be noticed")
    assert pinned.hint is None
    result = await one(models)
    assert (result.status, result.expected_source) == ("ok", f"pinned {today()}")


async def test_an_unchanged_file_is_pinned_without_reading_it(path: Path, models: Path) -> None:
    await run(models)
    assert (await run(models, pin=True)).summary.bytes_read == 0
    assert (await one(models)).status == "ok"


async def test_a_pinned_file_that_changed_is_noticed(path: Path, models: Path) -> None:
    await run(models, pin=True)
    path.write_bytes(gguf("other"))
    for _ in range(2):
        outcome = await run(models)
        result = outcome["a.gguf"]
        assert (result.status, result.expected) == ("changed", sha256(gguf()))
        assert (
            result.hint
            == f"if the change is yours: kandil verify --pin {path}; otherwise restore it from where it came"
        )
        assert outcome.summary.exit_code == 8


async def test_pinning_a_folder_again_does_not_hide_a_change(path: Path, models: Path) -> None:
    await run(models, pin=True)
    path.write_bytes(gguf("other"))
    assert (await one(models, pin=True)).status == "changed"
    assert (await one(models)).status == "changed"


async def test_pinning_the_file_itself_accepts_the_change(path: Path, models: Path) -> None:
    await run(models, pin=True)
    path.write_bytes(gguf("other"))
    result = await one(path, pin=True)
    assert (result.status, result.message) == ("unverified", f"pinned anew; before: {sha256(gguf())}")
    assert (await one(models)).status == "ok"


@pytest.mark.parametrize("pinned_as", ["a.gguf", "link.gguf", "folder/a.gguf"])
async def test_every_name_of_a_pinned_file_has_its_pin(
    path: Path, models: Path, tmp_path: Path, pinned_as: str
) -> None:
    (tmp_path / "folder").symlink_to(models)
    (tmp_path / "link.gguf").symlink_to(path)
    (tmp_path / "a.gguf").symlink_to(tmp_path / "link.gguf")
    assert (await one(tmp_path / pinned_as, pin=True)).status == "unverified"
    path.write_bytes(gguf("other"))
    for name in ("a.gguf", "link.gguf", "folder/a.gguf", "models/a.gguf"):
        assert (await one(tmp_path / name)).status == "changed"


async def test_a_list_written_later_does_not_hide_a_change(path: Path, models: Path) -> None:
    await run(models, pin=True)
    path.write_bytes(gguf("other"))
    put(models / "a.gguf.sha256", sha256(gguf("other")).encode())
    result = await one(models)
    assert (result.status, result.expected_source) == ("changed", f"pinned {today()}")
    assert result.message is not None
    assert "a.gguf.sha256" in result.message
    assert (await one(path, expect=sha256(gguf("other")))).status == "ok"
    check = put(models / "mine", f"{sha256(gguf('other'))}  a.gguf\n".encode())
    assert (await one(path, check=check)).status == "ok"


async def test_what_is_bad_is_not_pinned(models: Path) -> None:
    put(models / "bad.gguf", gguf()[:50])
    put(models / "wrong.gguf", gguf())
    put(models / "wrong.gguf.sha256", sha256(b"").encode())
    await run(models, pin=True)
    (models / "wrong.gguf.sha256").unlink()
    assert (await run(models)).statuses() == {"bad.gguf": "malformed", "wrong.gguf": "unverified"}


async def test_a_pin_outlives_the_ledgers_row(path: Path, models: Path, data_folder: Path) -> None:
    await run(models, pin=True)
    database = sqlite3.connect(data_folder / "ledger.sqlite3")
    database.execute("DELETE FROM files")
    database.commit()
    database.close()
    result = await one(models)
    assert (result.status, result.checked) == ("ok", "sha256")


async def test_a_full_run_compares_the_blake3(path: Path, models: Path) -> None:
    await run(models, pin=True)
    outcome = await run(models, full=True)
    result = outcome["a.gguf"]
    assert (result.status, result.checked) == ("ok", f"blake3, pinned {today()} by sha256")
    assert result.sha256 == sha256(gguf())
    assert outcome.summary.bytes_read == len(gguf())


async def test_a_full_run_finds_nothing_new_in_a_malformed_file(models: Path) -> None:
    put(models / "a.gguf", gguf()[:50])
    first = await one(models, pin=True)
    database_only = await one(models, full=True)
    assert database_only.findings == first.findings


async def test_the_published_digest_can_be_asked_for(path: Path, models: Path) -> None:
    await run(models, pin=True)
    for options in ({"sha256": True}, {"sha256": True, "full": True}):
        result = await one(models, **options)
        assert (result.status, result.checked) == ("ok", "sha256")


async def test_a_full_run_of_a_changed_file_takes_the_sha256(path: Path, models: Path) -> None:
    await run(models, pin=True)
    path.write_bytes(gguf("other"))
    result = await one(models, full=True)
    assert (result.status, result.checked, result.sha256) == ("changed", "sha256", sha256(gguf("other")))


@pytest.mark.parametrize("options", [{"full": True}, {"sha256": True}, {"scrub": 1.0}])
async def test_silent_corruption_is_found_and_stays_known(
    path: Path, models: Path, data_folder: Path, options: dict[str, bool]
) -> None:
    await run(models, pin=True)
    data = rot(path, data_folder)
    assert (await one(models)).status == "ok"  # nothing is read
    result = await one(models, **options)
    assert (result.status, result.sha256, result.expected) == ("changed", sha256(data), sha256(gguf()))
    assert result.message is not None
    assert "silent corruption" in result.message
    assert (await one(models)).status == "changed"


async def test_silent_corruption_of_a_file_that_nobody_pinned(path: Path, models: Path, data_folder: Path) -> None:
    await run(models)
    rot(path, data_folder)
    result = await one(models, full=True)
    assert (result.status, result.expected_source) == ("changed", f"ledger, read {today()}")
    again = await one(models)
    assert (again.status, again.expected) == ("changed", sha256(gguf()))


async def test_pinning_does_not_accept_silent_corruption_at_once(path: Path, models: Path, data_folder: Path) -> None:
    await run(models, pin=True)
    rot(path, data_folder)
    assert (await one(path, pin=True, sha256=True)).status == "changed"
    assert (await one(path)).status == "changed"
    assert (await one(path, pin=True)).status == "unverified"
    assert (await one(path)).status == "ok"


async def test_silent_corruption_stays_known_when_the_run_that_found_it_is_given_up(
    path: Path, models: Path, data_folder: Path
) -> None:
    await run(models)
    rot(path, data_folder)
    with verify([models], sha256=True) as verification:
        await trio.to_thread.run_sync(verification._begin)
        while (reading := verification._reader._run) is not None and not reading.progress().files_done:  # noqa: ASYNC110
            await trio.sleep(0.001)
    assert (await one(models)).status == "changed"


async def test_silent_corruption_of_a_published_file_is_a_mismatch(path: Path, models: Path, data_folder: Path) -> None:
    put(models / "a.gguf.sha256", sha256(gguf()).encode())
    await run(models, pin=True)
    rot(path, data_folder)
    result = await one(models, full=True)
    assert result.status == "mismatch"
    assert result.message is not None
    assert "silent corruption" in result.message


async def test_a_scrub_reads_its_share(models: Path) -> None:
    for number in range(10):
        put(models / f"{number}.gguf", gguf(str(number)))
    await run(models, pin=True)
    for share, count in ((0.0, 0), (0.01, 1), (0.25, 3), (1.0, 10)):
        outcome = await run(models, scrub=share)
        read = [
            result for result in outcome.results if result.checked is not None and result.checked.startswith("blake3")
        ]
        assert len(read) == count
        assert {result.status for result in outcome.results} == {"ok"}
