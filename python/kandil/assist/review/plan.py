"""What will be asked: each part of each file, framed as what it is, text to be judged."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from kandil.assist import structure
from kandil.assist.asking import all_most_usd
from kandil.assist.framing import FRAMES, framed, output_tokens, room_characters, window_tokens
from kandil.assist.review.finding import CATEGORIES, SCHEMA, SEVERITIES
from kandil.assist.sources import spans
from kandil.providers import Message, Request, estimate_input_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kandil.assist.sources import Source, Sources
    from kandil.profiles import Price, Profile

USUAL_OUTPUT_TOKENS: Final = 4096
_MOST_CHARACTERS: Final = 24_000
"""In longer parts models overlook more."""
_LEAST_CHARACTERS: Final = 100
_LONGEST_HEADER: Final = 200
_SYSTEM: Final = f"""You review code. You are given one part of one file. {FRAMES} Each line begins with its number \
and a bar, which are no part of the file. Lines above an ellipsis are the beginnings of what the part stands in: \
report nothing of them.

Report real defects alone, each once; none is a good answer. Answer with one JSON object and nothing else:
{{"findings": [{{"start_line": 1, "end_line": 1, "severity": "high", "category": "bug", "message": "what is wrong and \
when it shows", "suggestion": "what to do", "quote": "the lines, copied exactly, without numbers and bars"}}]}}
severity is one of {", ".join(SEVERITIES)}; category one of {", ".join(CATEGORIES)}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A part of a file, and how a model is asked about it."""

    source: Source
    first: int
    last: int
    request: Request
    input_tokens: int
    """Estimated, and rather more than less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be sent, and what not."""

    sources: Sources
    chunks: tuple[Chunk, ...]

    @property
    def input_tokens(self) -> int:
        return sum(chunk.input_tokens for chunk in self.chunks)

    def most_usd(self, price: Price | None) -> float | None:
        """See `all_most_usd`."""
        return all_most_usd((chunk.request for chunk in self.chunks), price)


def plan(sources: Sources, profile: Profile) -> Plan:
    """The parts of all files, those of a diff where it changed something."""
    longest = output_tokens(profile, USUAL_OUTPUT_TOKENS)
    overhead = estimate_input_tokens(_request("", "", longest))
    most = min(_MOST_CHARACTERS, max(room_characters(profile, longest, overhead), _LEAST_CHARACTERS))
    most_tokens = window_tokens(profile) - longest
    chunks = [chunk for source in sources.files for chunk in _fitting(source, most, most_tokens, longest)]
    return Plan(sources=sources, chunks=tuple(chunks))


def _fitting(source: Source, most_characters: int, most_tokens: int, longest: int) -> list[Chunk]:
    """Its parts; smaller ones where a token has fewer characters in this file than in others."""
    while True:
        chunks = list(_chunks(source, most_characters, longest))
        if most_characters <= _LEAST_CHARACTERS or all(one.input_tokens <= most_tokens for one in chunks):
            return chunks
        most_characters = most_characters * 2 // 3


def _chunks(source: Source, most_characters: int, longest: int) -> Iterator[Chunk]:
    lines = source.lines if source.lines[-1] else source.lines[:-1]  # what stands behind the last line's end is none
    for first, last in spans(source.name, lines, most_characters):
        numbers = range(first, last + 1)
        if source.changed is None or source.changed.intersection(numbers):
            request = _request(source.name, _shown(source, numbers), longest, _asked(source, numbers))
            tokens = estimate_input_tokens(request)
            yield Chunk(source=source, first=first, last=last, request=request, input_tokens=tokens)


def _shown(source: Source, numbers: range) -> str:
    """These lines with their numbers, below the first lines of the definitions around them."""
    around = structure.enclosing(source.name, source.lines, numbers[0]) if numbers[0] > 1 else []
    headers = [f"{at}|{source.lines[at - 1][:_LONGEST_HEADER]}" for at in around]
    return "\n".join([*headers, *(["…"] if headers else []), *(f"{at}|{source.lines[at - 1]}" for at in numbers)])


def _asked(source: Source, numbers: range) -> str:
    if source.changed is None:
        return ""
    touched = ", ".join(_ranges(sorted(source.changed.intersection(numbers))))
    return f"\nReport what stands on these lines alone, which were changed: {touched}"


def _ranges(numbers: list[int]) -> Iterable[str]:
    starts = [numbers[0], *(after for before, after in pairwise(numbers) if after > before + 1)]
    ends = [*(before for before, after in pairwise(numbers) if after > before + 1), numbers[-1]]
    return (str(start) if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=True))


def _request(name: str, shown: str, longest: int, asked: str = "") -> Request:
    message = Message("user", framed(name, shown) + asked)
    return Request(messages=(message,), system=_SYSTEM, max_tokens=longest, json_schema=SCHEMA, stream=True)
