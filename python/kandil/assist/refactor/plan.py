"""What will be asked: as many whole files at once as there is room for, a file that is larger in parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kandil.assist.asking import all_most_usd
from kandil.assist.framing import FRAMES, framed, output_tokens, room_characters, window_tokens
from kandil.assist.sources import spans
from kandil.providers import Message, Request, estimate_input_tokens

if TYPE_CHECKING:
    from kandil.assist.refactor.texts import Texts
    from kandil.profiles import Price, Profile

NO_CHANGE: Final = "NO CHANGE"
_MOST_OUTPUT_TOKENS: Final = 16_384
_MOST_CHARACTERS: Final = 60_000
"""Of one request; with more, models overlook more."""
_LEAST_CHARACTERS: Final = 400
_SYSTEM: Final = f"""You change code towards a goal that the user states, and change nothing else. You are given files \
of one project, some of them in part. {FRAMES}

Answer with blocks, each a path alone in a line, and below it:

<<<<<<< SEARCH
lines as they stand in the file
=======
the lines that take their place
>>>>>>> REPLACE

The searched lines are copied character by character, with their indentation, and stand only once in the file: as few \
as make them unique. To make a new file, search nothing. Blocks are applied in order; all that is left must parse. \
Where the goal asks nothing of these files, answer {NO_CHANGE}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Files that are shown together, and how a model is asked about them."""

    names: tuple[str, ...]
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be sent."""

    parts: tuple[Part, ...]

    @property
    def input_tokens(self) -> int:
        return sum(estimate_input_tokens(part.request) for part in self.parts)

    def most_usd(self, price: Price | None) -> float | None:
        """See `all_most_usd`."""
        return all_most_usd((part.request for part in self.parts), price)


def plan(texts: Texts, goal: str, profile: Profile, failure: str | None = None) -> Plan:
    """All files as they are in `texts`; `failure`: what a check has said of them."""
    longest = output_tokens(profile, _MOST_OUTPUT_TOKENS)
    overhead = estimate_input_tokens(_request([], goal, failure, longest))
    most = min(_MOST_CHARACTERS, max(room_characters(profile, longest, overhead), _LEAST_CHARACTERS))
    most_tokens = window_tokens(profile) - longest
    while True:
        parts = [
            Part(
                names=tuple(dict.fromkeys(name for name, _, _ in shown)),
                request=_request([framed(title, text) for _, title, text in shown], goal, failure, longest),
            )
            for shown in _together(texts, most)
        ]
        if most <= _LEAST_CHARACTERS or all(estimate_input_tokens(part.request) <= most_tokens for part in parts):
            return Plan(parts=tuple(parts))
        most = most * 2 // 3  # a token has fewer characters here than elsewhere


def _together(texts: Texts, most: int) -> list[list[tuple[str, str, str]]]:
    """What is shown at once: see `_pieces`."""
    parts: list[list[tuple[str, str, str]]] = []
    together: list[tuple[str, str, str]] = []
    room = most
    for name, title, text in _pieces(texts, most):
        if together and len(text) > room:
            parts.append(together)
            together, room = [], most
        together.append((name, title, text))
        room -= len(text) + len(title)
    return [shown for shown in (*parts, together) if shown]


def _pieces(texts: Texts, most: int) -> list[tuple[str, str, str]]:
    """Each file, or part of one: its name, its title, its text."""
    found = []
    for name, text in sorted(texts.now.items()):
        lines = [line.removesuffix("\r") for line in text.split("\n")]
        parts = list(spans(name, lines, most))
        for first, last in parts:
            title = name if len(parts) == 1 else f"{name}, lines {first} to {last} of {len(lines)}"
            found.append((name, title, "\n".join(lines[first - 1 : last])))
    return found


def _request(shown: list[str], goal: str, failure: str | None, longest: int) -> Request:
    said = [*shown, f"The goal: {goal}"]
    if failure is not None:
        said.append("These files have been changed towards it already, and then this check failed. Mend what is wrong.")
        said.append(framed("the check", failure))
    return Request(messages=(Message("user", "\n\n".join(said)),), system=_SYSTEM, max_tokens=longest)
