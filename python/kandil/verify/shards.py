"""Models in several files: ``<name>-00001-of-00005.gguf``.

Each part says its number (``split.no``, from 0), how many there are (``split.count``) and how many tensors all have
together (``split.tensors.count``). Source: ggml-org/llama.cpp ``src/llama.cpp`` (``llama_split_path``),
``tools/gguf-split/gguf-split.cpp``.
"""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

import os
import re
from itertools import islice
from typing import TYPE_CHECKING

from kandil.verify.result import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil.verify.facts import Facts
    from kandil.verify.item import Item

PART = re.compile(rb"^(.+)-(\d{5})-of-(\d{5})(\.gguf)$", re.IGNORECASE | re.DOTALL)
NAMED_MISSING = 8
"""So many missing numbers are listed."""


def parts_of(file: str) -> tuple[list[str], int]:
    """The file, or all parts of the model that are here, the first first; and how many there should be.

    Raises: OSError: the folder cannot be listed.
    """
    folder, name = os.path.split(os.fsencode(file))
    named = PART.match(name)
    if named is None:
        return [file], 1
    others = map(PART.match, os.listdir(folder or b"."))
    here = [one[0] for one in others if one and (one[1], one[3]) == (named[1], named[3])]
    return [os.fsdecode(os.path.join(folder, other)) for other in sorted(here)], int(named[3])


class Folders:
    """The parts that lie in folders; each folder is listed once."""

    def __init__(self) -> None:
        self._listed: dict[bytes, dict[tuple[bytes, int, bytes], set[int]]] = {}

    def parts(self, folder: bytes) -> dict[tuple[bytes, int, bytes], set[int]]:
        """By stem, count and suffix: the numbers that are there."""
        if folder not in self._listed:
            found = self._listed[folder] = {}
            try:
                names = os.listdir(folder)
            except (OSError, ValueError):
                names = []
            for match in filter(None, map(PART.match, names)):
                found.setdefault((match[1], int(match[3]), match[4]), set()).add(int(match[2]))
        return self._listed[folder]


class PartSet:
    """The selected parts of one model, in one folder."""

    def __init__(self, stem: bytes, count: int, suffix: bytes, folders: Folders) -> None:
        self.stem, self.count, self.suffix, self.folders = stem, count, suffix, folders
        self.items: dict[int, Item] = {}
        self.facts: dict[int, Facts] = {}
        self.waiting = 0

    def number(self, item: Item) -> int:
        match = PART.match(item.path)
        assert match is not None
        return int(match[2])

    def missing(self) -> tuple[int, list[int]]:
        """How many parts are neither selected nor on disk, and the first of their numbers; costs no more for 99999."""
        folder, name = os.path.split(self.stem)
        there = {number for number in self.items if 1 <= number <= self.count}
        there |= self.folders.parts(folder or b".").get((name, self.count, self.suffix), set())
        absent = (number for number in range(1, self.count + 1) if number not in there)
        held = sum(1 <= number <= self.count for number in there)
        return self.count - held, list(islice(absent, NAMED_MISSING))

    def findings(self) -> dict[int, list[Finding]]:
        """By number, what is wrong with each part as a part. No part is of use when one is missing: all say so."""
        found: dict[int, list[Finding]] = {number: [] for number in self.items}
        first = found[min(found)]
        missing, named = self.missing()
        if missing:
            shown = ", ".join(map(str, named)) + (", …" if missing > len(named) else "")
            for part in found.values():
                part.append(_finding("MISSING", f"{missing} of {self.count} parts are missing: {shown}"))
        for number, facts in self.facts.items():
            if not 1 <= number <= self.count:
                found[number].append(_misnamed(number, self.count, "which cannot be"))
            elif facts.is_gguf:
                found[number] += _of_part(facts, number, self.count)
        totals = {facts.split_tensors for facts in self.facts.values() if facts.split_tensors is not None}
        if len(totals) > 1:
            first.append(_finding("TENSORS", f"the parts disagree on the number of all tensors: {sorted(totals)}"))
        elif len(totals) == 1 and len(self.facts) == self.count and set(self.facts) == set(range(1, self.count + 1)):
            each = [facts.tensors for facts in self.facts.values() if facts.tensors is not None]
            if len(each) == self.count and (held := sum(each)) not in totals:
                first.append(
                    _finding("TENSORS", f"the parts have {held} tensors together and should have {totals.pop()}")
                )
        return found


def _of_part(facts: Facts, number: int, count: int) -> list[Finding]:
    if facts.split_count is None and facts.split_no is None:
        return [] if count == 1 else [_misnamed(number, count, "its header knows of no parts")]
    if facts.split_count in (None, 0, count) and facts.split_no in (None, number - 1):
        return []
    said = f"split.no {facts.split_no} (counted from 0) and split.count {facts.split_count}"
    return [_misnamed(number, count, f"its header {said}")]


def _misnamed(number: int, count: int, but: str) -> Finding:
    """The core's rule of the same id says it of one file alone."""
    return Finding("KG-SPLIT-NAME", "suspicious", f"its name says part {number} of {count}, {but}")


def _finding(what: str, message: str) -> Finding:
    return Finding(f"KG-SPLIT-{what}", "malformed", message)


def group(items: Iterable[Item]) -> dict[int, PartSet]:
    """The set of each item that is a part, by the item's `id`."""
    sets: dict[tuple[bytes, int, bytes], PartSet] = {}
    of_item: dict[int, PartSet] = {}
    folders = Folders()
    for item in items:
        match = PART.match(item.path)
        if match is None:
            continue
        stem, number, count, suffix = match.groups()
        parts = sets.setdefault((stem, int(count), suffix), PartSet(stem, int(count), suffix, folders))
        if int(number) not in parts.items:
            parts.items[int(number)] = item
            parts.waiting += 1
            of_item[id(item)] = parts
    return of_item
