"""The moving picture of a verification, on standard error: one bar for the whole, one line a thread."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kandil.cli.escape import printable
from kandil.cli.sizes import human_size, human_time

if TYPE_CHECKING:
    from kandil.verify import Lane, Progress

SAID_LINES = 8
NARROW_COLUMNS = 60
"""In fewer, the bar and its figures would wrap: only the percentage is shown."""
_RATE_FRAMES = 30
"""The speed shown is that of the last three seconds."""


class Screen:
    """Entered: the picture is there. Left: it is gone, and the cursor is back."""

    def __init__(self, *, no_color: bool = False, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, no_color=no_color or None, highlight=False)
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._said: deque[str] = deque(maxlen=SAID_LINES)
        self._past: deque[tuple[float, int]] = deque(maxlen=_RATE_FRAMES)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.update(Text(), refresh=True)
        self._live.stop()

    def show(self, progress: Progress, now: float) -> None:
        """One frame; `now` in seconds of any clock."""
        self._past.append((now, progress.bytes_done))
        self._live.update(self._picture(progress), refresh=True)

    def say(self, text: str) -> None:
        """Shows a line above the bar; the latest few are seen."""
        self._said.append(text)

    def _picture(self, progress: Progress) -> Group:
        if not progress.files_total:
            return Group(Text("looking for model files"))
        total = max(progress.bytes_total, 1)
        if self._console.width < NARROW_COLUMNS:
            return Group(Text(f"{100 * min(progress.bytes_done, total) // total} %"))
        whole = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(4):
            whole.add_column(no_wrap=True)
        whole.add_row(
            ProgressBar(total=total, completed=min(progress.bytes_done, total), width=30),
            f"{progress.files_done}/{progress.files_total} files",
            f"{human_size(progress.bytes_done)} of {human_size(progress.bytes_total)}",
            self._speed(progress),
        )
        said = (Text.from_ansi(text, no_wrap=True, overflow="ellipsis") for text in self._said)
        lanes = (Text(row, no_wrap=True, overflow="ellipsis") for row in lane_rows(progress.lanes))
        return Group(*said, whole, *lanes)

    def _speed(self, progress: Progress) -> str:
        (begin, before), (end, now) = self._past[0], self._past[-1]
        if end <= begin or now <= before:
            return ""
        rate = (now - before) / (end - begin)
        return f"{rate / 1e9:.2f} GB/s  {human_time(max(progress.bytes_total - now, 0) / rate)} left"


def lane_rows(lanes: tuple[Lane, ...]) -> list[str]:
    """One row a thread: how many files it reads at once, the largest's name and how far it is."""
    threads: dict[int, list[Lane]] = {}
    for lane in lanes:
        threads.setdefault(lane.thread, []).append(lane)
    rows = []
    for thread, group in sorted(threads.items()):
        largest = max(group, key=lambda lane: lane.size_bytes)
        percent = 100 * largest.bytes_done // max(largest.size_bytes, 1)
        files = f"{len(group)} file{'' if len(group) == 1 else 's'}"
        rows.append(f"thread {thread}  {files:>8}  {percent:>3} %  {printable(largest.path.name)}")
    return rows
