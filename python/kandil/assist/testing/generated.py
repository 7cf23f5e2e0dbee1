"""Tests in a model's answer: taken apart, so that each can run and be kept or dropped alone."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_FENCED: Final = re.compile(r"^(```+|~~~+)[ \t]*([^\n`]*?)[ \t]*\n(.*?)^\1[ \t]*$", re.DOTALL | re.MULTILINE)
_PYTHON: Final = ("", "py", "python", "python3")
_HARMLESS: Final = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
Definition = ast.FunctionDef | ast.AsyncFunctionDef


class NoTests(Exception):
    """An answer without tests in it; the text says why."""


@dataclass(frozen=True, slots=True)
class Generated:
    """The text of a file of tests, and the names of its tests, in order: `test_a`, or `TestA::test_b`.

    `twice`: those that were there once more, and are so no longer; one would have hidden the other.
    """

    text: str
    names: tuple[str, ...]
    twice: tuple[str, ...] = ()

    def only(self, kept: Collection[str]) -> str:
        """The file with these tests alone, and all that is no test but for imports that nothing needs any more."""
        tree = ast.parse(self.text)
        dropped: list[ast.stmt] = []
        for node in tree.body:
            tests = list(_tests(node))
            gone = [test for name, test in tests if name not in kept]
            dropped += [node] if tests and len(gone) == len(tests) else gone
        return _needed(_without(self.text, dropped))


def generated(answer: str) -> Generated:
    """What an answer has: its longest fenced block, or all of it.

    Statements that would do something wherever the file is imported, beside imports, definitions and assignments, are
    left out. Raises: NoTests.
    """
    fenced = _FENCED.finditer(answer.replace("\r\n", "\n"))
    blocks = [match[3] for match in fenced if match[2].lower() in _PYTHON]
    text = max(blocks, key=len, default=answer)
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise NoTests(f"it does not parse: {error}") from None
    dropped: list[ast.stmt] = [node for at, node in enumerate(tree.body) if not _is_wanted(node, at)]
    names: dict[str, None] = {}
    twice: dict[str, None] = {}
    for name, test in (one for node in tree.body for one in _tests(node)):
        if name in names:
            dropped.append(test)
            twice[name] = None
        names[name] = None
    if not names:
        raise NoTests("there is no test in it")
    return Generated(_without(text, dropped).strip("\n") + "\n", tuple(names), tuple(twice))


def names_of_tests(text: str) -> set[str]:
    """The names of a file's tests; of one that does not parse, none."""
    try:
        return {name for node in ast.parse(text).body for name, _ in _tests(node)}
    except (SyntaxError, ValueError, RecursionError):
        return set()


def imported(text: str) -> set[str]:
    """All that a file imports, with dots: `a.b` for ``from a import b``, and `a`."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _is_wanted(node: ast.stmt, at: int) -> bool:
    if isinstance(node, (*_HARMLESS, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return True
    return at == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _tests(node: ast.stmt) -> Iterator[tuple[str, Definition]]:
    """The tests that a statement at the top of a file defines."""
    if isinstance(node, Definition):
        if node.name.startswith("test"):
            yield node.name, node
    elif isinstance(node, ast.ClassDef) and (node.name.startswith("Test") or node.bases):
        for inner in node.body:
            if isinstance(inner, Definition) and inner.name.startswith("test"):
                yield f"{node.name}::{inner.name}", inner


def _without(text: str, dropped: Collection[ast.stmt]) -> str:
    """The text without the lines of these statements."""
    gone = {line for node in dropped for line in range(_first_line(node), (node.end_lineno or node.lineno) + 1)}
    return "\n".join(line for number, line in enumerate(text.split("\n"), 1) if number not in gone)


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def _needed(text: str) -> str:
    """The text without definitions and imports whose names it does not use; with two empty lines in a row at most."""
    while True:
        try:
            tree = ast.parse(text)
        except SyntaxError:  # two statements in one line
            return text
        unused = [node for node in tree.body if _is_unused(node, _used(tree, node))]
        if not unused:
            break
        text = _without(text, unused)
    lines, used = text.split("\n"), _used(tree, None)
    for node in reversed(tree.body):
        if not isinstance(node, ast.Import | ast.ImportFrom) or getattr(node, "module", None) == "__future__":
            continue
        names = [one for one in node.names if (one.asname or one.name).split(".")[0] in {*used, "*"}]
        if len(names) < len(node.names):
            node.names = names
            lines[node.lineno - 1 : node.end_lineno] = [ast.unparse(node)] if names else []
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip("\n") + "\n"


def _used(tree: ast.Module, without: ast.stmt | None) -> set[str]:
    """The names that are read, or are parameters, which may be fixtures, outside of a statement; in texts, too."""
    found = set()
    for node in (one for top in tree.body if top is not without for one in ast.walk(top)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def _is_unused(node: ast.stmt, used: Collection[str]) -> bool:
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [one.id if isinstance(one, ast.Name) else "" for one in targets]
        return all(name and not name.startswith("pytest") and name not in used for name in names)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not list(_tests(node)):
        return node.name not in used and "autouse" not in ast.unparse(node)
    return False
