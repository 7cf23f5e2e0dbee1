"""A server in a process of its own, known to be ready by what it prints."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

READY_SECONDS = 60


@contextmanager
def printing(pattern: str, command: Sequence[str], *, asked: bytes = b"") -> Iterator[str]:
    """Runs while the block does; begins when it has printed `pattern`, and yields the pattern's first group.

    The process is told `asked` on standard input, which is then left open, and has no variable but PATH.
    """
    environment = {"PATH": os.environ["PATH"]}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(asked)
            process.stdin.flush()
            yield _printed(process, re.compile(pattern.encode()))
        finally:
            process.kill()


def _printed(process: subprocess.Popen[bytes], pattern: re.Pattern[bytes]) -> str:
    assert process.stdout is not None
    late = threading.Timer(READY_SECONDS, process.kill)  # then its output ends
    late.start()
    lines: list[bytes] = []
    try:
        for line in process.stdout:
            lines.append(line)
            if found := pattern.search(line):
                threading.Thread(target=process.stdout.read, daemon=True).start()  # else the pipe fills up
                return found[1].decode()
    finally:
        late.cancel()
    raise RuntimeError(f"{process.args!r} did not become ready: {b''.join(lines).decode(errors='replace')}")
