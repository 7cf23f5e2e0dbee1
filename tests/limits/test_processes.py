"""Real processes that share limits, are killed, and find files that are none."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from kandil import _core
from kandil.limits import Limiter, Limits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes share limits on Linux alone")

HOLDER = """
import sys, trio
from pathlib import Path
from kandil.limits import Limiter, Limits

async def main():
    limits = Limits(requests_per_minute=10, tokens_per_minute=1000, concurrency=4)
    bucket = Limiter(Path(sys.argv[1])).bucket("x/m", limits)
    assert bucket._core.shared
    async with bucket.reserve(input_tokens=100) as first, bucket.reserve(input_tokens=100) as second:
        if sys.argv[2] == "sent":
            first.sending()
        print("held", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""
GRABBER = """
import sys
from kandil import _core
bucket = _core.Bucket(sys.argv[1].encode())
print("ready", flush=True)
sys.stdin.readline()
print(sum(bucket.take(1, 0) > 0 for _ in range(2000)), flush=True)
sys.stdin.readline()
"""
LIMITS = Limits(requests_per_minute=10, tokens_per_minute=1000, concurrency=4)


@contextmanager
def process(code: str, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """It has said its first line."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        try:
            assert started.stdout is not None
            assert started.stdout.readline()
            yield started
        finally:
            started.kill()


@pytest.mark.parametrize(("sent", "requests"), [("kept", 0), ("sent", 1)])
def test_a_killed_process_gives_back_what_it_held_but_for_what_it_had_sent(
    tmp_path: Path, sent: str, requests: int
) -> None:
    bucket = Limiter(tmp_path).bucket("x/m", LIMITS)
    with process(HOLDER, tmp_path, sent) as holder:
        assert bucket.used["concurrency"] == 2
        assert bucket.used["requests_per_minute"] == 2
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert bucket.used["concurrency"] == 0
        assert bucket.used["requests_per_minute"] == requests
        assert bucket.used["tokens_per_minute"] == 100 * requests


async def test_who_waits_for_a_killed_process_goes_on(tmp_path: Path) -> None:
    bucket = Limiter(tmp_path).bucket("x/m", Limits(concurrency=2))
    with process(HOLDER, tmp_path, "kept") as holder:
        bucket.list_limits(Limits(concurrency=2))

        async def call() -> None:
            async with bucket.reserve():
                assert holder.poll() is not None

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            await trio.testing.wait_all_tasks_blocked()
            holder.kill()
            await trio.to_thread.run_sync(holder.wait)


def test_processes_that_grab_at_once_never_have_more_than_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "bucket"
    bucket = _core.Bucket(os.fsencode(file))
    bucket.list_limit(0, 777)
    with process(GRABBER, file) as one, process(GRABBER, file) as two, process(GRABBER, file) as three:
        for each in (one, two, three):
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        took = [int(each.stdout.readline()) for each in (one, two, three) if each.stdout is not None]
    assert sum(took) == 777


def test_a_process_that_is_killed_again_and_again_in_the_middle_breaks_nothing(tmp_path: Path) -> None:
    file = tmp_path / "bucket"
    bucket = _core.Bucket(os.fsencode(file))
    bucket.set_concurrency(50)
    code = """
import sys
from kandil import _core
bucket = _core.Bucket(sys.argv[1].encode())
print("ready", flush=True)
while True:
    token = bucket.take(1, 1)
    bucket.settle(token, 2, 2)
    bucket.finish(token)
"""
    for _ in range(12):
        with process(code, file) as worker:
            worker.kill()
            worker.wait()
        token = bucket.take(1, 1)
        assert token > 0
        bucket.give_back(token)
    assert bucket.used()[5] == 0


def test_who_dies_while_it_changes_the_numbers_stops_nobody(tmp_path: Path) -> None:
    file = tmp_path / "bucket"
    bucket = _core.Bucket(os.fsencode(file))
    bucket.list_limit(0, 5)
    bucket.finish(bucket.take(1, 1))
    with file.open("r+b", buffering=0) as raw:
        os.pwrite(raw.fileno(), (200).to_bytes(8, sys.byteorder), 0)  # the lock of a process that is no more
    assert bucket.used()[0] == 1
    assert [bucket.take(1, 1) > 0 for _ in range(5)] == [True] * 4 + [False]


def test_files_are_the_users_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "limits"
    limiter = Limiter(folder)
    limiter.bucket("groq/openai/../../etc/passwd \x1b[31m" + "x" * 500)
    limiter.breaker("https://api.groq.com")
    assert limiter.unshared is None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    names = sorted(file.name for file in folder.iterdir())
    assert [name.split("-")[0] for name in names] == ["breaker1", "bucket1"]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in folder.iterdir())
    assert all(len(name) < 80 and name.isprintable() for name in names)


@given(st.binary(max_size=200), st.integers(0, 68_000), st.booleans())
def test_garbage_in_a_file_is_replaced_or_mended(garbage: bytes, at: int, cut: bool) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bucket"
        before = _core.Bucket(os.fsencode(file))
        before.list_limit(0, 5)
        del before
        content = file.read_bytes()
        spoilt = content[:at] + garbage + (b"" if cut else content[at + len(garbage) :])
        file.write_bytes(spoilt[: len(content)])
        bucket = _core.Bucket(os.fsencode(file))
        token = bucket.take(1, 1)
        bucket.settle(token if token > 0 else 1, 5, 5)
        bucket.refused(0)
        bucket.used()
        bucket.wait(3, 3)
        breaker = _core.Breaker(os.fsencode(Path(folder) / "breaker"))
        assert breaker.state() == (0, None)


def test_a_link_or_a_folder_in_a_files_place_is_not_followed_and_limits_are_this_processs_alone(tmp_path: Path) -> None:
    Limiter(tmp_path).bucket("x/m")
    (file,) = tmp_path.iterdir()
    file.unlink()
    victim = tmp_path.parent / "victim"
    victim.write_bytes(b"precious")
    file.symlink_to(victim)
    limiter = Limiter(tmp_path)
    bucket = limiter.bucket("x/m", LIMITS)
    assert limiter.unshared is not None
    assert str(tmp_path) in limiter.unshared
    assert bucket.limits == LIMITS
    assert victim.read_bytes() == b"precious"


def test_where_no_file_can_be_limits_are_this_processs_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    limiter = Limiter(tmp_path / "file" / "limits")
    assert limiter.bucket("x/m", LIMITS).limits == LIMITS
    assert limiter.unshared is not None
    assert limiter.circuit("https://x").state == "closed"


def test_a_days_requests_are_still_counted_after_a_reboot(tmp_path: Path) -> None:
    file = tmp_path / "bucket"
    before = _core.Bucket(os.fsencode(file))
    before.list_limit(4, 10)
    token = before.take(0, 0)
    before.finish(token)
    del before
    content = bytearray(file.read_bytes())
    content[32:48] = bytes(16)  # of which boot it was
    file.write_bytes(content)
    after = _core.Bucket(os.fsencode(file), lambda: 5 * 10**9)  # the machine runs for five seconds
    assert after.used()[4] == 1
    assert after.limits()[4] == 10
