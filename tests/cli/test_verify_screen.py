"""The moving picture of `kandil verify`, frame by frame, on a console that is no terminal of ours."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from kandil.cli.verify_screen import Screen, lane_rows
from kandil.verify import Lane, Progress

LANES = (
    Lane(path=Path("m/small.gguf"), bytes_done=5, size_bytes=10, thread=0),
    Lane(path=Path("m/\x1b[2Jlarge.gguf"), bytes_done=250, size_bytes=1000, thread=0),
    Lane(path=Path("m/other.gguf"), bytes_done=0, size_bytes=0, thread=1),
)


def progress(bytes_done: int) -> Progress:
    return Progress(files_done=1, files_total=4, bytes_done=bytes_done, bytes_total=10 * 10**9, lanes=LANES)


def test_a_thread_has_one_row_with_its_largest_file() -> None:
    assert lane_rows(LANES) == [
        r"thread 0   2 files   25 %  \x1b[2Jlarge.gguf",
        "thread 1    1 file    0 %  other.gguf",
    ]


def test_a_frame_shows_files_bytes_speed_and_what_is_left() -> None:
    out = io.StringIO()
    screen = Screen(console=Console(file=out, force_terminal=True, color_system=None, width=120, height=20))
    with screen:
        screen.show(progress(0), now=100.0)
        screen.say("mismatch  m/a.gguf")
        screen.show(progress(5 * 10**9), now=102.0)
    shown = out.getvalue()
    assert "1/4 files  5.0 GB of 10.0 GB  2.50 GB/s  2.0 s left" in shown
    assert r"thread 0   2 files   25 %  \x1b[2Jlarge.gguf" in shown
    assert "\x1b[2J" not in shown
    assert shown.index("mismatch  m/a.gguf") < shown.index("5.0 GB of 10.0 GB")
    assert shown.index("\x1b[?25l") < shown.rindex("\x1b[?25h"), "the cursor is back"


def test_a_narrow_terminal_gets_a_line_a_row() -> None:
    for width, rows in ((20, 1), (60, 3)):
        out = io.StringIO()
        screen = Screen(console=Console(file=out, force_terminal=True, color_system=None, width=width, height=20))
        with screen:
            screen.show(progress(5 * 10**9), now=1.0)
            shown = out.getvalue()
        assert shown.count("\n") + 1 == rows
        assert ("50 %" in shown) is (width == 20)
