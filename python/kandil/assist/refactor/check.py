"""The user's own command, run on what was written."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from pathlib import Path

_KEPT_BYTES: Final = 16 << 10
"""Of the end of what it prints, where errors stand."""
_GRACE_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a check ended: a signal's number is negative. `output` is the end of what it printed."""

    exit_code: int
    output: str


async def check(command: str, folder: Path) -> Outcome:
    """Runs it in a shell. What it has started is ended with it, also when this is cancelled. Raises: OSError."""
    with tempfile.TemporaryFile() as printed:  # a pipe could be held open by what it leaves running
        process = await trio.lowlevel.open_process(
            ["/bin/sh", "-c", command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
        try:
            await process.wait()
        finally:
            with trio.CancelScope(shield=True):
                await _end(process)
        assert process.returncode is not None
        printed.seek(max(printed.seek(0, os.SEEK_END) - _KEPT_BYTES, 0))
        return Outcome(exit_code=process.returncode, output=printed.read().decode(errors="replace"))


async def _end(process: trio.Process) -> None:
    """Nothing of its group runs any more."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    with trio.move_on_after(_GRACE_SECONDS):
        await process.wait()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
