"""The structure of code, as tree-sitter's grammars read it: where it can be cut, and whether it parses."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Node, Parser

_GRAMMARS: Final = {
    ".c": "c",
    ".cc": "cpp",
    ".cjs": "javascript",
    ".cpp": "cpp",
    ".cts": "typescript",
    ".cxx": "cpp",
    ".go": "go",
    ".h": "cpp",
    ".hh": "cpp",
    ".hpp": "cpp",
    ".java": "java",
    ".js": "javascript",
    ".jsx": "javascript",
    ".mjs": "javascript",
    ".mts": "typescript",
    ".py": "python",
    ".pyi": "python",
    ".rs": "rust",
    ".ts": "typescript",
    ".tsx": "tsx",
}
"""Each suffix's grammar; `_parser` has its package."""
_NAMED: Final = ("name", "declarator", "type")
"""What a definition has beside its body, and a loop has not."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a text stops being one of its language. `line` counts from 1."""

    line: int
    reason: str


def fault(name: str, text: str) -> Fault | None:
    """The first place at which a file's text does not parse; None: it does, or its language is not known here.

    Python is compiled as well, by the Python that runs: it refuses what a grammar lets pass.
    """
    root = _root(name, text)
    found = None if root is None or not root.has_error else _first_error(root)
    if found is None and name.endswith((".py", ".pyi")):
        return _compiled(name, text)
    return found


def is_known(name: str) -> bool:
    """Whether `fault` can tell."""
    return _grammar(name) is not None


def depths(name: str, lines: Sequence[str]) -> list[int] | None:
    """For each line, how much a cut before it would tear: the statements and blocks that begin before and go on in it.

    None where the language is not known.
    """
    root = _root(name, "\n".join(lines))
    if root is None:
        return None
    steps = [0] * (len(lines) + 1)
    for node in _long(root):
        if node.parent is not None:
            steps[node.start_point.row + 1] += 1
            steps[min(_last_row(node) + 1, len(lines))] -= 1
    depth, made = 0, []
    for step in steps[:-1]:
        depth += step
        made.append(depth)
    return made


def enclosing(name: str, lines: Sequence[str], line: int) -> list[int]:
    """The numbers, from 1, of the first lines of the definitions that the line stands in, from the outermost."""
    root = _root(name, "\n".join(lines))
    if root is None:
        return []
    found, left = set(), [root]
    while left:
        node = left.pop()
        if node.start_point.row + 1 < line <= _last_row(node) + 1:
            found |= {node.start_point.row + 1} if _is_definition(node) else set()
            left.extend(node.children)
    return sorted(found)


def _grammar(name: str) -> str | None:
    return _GRAMMARS.get(name[name.rfind(".") :].lower()) if "." in name else None


@cache
def _parser(grammar: str) -> Parser:
    from tree_sitter import Language, Parser  # noqa: PLC0415 - C libraries, loaded for the files there are

    package = import_module(f"tree_sitter_{'typescript' if grammar == 'tsx' else grammar}")
    language = getattr(package, f"language_{grammar}" if grammar in ("typescript", "tsx") else "language")
    return Parser(Language(language()))


@lru_cache(maxsize=1)  # a large file is cut into many parts
def _root(name: str, text: str) -> Node | None:
    grammar = _grammar(name)
    return None if grammar is None else _parser(grammar).parse(text.encode(errors="replace")).root_node


def _long(root: Node) -> Iterator[Node]:
    """The nodes of more than one line, without recursion: a file may be nested deeper than Python's stack."""
    left = [root]
    while left:
        node = left.pop()
        if _last_row(node) > node.start_point.row:
            yield node
            left.extend(node.children)


def _is_definition(node: Node) -> bool:
    return node.child_by_field_name("body") is not None and any(node.child_by_field_name(one) for one in _NAMED)


def _last_row(node: Node) -> int:
    """The last row that it has characters in: it may end after a line's end."""
    row, column = node.end_point
    return row - 1 if column == 0 and row > node.start_point.row else row


def _first_error(root: Node) -> Fault:
    left = [root]
    while left:
        node = left.pop()
        if node.is_missing:
            return Fault(node.start_point.row + 1, f"{node.type} is missing")
        if node.is_error:
            return Fault(node.start_point.row + 1, "a syntax error")
        left.extend(child for child in reversed(node.children) if child.has_error or child.is_missing)
    return Fault(1, "a syntax error")


def _compiled(name: str, text: str) -> Fault | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        return Fault(error.lineno or 1, error.msg)
    except (ValueError, RecursionError, MemoryError) as error:
        return Fault(1, str(error) or type(error).__name__)
    return None
