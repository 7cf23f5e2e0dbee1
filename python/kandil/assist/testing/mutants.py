"""Small wrong versions of code, one change in each: a test that notices none of them is worth nothing."""

from __future__ import annotations

import ast
import copy
from collections import defaultdict
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """`text` is the whole file; `what`, for people, what stands in `line` in place of what."""

    line: int
    what: str
    text: str


def mutants(text: str, lines: Collection[int], most: int) -> list[Mutant]:
    """At most so many, each on one of `lines` and each one that compiles; of every line one before any has two.

    None where the text does not parse with this Python.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    source = _Source(text)
    by_line: dict[int, list[Mutant]] = defaultdict(list)
    for node, changed in _changes(tree):
        if node.lineno in lines and (mutant := source.with_change(node, changed)) is not None:
            by_line[node.lineno].append(mutant)
    turns = zip_longest(*(by_line[line] for line in sorted(by_line)))
    return [one for turn in turns for one in turn if one is not None][:most]


class _Source:
    """A text, with the places of `ast` in it: those count UTF-8 bytes."""

    def __init__(self, text: str) -> None:
        self._lines = [line.encode() for line in text.split("\n")]

    def with_change(self, node: ast.expr | ast.stmt, changed: ast.expr | ast.stmt) -> Mutant | None:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        new = ast.unparse(changed)
        if isinstance(changed, ast.expr):
            new = f"({new})"
        first, last = self._lines[node.lineno - 1], self._lines[node.end_lineno - 1]
        old = b"\n".join(self._lines[node.lineno - 1 : node.end_lineno])
        old = old[node.col_offset : len(old) - (len(last) - node.end_col_offset)]
        line = first[: node.col_offset] + new.encode() + last[node.end_col_offset :]
        made = [*self._lines[: node.lineno - 1], line, *self._lines[node.end_lineno :]]
        text = b"\n".join(made).decode()
        try:
            compile(text, "mutant", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            return None
        return Mutant(line=node.lineno, what=f"{_short(ast.unparse(changed))} for {_short(old.decode())}", text=text)


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else flat[: _SHOWN - 1] + "…"


def _changes(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, ast.expr | ast.stmt]]:
    """Each node that can be changed, and what it can become; what may loop forever comes last."""
    late: list[tuple[ast.expr | ast.stmt, ast.expr | ast.stmt]] = []
    for node in _functions_nodes(tree):
        if isinstance(node, ast.While):
            late.append((node.test, _negated(node.test)))
        elif isinstance(node, ast.If | ast.IfExp):
            yield node.test, _negated(node.test)
        for changed in _of_node(node):
            if isinstance(node, ast.AugAssign):
                late.append((node, changed))
            else:
                yield node, changed
    yield from late


def _negated(test: ast.expr) -> ast.expr:
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand
        case _:
            return ast.UnaryOp(ast.Not(), test)


def _functions_nodes(tree: ast.Module) -> Iterator[ast.expr | ast.stmt]:
    """What functions do, without what they are annotated with, documented with, or print within f-strings."""
    left: list[tuple[ast.AST, bool]] = [(tree, False)]
    while left:
        node, within = left.pop()
        if within and isinstance(node, ast.expr | ast.stmt):
            yield node
        if isinstance(node, ast.JoinedStr):
            continue  # before Python 3.12, places in it are wrong
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
            left += [(one, True) for one in reversed(body)]
            continue
        skipped = node.annotation if isinstance(node, ast.AnnAssign) else None
        within = within and not isinstance(node, ast.ClassDef)
        children = [one for one in ast.iter_child_nodes(node) if one is not skipped]
        left += [(one, within or isinstance(node, ast.Lambda)) for one in reversed(children)]


def _of_node(node: ast.expr | ast.stmt) -> Iterator[ast.expr | ast.stmt]:
    match node:
        case ast.Compare(ops=operators):
            for at, operator in enumerate(operators):
                changed = copy.deepcopy(node)
                changed.ops[at] = _COMPARED[type(operator)]()
                yield changed
        case ast.BinOp(op=operator) if type(operator) in _COMPUTED and not _of_text(node):
            yield ast.BinOp(node.left, _COMPUTED[type(operator)](), node.right)
        case ast.AugAssign(op=operator) if type(operator) in _COMPUTED and not _is_text(node.value):
            yield ast.AugAssign(node.target, _COMPUTED[type(operator)](), node.value)
            yield ast.Pass()
        case ast.BoolOp(op=operator):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.Constant():
            yield from _of_constant(node)
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Delete() | ast.Expr(value=ast.Call() | ast.Await()):
            yield ast.Pass()
        case _:
            pass


def _of_constant(node: ast.Constant) -> Iterator[ast.expr]:
    match node.value:
        case bool() as value:
            yield ast.Constant(not value)
        case int() | float() as value:
            yield ast.Constant(value + 1)
        case str() as value:
            yield ast.Constant(value + "x")
        case bytes() as value:
            yield ast.Constant(value + b"x")
        case _:
            pass


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _of_text(node: ast.BinOp) -> bool:
    """To subtract texts is an error that every test sees."""
    return _is_text(node.left) or _is_text(node.right)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
