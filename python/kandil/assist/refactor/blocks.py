"""Search/replace blocks in a model's answer, and what they make of a text: exactly what they say, or nothing.

The format is the one that models know best (aider's): a path, then ``<<<<<<< SEARCH``, lines as they stand in the file,
``=======``, the lines that take their place, ``>>>>>>> REPLACE``.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_BEGIN: Final = re.compile(r"<{5,9} SEARCH\s*")
_DIVIDER: Final = re.compile(r"={5,9}\s*")
_END: Final = re.compile(r">{5,9} REPLACE\s*")
_FENCE: Final = re.compile(r"\s*(```|~~~)")
_DRESS: Final = re.compile(r"^[\s#*`'\"]*(?:(?:file|path):\s*)?|[\s*`'\":]*$", re.IGNORECASE)
"""What models put around a path."""
_LIKE_A_PATH: Final = re.compile(r"\S*[./]\S*")
_NEAR_LINES: Final = 4
_ALIKE: Final = 0.6


class Refused(Exception):
    """A block that cannot be applied; the text says why, to the model that wrote it."""


@dataclass(frozen=True, slots=True)
class Block:
    """`inner` is what stands between the first and the last mark."""

    path: str
    inner: tuple[str, ...]

    def readings(self) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
        """What is searched, what replaces it; several where a line of the code looks like the divider."""
        for at, line in enumerate(self.inner):
            if _DIVIDER.fullmatch(line):
                yield self.inner[:at], self.inner[at + 1 :]


def parsed(answer: str, names: Collection[str]) -> list[Block]:
    """All blocks, in order. `names` are the files that were shown: where there is one alone, a path may be missing.

    Raises: Refused.
    """
    lines = answer.replace("\r\n", "\n").split("\n")
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        if not _BEGIN.fullmatch(lines[at]):
            at += 1
            continue
        end = next((row for row in range(at + 1, len(lines)) if _END.fullmatch(lines[row])), None)
        if end is None or any(_BEGIN.fullmatch(line) for line in lines[at + 1 : end]):
            raise Refused(f"block {len(blocks) + 1} has no `>>>>>>> REPLACE`")
        path = _path(lines[:at], names) or (blocks[-1].path if blocks else _sole(names))
        if path is None:
            raise Refused(f"block {len(blocks) + 1} has no path in the line above it")
        blocks.append(Block(path, tuple(lines[at + 1 : end])))
        at = end + 1
    return blocks


def applied(text: str, block: Block) -> str:
    """The text with the block's lines in their new form. Raises: Refused: unless they stand there exactly once."""
    lines = text.split("\n")
    found: list[tuple[int, tuple[str, ...], tuple[str, ...]]] = []
    for old, new in block.readings():  # the longest search that stands there counts
        found = [(at, old, new) for at in _places(lines, old)] or found
    if len(found) == 1:
        return _replaced(text, *found[0])
    if not any(True for _ in block.readings()):
        raise Refused(f"a block for {block.path} has no `=======` line")
    if found:
        raise Refused(
            f"the searched lines stand {len(found)} times in {block.path}: add lines around them until they are unique"
        )
    old, _ = next(block.readings())
    if not any(line.strip() for line in old):
        raise Refused(f"{block.path} is there already: a block with nothing to search makes a new file")
    raise Refused(f"the searched lines do not stand in {block.path}, character by character{_nearest(text, old)}")


def created(block: Block) -> str:
    """The text of a new file. Raises: Refused: something was searched in what is not there."""
    for old, new in block.readings():
        if not any(line.strip() for line in old):
            return "\n".join(new) + "\n" if new else ""
    raise Refused(f"{block.path} is none of the files that were shown, so nothing can be searched in it")


def _places(lines: Sequence[str], old: Sequence[str]) -> list[int]:
    """Where these lines stand, line by line; ends of lines do not count."""
    if not any(line.strip() for line in old):
        return []
    have = [line.removesuffix("\r") for line in lines]
    first = old[0]
    return [
        at
        for at in range(len(have) - len(old) + 1)
        if have[at] == first and all(have[at + by] == line for by, line in enumerate(old))
    ]


def _replaced(text: str, at: int, old: Sequence[str], new: Sequence[str]) -> str:
    """New lines end as those around them do."""
    lines = text.split("\n")
    end = "\r" if lines[0].endswith("\r") else ""
    made = [line + end for line in new]
    last = at + len(old)
    if last == len(lines) and made:  # the text has no line end after it
        made[-1] = new[-1]
    return "\n".join([*lines[:at], *made, *lines[last:]])


def _path(above: Sequence[str], names: Collection[str]) -> str | None:
    """The path in the line above, fences and empty lines aside."""
    for line in reversed(above[-_NEAR_LINES:]):
        if line.strip() and not _FENCE.match(line):
            bare = _DRESS.sub("", line).removeprefix("./")
            return bare if bare in names or _LIKE_A_PATH.fullmatch(bare) else None
    return None


def _sole(names: Collection[str]) -> str | None:
    return next(iter(names)) if len(names) == 1 else None


def _nearest(text: str, old: Sequence[str]) -> str:
    """What is most like it there, for the model's second try."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    wanted = next(line for line in old if line.strip())
    alike = difflib.get_close_matches(wanted, lines, n=1, cutoff=_ALIKE)
    return f"; the line most like its first is: {alike[0]}" if alike else ""
