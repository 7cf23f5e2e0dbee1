"""Answers on a terminal and in a pipe."""

import io
import os
import pty
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil.cli.answer_text import Plain, Rendered, _rows, visible

MARKDOWN = "# Title\n\nSome **bold** text.\n\n```python\nx = [1]\n\ny = 2\n```\n\n- one\n- two\n\nlast `code`"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("a\rb\x9bc", "a\\rb\\x9bc"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("tab\there\r\nnext", "tab\there\nnext"),
        ("family 👨‍👩‍👧 ❤️", "family 👨‍👩‍👧 ❤️"),
        ("\U000e0041hidden", "\\U000e0041hidden"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_moves_a_cursor_or_hides_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_plain_answer_ends_with_a_newline() -> None:
    for pieces, shown in ((["a", "b"], "ab\n"), (["a\n"], "a\n"), ([], "")):
        stream = io.StringIO()
        plain = Plain(stream)
        for piece in pieces:
            plain.feed(piece)
        plain.end()
        assert stream.getvalue() == shown


def on_screen(raw: str) -> list[str]:
    """What a terminal without an end shows after these bytes: newlines, returns, cursor up, erase below."""
    lines, row, at = [""], 0, 0
    while raw:
        if raw.startswith("\x1b["):
            end = next(place for place, sign in enumerate(raw) if sign.isalpha())
            if raw[end] == "A":
                row -= int(raw[2:end] or 1)
            elif raw[end] == "J":
                lines[row:] = [lines[row][:at]]
            raw = raw[end + 1 :]
            continue
        sign, raw = raw[0], raw[1:]
        if sign == "\n":
            row, at = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif sign == "\r":
            at = 0
        else:
            lines[row] = lines[row][:at].ljust(at) + sign + lines[row][at + 1 :]
            at += 1
    return [line.rstrip() for line in lines]


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_markdown_is_shown_rendered_however_it_comes(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "40")
    stream = io.StringIO()
    rendered = Rendered(stream, no_color=True)
    for at in range(0, len(MARKDOWN), step):
        rendered.feed(MARKDOWN[at : at + step])
    rendered.end()
    shown = [line for line in on_screen(stream.getvalue()) if line]
    assert [line.strip() for line in shown] == [
        "Title", "Some bold text.", "x = [1]", "y = 2", "• one", "• two", "last code",
    ]  # fmt: skip


def test_a_block_that_has_scrolled_away_is_left_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "5")
    stream = io.StringIO()
    rendered = Rendered(stream, no_color=True)
    rendered.feed("- a\n" * 10 + "\n")
    rendered.end()
    assert stream.getvalue() == "- a\n" * 10 + "\n"


@given(st.text(alphabet=st.sampled_from("a 世é\u0301`#-*\n"), max_size=60))
def test_rows_are_at_least_those_of_the_cells(text: str) -> None:
    assert _rows(text + "\n", 10) >= text.count("\n") + 1
    assert _rows("世" * 5 + "\n", 10) == 1
    assert _rows("a" + "世" * 5 + "\n", 10) == 2
    assert _rows("\n", 10) == 1


def test_a_real_terminal_gets_no_escape_of_the_model_s() -> None:
    program = (
        "import sys; from kandil.cli.answer_text import Screen; s = Screen(no_color=True, quiet=True);"
        "s.text('hi \\x1b[2J there'); s.end()"
    )
    master, slave = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=slave, env={**os.environ, "TERM": "xterm"}, check=True, timeout=60
    )
    os.close(slave)
    said = os.read(master, 65536).decode()
    os.close(master)
    assert done.returncode == 0
    assert "\\x1b[2J" in said
    assert "\x1b[2J" not in said
