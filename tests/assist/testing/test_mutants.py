"""Mutants: each kind, where they stand, how many."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import kandil.assist
from kandil.assist.testing.mutants import mutants

_EVERYWHERE = range(1, 1_000)


def of(body: str) -> set[str]:
    """What stands in place of what, in a function with this body."""
    return {one.what for one in mutants(f"def f(a, b):\n    {body}\n", _EVERYWHERE, 1_000)}


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("return a < b", "a <= b for a < b"),
        ("return a <= b", "a < b for a <= b"),
        ("return a == b", "a != b for a == b"),
        ("return a is b", "a is not b for a is b"),
        ("return a in b", "a not in b for a in b"),
        ("return a < b < 3", "a < b <= 3 for a < b < 3"),
        ("return a + b", "a - b for a + b"),
        ("return a // b", "a * b for a // b"),
        ("return a & b", "a | b for a & b"),
        ("a += b", "a -= b for a += b"),
        ("a += b", "pass for a += b"),
        ("return a and b", "a or b for a and b"),
        ("return not a", "a for not a"),
        ("return True", "False for True"),
        ("return 41", "42 for 41"),
        ("return 'a'", "'ax' for 'a'"),
        ("return a", "return None for return a"),
        ("a(b)", "pass for a(b)"),
        ("raise a", "pass for raise a"),
        ("del a[b]", "pass for del a[b]"),
        ("if a: return", "not a for a"),
        ("while a: return", "not a for a"),
        ("return 1 if a else 2", "not a for a"),
        ("return lambda c: c + 1", "c - 1 for c + 1"),
        ("'é'; return a < b", "a <= b for a < b"),
    ],
)
def test_what_is_changed(body: str, what: str) -> None:
    assert what in of(body)


@pytest.mark.parametrize("body", ["pass", "return None", "'''A docstring.'''", "c: list[1] = a", "return f'{a:<3}'"])
def test_what_is_left_as_it_is(body: str) -> None:
    assert of(body) <= {f"return None for {body}"}


def test_texts_are_not_subtracted() -> None:
    assert of("return a + 'b'") == {"'bx' for 'b'", "return None for return a + 'b'"}


def test_only_what_functions_do_on_the_lines_that_were_named() -> None:
    functions = (
        "def f(a=2):\n    b = 3\n    return b + 4\n\n\nclass C:\n    y = 5\n\n    def g(self):\n        return 6\n"
    )
    text = f"X = 1\n\n\n{functions}"
    assert {one.line for one in mutants(text, _EVERYWHERE, 100)} == {5, 6, 13}
    assert {one.line for one in mutants(text, {6, 10}, 100)} == {6}


def test_each_line_has_one_before_any_has_two() -> None:
    text = "def f(a):\n    b = a < 1 < 2 < 3\n    c = a < 4\n    return b, c\n"
    assert [one.line for one in mutants(text, _EVERYWHERE, 3)] == [2, 3, 4]


def test_what_stands_on_several_lines() -> None:
    text = "def f(a):\n    return (\n        a\n        + 1  # more\n    )\n"
    (changed,) = [one.text for one in mutants(text, {3}, 10) if one.what.startswith("a - 1")]
    assert changed == "def f(a):\n    return (\n        (a - 1)  # more\n    )\n"


def test_what_this_python_cannot_read_has_none() -> None:
    assert mutants("def f(:\n", _EVERYWHERE, 10) == []
    assert mutants("def f(): return '\0'", _EVERYWHERE, 10) == []


def test_mutants_of_real_code_all_compile_and_all_differ() -> None:
    count = 0
    for path in Path(kandil.assist.__file__).parent.glob("*.py"):
        text = path.read_text()
        found = mutants(text, _EVERYWHERE, 10_000)
        trees = {ast.dump(ast.parse(one.text)) for one in found}
        assert ast.dump(ast.parse(text)) not in trees
        count += len(found)
    assert count > 500
