"""How far a download is."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

_SECONDS: Final = 5.0
"""The rate is that of so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Of all files of a fetch together; what was there before counts as done."""

    bytes_total: int | None
    """None: some server has not said yet."""
    bytes_done: int
    """On the disk."""
    bytes_verified: int
    """Of these, the ones that are in a digest by now."""
    rate_bytes_per_second: float
    """Of late."""
    file: str
    """The one that is under way."""
    shared: bool = False
    """Another kandil fetches it, and this one waits for that."""


@dataclass(slots=True)
class Rate:
    """Bytes per second, of the last seconds."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def at(self, seconds: float, bytes_done: int) -> float:
        """The rate, once so much is done at this time of a clock that only goes on."""
        seen = self._seen
        if seen and bytes_done < seen[-1][1]:  # begun anew
            seen.clear()
        seen.append((seconds, bytes_done))
        while len(seen) > 2 and seen[1][0] <= seconds - _SECONDS:  # noqa: PLR2004 (one is left to compare with)
            seen.popleft()
        (begin, before), (end, now) = seen[0], seen[-1]
        return (now - before) / (end - begin) if end > begin else 0.0
