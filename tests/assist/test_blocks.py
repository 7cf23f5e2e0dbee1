"""Search/replace blocks: they apply exactly, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil.assist.refactor.blocks import Block, Refused, applied, created, parsed


def block(search: str, replace: str, path: str = "a.py") -> str:
    return f"{path}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


def edited(text: str, answer: str) -> str:
    for one in parsed(answer, ["a.py"]):
        text = applied(text, one)
    return text


def test_lines_take_the_place_of_others() -> None:
    assert edited("a\nb\nc\n", block("b\n", "B\nBB\n")) == "a\nB\nBB\nc\n"
    assert edited("a\nb\nc\n", block("b\n", "")) == "a\nc\n"
    assert edited("a\nb\n", block("a\n", "x\n") + block("x\n", "y\n")) == "y\nb\n"
    assert edited("a\nb", block("b\n", "B\n")) == "a\nB", "the last line ends as it did"
    assert edited("a\r\nb\r\n", block("b\n", "B\nC\n")) == "a\r\nB\r\nC\r\n"


@pytest.mark.parametrize(
    ("text", "search", "why"),
    [
        (
            "    a = 1\n",
            "a = 1\n",
            "do not stand in a.py, character by character; the line most like its first is:     a = 1",
        ),
        ("a\nb\na\n", "a\n", "stand 2 times"),
        ("a \n", "a\n", "do not stand"),
        ("ab\n", "a\n", "do not stand"),
        ("a\n\nb\n", "a\nb\n", "do not stand"),
        ("a\n", "", "there already"),
        ("a\n\n", "\n", "there already"),
        ("a\n", "a\nb\n", "do not stand"),
    ],
)
def test_what_is_not_exact_is_refused(text: str, search: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        edited(text, block(search, "x\n"))


def test_a_line_like_the_divider_is_read_as_what_stands_there() -> None:
    text = "Title\n=======\nbody\n"
    assert edited(text, block("body\n", "Sub\n=======\nbody\n")) == "Title\n=======\nSub\n=======\nbody\n"
    assert edited(text, block("Title\n=======\nbody\n", "all\n")) == "all\n"
    assert edited(text, block("Title\n=======\n", "Other\n=======\n")) == "Other\n=======\nbody\n"


@pytest.mark.parametrize(
    "answer",
    [
        "Here it is:\n\na.py\n```python\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```\nDone.",
        "```\na.py\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```",
        "### `a.py`:\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE",
        "**File: ./a.py**\n\n<<<<<<< SEARCH  \nx\n=======\ny\n>>>>>>> REPLACE ",
        "<<<<<<< SEARCH\r\nx\r\n=======\r\ny\r\n>>>>>>> REPLACE\r\n",
        "I change the only line.\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE",
    ],
)
def test_what_models_put_around_a_block(answer: str) -> None:
    assert parsed(answer, ["a.py"]) == [Block("a.py", ("x", "=======", "y"))]


def test_the_path_is_the_line_above_or_the_block_before() -> None:
    two = block("x\n", "y\n", "b.py") + block("x\n", "y\n", "").removeprefix("\n")
    assert [one.path for one in parsed(two, ["a.py", "b.py"])] == ["b.py", "b.py"]
    with pytest.raises(Refused, match="no path"):
        parsed(block("x\n", "y\n", "this file"), ["a.py", "b.py"])


@pytest.mark.parametrize(
    "answer",
    [
        "a.py\n<<<<<<< SEARCH\nx\n=======\ny\n",
        "a.py\n<<<<<<< SEARCH\nx\n=======\ny\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n",
    ],
)
def test_a_block_without_an_end(answer: str) -> None:
    with pytest.raises(Refused, match="no `>>>>>>> REPLACE`"):
        parsed(answer, ["a.py"])


def test_a_block_without_a_divider() -> None:
    with pytest.raises(Refused, match="no `=======`"):
        edited("x\n", "a.py\n<<<<<<< SEARCH\nx\n>>>>>>> REPLACE\n")


def test_a_new_file() -> None:
    (one,) = parsed(block("", "x = 1\n", "new.py"), ["a.py"])
    assert (one.path, created(one)) == ("new.py", "x = 1\n")
    with pytest.raises(Refused, match="none of the files"):
        created(Block("new.py", ("a", "=======", "b")))


def test_no_block_is_no_block() -> None:
    assert parsed("<<<<<<< HEAD\na\n=======\nb\n>>>>>>> main\n", ["a.py"]) == []


LINES = st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=6), max_size=8)


@given(LINES, LINES.filter(any), LINES, LINES)
def test_around_the_place_nothing_changes(before: list[str], old: list[str], after: list[str], new: list[str]) -> None:
    text = "\n".join([*before, *old, *after])
    try:
        made = applied(text, Block("a.py", (*old, "=======", *new)))
    except Refused:
        assert text.split("\n") != old or "=======" in (*old, *new) or not any(line.strip() for line in old)
        return
    assert made.startswith("".join(line + "\n" for line in before)[: len(made)]) or "=======" in (*old, *new)
    if "=======" not in (*old, *new):
        assert made.split("\n") == [*before, *new, *after] or not [*before, *new, *after]
