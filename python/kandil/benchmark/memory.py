"""What a server that kandil started takes of memory, beside what was predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from kandil.compat import assess
from kandil.hardware import detect

if TYPE_CHECKING:
    from kandil.compat import Report
    from kandil.serving.located import Located


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes. Memory of GPUs is not measured."""

    used_bytes: int | None
    """Of RAM, at its most; None: the system does not say."""
    predicted_bytes: int
    """Of RAM."""
    predicted_gpu_bytes: int


async def predicted(located: Located, context_tokens: int, slots: int) -> Report:
    """As `kandil model fit` would say, for all that the server is to answer at once."""
    return assess(located.headers, await detect(), context=context_tokens * slots)


def memory(pid: int, report: Report) -> Memory:
    """Of a server that runs."""
    return Memory(
        used_bytes=_most_bytes(pid), predicted_bytes=report.ram.total_bytes, predicted_gpu_bytes=report.vram.total_bytes
    )


def _most_bytes(pid: int) -> int | None:
    """Resident, with the pages of the mapped model: at its most on Linux, else now."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            said = dict(line.partition(":")[::2] for line in status)
        return int(said["VmHWM"].split()[0]) << 10
    except (OSError, KeyError, ValueError, IndexError):
        pass
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
