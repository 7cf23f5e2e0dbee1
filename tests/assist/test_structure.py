"""What tree-sitter says of code: depths, enclosing definitions, faults."""

from __future__ import annotations

import pytest

from kandil.assist import structure
from kandil.assist.sources import spans
from kandil.assist.structure import Fault

CLASS = """import os


class Shape:
    sides = [
        1,
        2,
    ]

    def area(self):
        for side in self.sides:
            print(side)

            print(2)
        return 1

    def name(self):
        return "shape"


def last():
    pass
"""


@pytest.mark.parametrize(
    ("name", "sound", "broken", "line"),
    [
        ("a.py", "def f():\n    pass\n", "x = 1\ndef f(:\n    pass\n", 2),
        ("a.pyi", "def f() -> int: ...\n", "\nclass\n", 2),
        ("a.rs", "fn f() {}\n", "fn f() {}\nfn g( {}\n", 2),
        ("a.go", "package a\n", "package a\nfunc f( {\n}\n", 2),
        ("a.java", "class A { int a; }\n", "class A {\n int ;;= a }\n", 2),
        ("a.c", "int f(void) { return 1; }\n", "int f(void) { return 1 }\n", 1),
        ("a.hpp", "class A { int a; };\n", "class A {\n int a(;\n};\n", 2),
        ("a.js", "let a = 1;\n", "let a = 1;\nlet = = 2;\n", 2),
        ("a.ts", "let a: number = 1;\n", "let a: = 1;\n", 1),
        ("a.tsx", "let a = <b>1</b>;\n", "let a = <b>1</c;\n", 1),
    ],
)
def test_a_fault_is_found_where_it_is(name: str, sound: str, broken: str, line: int) -> None:
    assert structure.fault(name, sound) is None
    found = structure.fault(name, broken)
    assert found is not None
    assert found.line == line


def test_python_is_compiled_too() -> None:
    assert structure.fault("a.py", "x = 1\nreturn x\n") == Fault(2, "'return' outside function")
    assert structure.fault("a.py", "x = 1\0\n") is not None


def test_what_is_not_known_has_no_structure() -> None:
    assert not structure.is_known("README.md")
    assert not structure.is_known("Makefile")
    assert structure.fault("a.md", "(") is None
    assert structure.depths("a.md", ["("]) is None
    assert structure.enclosing("a.md", ["("], 1) == []


def test_nesting_without_end_is_no_crash() -> None:
    assert structure.fault("a.py", "x = " + "(" * 50_000 + ")" * 50_000) is not None
    assert structure.depths("a.c", ["{"] * 20_000) is not None


def test_cuts_tear_nothing_where_they_need_not() -> None:
    lines = CLASS.split("\n")
    depths = structure.depths("a.py", lines)
    assert depths is not None
    assert [depths[lines.index(line)] for line in ("import os", "class Shape:", "def last():")] == [0, 0, 0]
    method, loop = (lines.index(f"    {line}") for line in ("def name(self):", "        print(side)"))
    assert 0 < depths[method] < depths[loop]
    assert depths[lines.index("        2,")] > depths[method]


def test_parts_end_between_definitions() -> None:
    lines = CLASS.split("\n")
    parts = list(spans("a.py", lines, 220))
    assert [lines[first - 1] for first, _ in parts[1:]] == ["    def name(self):"]
    assert parts[0][0] == 1
    assert [first for first, _ in parts[1:]] == [last + 1 for _, last in parts[:-1]]
    assert parts[-1][1] == len(lines)
    assert list(spans("a.py", lines, 10_000)) == [(1, len(lines))]


def test_the_definitions_around_a_line() -> None:
    lines = CLASS.split("\n")
    inside = lines.index("            print(2)") + 1
    assert [lines[at - 1] for at in structure.enclosing("a.py", lines, inside)] == [
        "class Shape:",
        "    def area(self):",
    ]
    assert structure.enclosing("a.py", lines, lines.index("class Shape:") + 1) == []
    rust = ["impl A {", "    fn f(&self) {", "        g();", "    }", "}", ""]
    assert structure.enclosing("a.rs", rust, 3) == [1, 2]
