"""What will be asked: each module, or part of one, with the tests that it has; and where the answer will be written."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from kandil.assist.asking import all_most_usd
from kandil.assist.framing import FRAMES, framed, output_tokens, room_characters
from kandil.assist.sources import Skipped, below, spans
from kandil.assist.testing import copies, layout
from kandil.assist.testing.generated import imported, names_of_tests
from kandil.errors import FrameworkUnknown
from kandil.providers import Message, Request, estimate_input_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kandil.assist.sources import Source, Sources
    from kandil.assist.testing.running import Module
    from kandil.profiles import Price, Profile

_MOST_OUTPUT_TOKENS: Final = 8192
_MOST_CHARACTERS: Final = 24_000
_LEAST_CHARACTERS: Final = 400
_SYSTEM: Final = f"""You write tests for Python code, with pytest. You are given a module, or a part of one, and \
perhaps tests that it has already. {FRAMES}

Answer with one fenced Python block, a whole file of tests, and nothing else. Each test is a function whose name says \
what is true; it passes alone, in any order, at any time. It compares with exact values that follow from the code, \
and would fail were a comparison, an operator, a constant, a condition or a returned value of the code another. Cover \
edges and errors. No network, no sleeping, no clock, no randomness without a seed; write below `tmp_path` alone. \
Import what is tested by the module's name. Do not repeat tests that are there already, nor their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A module or a part of it, and how a model is asked for its tests."""

    source: Source
    first: int
    last: int
    module: Module
    existing: tuple[str, ...]
    """Files of tests that import it."""
    taken: frozenset[str]
    """The names of their tests."""
    target: str
    """The file that is made."""
    request: Request

    @property
    def title(self) -> str:
        whole = (self.first, self.last) == (1, len(self.source.lines))
        return self.source.name if whole else f"{self.source.name}:{self.first}-{self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be sent, and what not."""

    root: Path
    parts: tuple[Part, ...]
    skipped: tuple[Skipped, ...]

    @property
    def input_tokens(self) -> int:
        return sum(estimate_input_tokens(part.request) for part in self.parts)

    def most_usd(self, price: Price | None) -> float | None:
        """What it costs at most, were no answer asked for twice; None: the price is not known."""
        return all_most_usd([part.request for part in self.parts], price)


def plan(found: Sources, profile: Profile) -> Plan:
    """The modules among these files. Raises: FrameworkUnknown: there is no Python; GitFailed."""
    python = [source for source in found.files if source.name.endswith(".py")]
    if found.files and not python:
        raise FrameworkUnknown(", ".join(sorted({_suffix(source.name) for source in found.files})))
    kept = copies.names(found.root)
    named = [name for name in kept if layout.is_test(name)]
    tests = below(found.root, named).files if named else ()
    tested_by = [(test, imported("\n".join(test.lines))) for test in tests]
    skipped, parts = list(found.skipped), []
    names = {PurePosixPath(name).name for name in named}
    for source in python:
        module = layout.module(source.name, kept)
        if module is None or (reason := _no_module(source)):
            reason = "it is no module to be tested" if module is None else reason
            skipped.append(Skipped(name=source.name, reason=reason))
            continue
        existing = [test for test, imports in tested_by if module.name in imports]
        for first, last, request in _requests(source, module, existing, profile):
            target = layout.target(module, [test.name for test in existing], [test.name for test in tests], names)
            names.add(PurePosixPath(target).name)
            parts.append(
                Part(
                    source=source,
                    first=first,
                    last=last,
                    module=module,
                    existing=tuple(test.name for test in existing),
                    taken=frozenset(name for test in existing for name in names_of_tests("\n".join(test.lines))),
                    target=target,
                    request=request,
                )
            )
    return Plan(root=found.root, parts=tuple(parts), skipped=tuple(skipped))


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix or name


def _no_module(source: Source) -> str:
    try:
        tree = ast.parse("\n".join(source.lines))
    except (SyntaxError, ValueError, RecursionError) as error:
        return f"it does not parse: {error}"
    if not any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) for node in ast.walk(tree)):
        return "it defines no function"
    return ""


def _requests(
    source: Source, module: Module, existing: Sequence[Source], profile: Profile
) -> list[tuple[int, int, Request]]:
    longest = output_tokens(profile, _MOST_OUTPUT_TOKENS)
    overhead = estimate_input_tokens(_request([], module, longest))
    room = min(_MOST_CHARACTERS, max(room_characters(profile, longest, overhead), _LEAST_CHARACTERS))
    made = []
    for first, last in spans(source.name, source.lines, room):
        text = "\n".join(source.lines[first - 1 : last])
        left = room - len(text)
        shown = [framed(f"{source.name}, lines {first} to {last} of {len(source.lines)}", text)]
        for test in existing:
            text = "\n".join(test.lines)
            if len(text) <= left:
                shown.append(framed(f"tests that are there: {test.name}", text))
                left -= len(text)
        made.append((first, last, _request(shown, module, longest)))
    return made


def _request(shown: Sequence[str], module: Module, longest: int) -> Request:
    asked = "\n\n".join((*shown, f"The module is imported as `{module.name}`."))
    return Request(messages=(Message("user", asked),), system=_SYSTEM, max_tokens=longest, stream=True)
