# ruff: noqa: ASYNC240
from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from kandil import _core
from kandil.errors import LedgerTooNew
from kandil.verify import ledger as ledger_module
from kandil.verify import verify
from kandil.verify.facts import Facts, day
from kandil.verify.ledger import Ledger
from kandil.verify.result import Finding
from tests.support.gguf_files import Entry, Kind, build
from tests.support.stores import gguf, part, put, sha256
from tests.verify.runs import one, run


def query(path: Path, text: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(path)
    try:
        rows = database.execute(text).fetchall()
        database.commit()
    finally:
        database.close()
    return rows


@pytest.fixture
def file(data_folder: Path) -> Path:
    return data_folder / "ledger.sqlite3"


async def test_an_unchanged_file_is_not_read_again(models: Path) -> None:
    put(models / "a.gguf", gguf())
    first = await run(models)
    again = await run(models)
    assert (first.summary.bytes_read, again.summary.bytes_read) == (len(gguf()), 0)
    result = again["a.gguf"]
    assert (result.status, result.sha256) == ("unverified", sha256(gguf()))
    assert result.checked == f"ledger, read {day(time.time_ns())}"


async def test_more_answers_than_one_batch(models: Path) -> None:
    for number in range(600):
        put(models / f"{number}.gguf", b"GGUF%d" % number)
    assert len((await run(models)).results) == 600
    again = await run(models)
    assert len({result.path for result in again.results}) == 600
    assert again.summary.bytes_read == 0


async def test_the_verdict_is_todays(models: Path) -> None:
    put(models / "a.gguf", gguf())
    assert (await one(models)).status == "unverified"
    put(models / "a.gguf.sha256", sha256(gguf()).encode())
    assert (await one(models)).status == "ok"
    put(models / "a.gguf.sha256", sha256(b"").encode())
    result = await one(models)
    assert (result.status, result.checked) == ("mismatch", f"ledger, read {day(time.time_ns())}")


async def test_findings_are_kept(models: Path) -> None:
    put(models / "a.gguf", gguf()[:40])
    first, again = await one(models), await one(models)
    assert first.findings
    assert again.findings == first.findings
    assert again.status == first.status == "malformed"


@pytest.mark.parametrize("change", ["bytes", "times", "inode", "size"])
async def test_a_changed_file_is_read_again(models: Path, change: str) -> None:
    path = put(models / "a.gguf", gguf())
    await run(models)
    if change == "bytes":
        path.write_bytes(gguf()[:-1] + b"x")
    elif change == "times":
        os.utime(path, ns=(1, 1))
    elif change == "size":
        path.write_bytes(gguf() + b"x")
    else:
        os.replace(put(models / "new", gguf()), path)
    result = await one(models)
    assert result.checked == "sha256"
    assert result.sha256 == sha256(path.read_bytes())


async def test_a_file_written_while_the_clock_stood_still_is_read_again(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(models / "a.gguf", gguf())
    await run(models)
    monkeypatch.setattr(ledger_module, "RACY_NS", 10**18)
    assert (await one(models)).checked == "sha256"


async def test_a_clock_of_whole_seconds_is_given_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "RACY_NS", 20_000_000)
    second = 1_000_000_000
    ledger = Ledger(tmp_path / "l.db")
    for ctime_ns, waited_ns, holds in [
        (7 * second + 1, 10_000_000, False),
        (7 * second + 1, 30_000_000, True),
        (7 * second, 30_000_000, False),
        (7 * second, 2 * second, False),
        (7 * second, 3 * second, True),
    ]:
        facts = Facts(1, 1, ctime_ns, 5, 5, b"s" * 32, read_ns=ctime_ns + waited_ns)
        ledger.write([(b"a", facts)])
        assert bool(ledger.files([(b"a", facts)])) == holds  # type: ignore[list-item]
    ledger.close()


async def test_other_names_of_a_known_file_are_known(models: Path, tmp_path: Path) -> None:
    path = put(models / "a.gguf", gguf())
    await run(models)
    (tmp_path / "link").symlink_to(path)
    result = await one(tmp_path / "link")
    assert result.checked is not None
    assert result.checked.startswith("ledger")


async def test_a_release_with_new_rules_looks_at_headers_anew(models: Path, file: Path) -> None:
    put(models / "a.gguf", gguf())
    await run(models)
    old = '[["KG-OLD", "malformed", "old rule", null]]'
    query(file, f"UPDATE files SET rules = '0.0.0', findings = '{old}'")
    outcome = await run(models)
    assert outcome["a.gguf"].status == "unverified"
    assert outcome["a.gguf"].sha256 == sha256(gguf())
    assert outcome.summary.bytes_read == 0
    assert query(file, "SELECT rules, findings FROM files") == [(_core.__version__, None)]
    query(file, "UPDATE files SET rules = '0.0.0'")
    assert (await one(models, full=True)).checked == "sha256"


async def test_only_the_owner_can_read_it(models: Path, file: Path) -> None:
    put(models / "a.gguf", gguf())
    await run(models)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be one" * 100, b"SQLite format 3\0" + b"\xff" * 4096]
)
async def test_a_damaged_ledger_is_set_aside_and_said_so(models: Path, file: Path, content: bytes) -> None:
    put(models / "a.gguf", gguf())
    put(file, content)
    outcome = await run(models)
    assert outcome["a.gguf"].status == "unverified"
    (warning,) = outcome.summary.warnings
    assert "damaged" in warning
    assert "pins" in warning
    (aside,) = file.parent.glob("*.damaged-*")
    assert aside.read_bytes() == content
    assert (await run(models)).summary.bytes_read == 0


async def test_a_ledger_damaged_inside_is_set_aside(models: Path, file: Path) -> None:
    for number in range(200):
        put(models / f"{number:03}.gguf", b"GGUF%d" % number)
    await run(models)
    query(file, "PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(file.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    file.write_bytes(data)
    outcome = await run(models)
    assert len(outcome.results) == 200
    assert "damaged" in outcome.summary.warnings[0]


async def test_a_later_versions_ledger_is_left_alone(models: Path, file: Path) -> None:
    put(models / "a.gguf", gguf())
    await run(models)
    query(file, "PRAGMA user_version = 99")
    with pytest.raises(LedgerTooNew, match="99") as caught:
        await run(models)
    assert caught.value.hint is not None
    assert query(file, "PRAGMA user_version") == [(99,)]


async def test_without_a_place_for_it_everything_else_works(models: Path, data_folder: Path) -> None:
    put(models / "a.gguf", gguf())
    put(data_folder, b"a file where the folder should be")
    outcome = await run(models)
    assert outcome["a.gguf"].status == "unverified"
    assert len(outcome.summary.warnings) == 1


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A ledger with one pin in a folder that cannot be written."""
    folder = Path(tempfile.mkdtemp())
    ledger = Ledger(folder / "l.db")
    facts = Facts(1, 1, 1, 5, 5, b"s" * 32, read_ns=9)
    ledger.write([(b"a", facts)], [(b"a", facts)])
    ledger.close()
    (folder / "l.db").chmod(0o444)
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)


def test_a_folder_that_nobody_may_look_into_is_done_without(closed_folder: Path) -> None:
    for read_only in (True, False):
        ledger = Ledger(Path("/proc/1/root/none/l.db"), read_only=read_only)
        assert ledger.pins([b"a"]) == {}
        assert (len(ledger.warnings), ledger.pins_unread) == (0 if read_only else 1, False)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_folder_that_cannot_be_written_can_be_read(closed_folder: Path, read_only: bool) -> None:
    ledger = Ledger(closed_folder / "l.db", read_only=read_only)
    assert ledger.pins([b"a"])[b"a"][0] == b"s" * 32
    assert set(ledger.files([(b"a", Facts(1, 1, 1, 5, 5))])) == {b"a"}  # type: ignore[list-item]
    ledger.write([(b"b", Facts(1, 1, 1, 5, 5))])
    ledger.close()
    assert ("nothing of this run is kept" in "".join(ledger.warnings)) != read_only
    assert not ledger.pins_unread


@pytest.mark.parametrize("harm", ["damaged", "locked"])
async def test_pins_that_cannot_be_read_are_no_success(
    models: Path, file: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    put(models / "a.gguf", gguf())
    assert (await run(models, pin=True)).summary.exit_code == 0
    monkeypatch.setattr(ledger_module, "BUSY_SECONDS", 0.05)
    holder = sqlite3.connect(file)
    if harm == "locked":
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
    else:
        file.write_bytes(b"nothing that anyone could read" * 100)
    outcome = await run(models)
    holder.close()
    assert (outcome.summary.pins_unread, outcome.summary.exit_code) == (True, 10)
    assert "pins" in outcome.summary.warnings[0]
    assert (await run(models)).summary.exit_code == 0


async def test_a_ledger_of_ones_own(models: Path, tmp_path: Path, file: Path) -> None:
    put(models / "a.gguf", gguf())
    await run(models, ledger=tmp_path / "own" / "l.db")
    assert (tmp_path / "own" / "l.db").exists()
    assert not file.exists()


def test_everything_survives_the_way_through_it(tmp_path: Path) -> None:
    path = put(tmp_path / "f", b"x")
    found = _core.walk([os.fsencode(path)], None)[0].stat
    assert found is not None
    facts = Facts(
        found.size_bytes,
        found.mtime_ns,
        found.ctime_ns,
        (1 << 64) - 2,
        (1 << 63) + 5,
        b"s" * 32,
        b"b" * 32,
        5,
        "g" * 40,
        True,
        1,
        2,
        3,
        4,
    )
    facts.architecture, facts.findings, facts.rules, facts.read_ns = (
        "llama",
        (Finding("A", "note", "m", 3), Finding("B", "malicious", "\ud800")),
        "r",
        1 << 62,
    )

    class State:
        size_bytes, mtime_ns, ctime_ns = facts.size_bytes, facts.mtime_ns, facts.ctime_ns
        inode, device = facts.inode, facts.device

    ledger = Ledger(tmp_path / "l.db")
    ledger.write([(b"\xff/\n", facts)], [(b"\xfe", facts)])
    ledger.close()
    ledger = Ledger(tmp_path / "l.db", read_only=True)
    assert ledger.files([(b"\xff/\n", State())]) == {b"\xff/\n": facts}  # type: ignore[list-item]
    assert ledger.pins([b"\xfe", b"none"])[b"\xfe"][0] == b"s" * 32
    assert ledger.warnings == []
    ledger.close()


async def test_a_number_beyond_sqlites_loses_nothing(models: Path, file: Path) -> None:
    entries = [Entry("split.no", Kind.U64, (1 << 64) - 1), Entry("split.count", Kind.U64, 1 << 63)]
    put(models / "huge.gguf", build(entries, []))
    put(models / "a.gguf", gguf())
    assert set((await run(models)).statuses()) == {"huge.gguf", "a.gguf"}
    outcome = await run(models)
    assert outcome.summary.bytes_read == 0
    assert outcome.summary.warnings == ()


def test_a_row_that_cannot_be_kept_does_not_lose_the_others(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db")
    digest = b"d" * 32
    rows = [(b"a", Facts(1, 1, 1, 1, 1)), (b"bad", Facts(1, 1 << 80, 1, 1, 1)), (b"z", Facts(1, 1, 1, 1, 1))]
    ledger.write(rows, [(b"p", Facts(1, 1, 1, 1, 1, digest)), (b"q", Facts(1, 1, 1, 1, 1))])
    assert ["bad: " in ledger.warnings[0], "q: " in ledger.warnings[1]] == [True, True]
    ledger.write([(b"later", Facts(1, 1, 1, 1, 1))])
    ledger.close()
    assert query(tmp_path / "l.db", "SELECT path FROM files ORDER BY path") == [(b"a",), (b"later",), (b"z",)]
    assert query(tmp_path / "l.db", "SELECT path, sha256 FROM pins") == [(b"p", digest)]


def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    def write(number: int) -> None:
        ledger = Ledger(tmp_path / "l.db")
        for index in range(20):
            ledger.write([(b"%d/%d" % (number, index), Facts(1, 1, 1, 1, 1, read_ns=1))])
        warnings.extend(ledger.warnings)
        ledger.close()

    warnings: list[str] = []
    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings == []
    assert query(tmp_path / "l.db", "SELECT count(*) FROM files") == [(80,)]


_CHILD = """
import os, sys, trio
from kandil.verify import verify
async def main():
    async for result in verify([sys.argv[1]]):
        print(result.path, flush=True)
        sys.stdin.read(1)
trio.run(main)
"""


def test_kill_9_loses_at_most_what_is_in_flight(models: Path, file: Path) -> None:
    for number in range(50):
        put(models / f"{number}.gguf", gguf(str(number)))
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, models], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        first = child.stdout.readline().strip()
        child.send_signal(signal.SIGKILL)
    assert query(file, "PRAGMA integrity_check") == [("ok",)]
    kept = {path for (path,) in query(file, "SELECT path FROM files")}
    assert first in kept
    outcome = trio.run(run, models)
    assert len(outcome.results) == 50
    assert outcome.summary.warnings == ()


async def test_two_verifications_at_once(models: Path) -> None:
    for number in range(50):
        put(models / f"{number}.gguf", part(1, 1, name=str(number)))
    seen = []

    async def follow() -> None:
        verification = verify([models])
        seen.extend([result async for result in verification])
        assert verification.summary.warnings == ()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow)
        nursery.start_soon(follow)
    assert len(seen) == 100
