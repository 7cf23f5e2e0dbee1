"""Downloads in processes that are killed, and on disks that are full."""

from __future__ import annotations

import json
import os
import random
import shlex
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import pytest

from kandil.download import Progress, Remote
from tests.download.conftest import BLOCK, CONTENT, MIB, NAME, SHA256, Fetching, remote
from tests.support import namespaces, parts
from tests.support.servers.hub import Hub

_ROOT = Path(__file__).resolve().parents[2]
_KILLS = 20
_CONNECTIONS = 3


def child(folder: Path, wanted: Remote, before: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-m", "tests.download.child", str(folder)]
    process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    json.dump({"remote": asdict(wanted), "options": options}, process.stdin)
    process.stdin.close()
    return process


def lines(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def blocks(folder: Path) -> set[int]:
    """Those that its state says are there."""
    state = folder / f"{NAME}.part.state"
    told = state.read_text().splitlines() if state.exists() else []
    return {int(line[1:]) for line in told if line.startswith("+") and line[1:].isdigit()}


def test_it_may_be_killed_at_any_moment(source: Hub, fetching: Fetching) -> None:
    folder, moments, kept = fetching.folder, random.Random(), set[int]()
    for _ in range(_KILLS):
        source.forget()
        with child(folder, remote(source), connections=_CONNECTIONS, rate_bytes_per_second=40 * MIB) as process:
            until = moments.randint(0, len(CONTENT) // 6)
            began = None
            for line in lines(process):
                assert line.strip().isdigit(), line
                began = int(line) if began is None else began
                if int(line) - began >= until:
                    break
            process.kill()
        first = [int(one.range[6:].split("-")[0]) for one in source.asked() if one.range not in ("", "bytes=0-0")]
        assert not kept & {start // BLOCK for start in first}, "a block that is there is not fetched again"
        assert kept <= blocks(folder)
        kept = blocks(folder)
    with child(folder, remote(source)) as process:
        *_, last = lines(process)
    assert last.split()[:2] == ["whole", SHA256]
    assert int(last.split()[2]) >= len(kept) * BLOCK - BLOCK
    assert fetching.content() == CONTENT
    assert fetching.there() == {NAME}


async def test_who_waits_carries_on_when_the_other_is_killed(source: Hub, fetching: Fetching) -> None:
    with child(fetching.folder, remote(source), rate_bytes_per_second=10 * MIB) as process:
        next(int(line) for line in lines(process) if int(line) > BLOCK)

        def kill(progress: Progress) -> None:
            if progress.shared and progress.bytes_done > 0:
                process.kill()

        fetched = await fetching.one(remote(source), progress=kill)
    assert fetched.reused_bytes > 0
    assert fetching.content() == CONTENT
    assert fetching.there() == {NAME}


FULL = """
set -eu
mount -t tmpfs -o size=40m none {folder}
head -c 25m /dev/zero >{folder}/other
{python} {child} <{asked} && exit 1 || test $? = 7
ls {folder} >&2
rm {folder}/other
{python} {child} <{asked}
ls {folder} >&2
"""


@pytest.mark.parametrize("way", ["direct", "whole"])
def test_a_full_disk_is_an_error_until_there_is_room(source: Hub, tmp_path: Path, way: str) -> None:
    if not namespaces.are_granted():
        parts.missing("mount namespaces")
    wanted = remote(source, way, size_bytes=None if way == "whole" else len(CONTENT))
    folder = tmp_path / "small"
    folder.mkdir()
    asked = tmp_path / "asked.json"
    asked.write_text(json.dumps({"remote": asdict(wanted), "options": {}}))
    script = FULL.format(
        folder=shlex.quote(str(folder)),
        python=shlex.quote(sys.executable),
        child=f"-m tests.download.child {shlex.quote(str(folder))}",
        asked=shlex.quote(str(asked)),
    )
    own = ["unshare", "--mount", *(() if os.geteuid() == 0 else ("--user", "--map-root-user"))]
    done = subprocess.run([*own, "sh", "-c", script], cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    told = done.stdout.splitlines()
    (failure,) = [line for line in told if line.startswith("no-space")]
    assert str(folder) in failure
    assert told[-1].split()[:2] == ["whole", SHA256]
    assert done.stderr.split() == ["other", NAME]
