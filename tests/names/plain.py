"""The score of a name by its definition: every name against the query, nothing left out, nothing remembered."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

F = np.float32
FLOOR = 0.3
_RUN = re.compile(r"(?:[^\W_]|(?<=\d)\.(?=\d))+")
_ATOM = re.compile(r"[^\W\d_]{2,}|(?:\d|\.|[^\W\d_](?![^\W\d_]))+")


@dataclass(frozen=True)
class Match:
    """Some of a query's atoms, from `at`, are some of a name's."""

    similarity: F
    gain: F
    at: int
    span: int
    name_at: int
    name_span: int

    def places(self) -> set[int]:
        return set(range(self.at, self.at + self.span))

    def name_places(self) -> set[int]:
        return set(range(self.name_at, self.name_at + self.name_span))


def atoms(name: str) -> list[str]:
    return [atom for run in _RUN.findall(name.lower()) for atom in _ATOM.findall(run)][:24]


def scores(names: list[str], query: str) -> dict[int, float]:
    """What the query scores with each name, where it is not below the floor."""
    split = [atoms(name) for name in names]
    pairs = [[_joined(a, b) if len(a) + len(b) <= 20 else None for a, b in pairwise(one)] for one in split]
    having: Counter[str] = Counter()
    for one, two in zip(split, pairs, strict=True):
        having.update(list(dict.fromkeys([*one, *(pair for pair in two if pair)])))
    weights = {word: _weight(word, count, len(names)) for word, count in having.items()}
    asked = atoms(query)
    alone = frozenset(word for one in split for word in one)
    found = {at: _score(asked, *both, weights, alone) for at, both in enumerate(zip(split, pairs, strict=True))}
    return {at: float(score) for at, score in found.items() if score >= F(FLOOR)}


def _weight(word: str, having: int, count: int) -> F:
    rarity = F(1) - F(math.log(having + 1)) / (F(math.log(count + 1)) + F(0.1))
    return _base_weight(word) * min(max(rarity, F(0.5)), F(1))


def _base_weight(word: str) -> F:
    if _is_number(word):
        return F(1.1)
    return F({1: 0.3, 2: 0.55, 3: 0.75, 4: 0.9}.get(len(word), 1.0))


def _joined(first: str, second: str) -> str:
    return first + ("." if _is_number(first) and _is_number(second) else "") + second


def _is_number(word: str) -> bool:
    return any(letter.isdigit() for letter in word)


def _asked_weight(atom: str, weights: dict[str, F], alone: frozenset[str]) -> F:
    """That of the first of the words that are most like it."""
    best = max(weights, key=lambda word: _like(atom, word, alone), default=None)
    if best is None or _like(atom, best, alone) == 0:
        return _base_weight(atom)
    return max(weights[best], F(0.3) * _base_weight(atom))


def _score(
    asked: list[str], name: list[str], pairs: list[str | None], weights: dict[str, F], alone: frozenset[str]
) -> F:
    if not asked or not name:
        return F(0)
    of_asked = [_asked_weight(atom, weights, alone) for atom in asked]
    taken = _taken(_matches(asked, of_asked, name, pairs, alone))
    if not taken:
        return F(0)
    rest = sum(weights[atom] for at, atom in enumerate(name) if not any(at in one.name_places() for one in taken))
    score = sum(one.gain for one in taken) / sum(of_asked)
    for at, atom in enumerate(asked):
        if not any(at in one.places() for one in taken):
            score *= F(0.6) if _is_number(atom) else F(0.85) if len(atom) >= 3 else F(1)
    score *= F(1) - F(0.22) * (rest / sum(weights[atom] for atom in name))
    order = [one.name_at for one in sorted(taken, key=lambda one: one.at)]
    turned = sum(a > b for a, b in pairwise(order)) / max(len(order) - 1, 1)
    return min(score * F(1 - 0.04 * turned), F(1))


def _matches(
    asked: list[str], of_asked: list[F], name: list[str], pairs: list[str | None], alone: frozenset[str]
) -> list[Match]:
    joined = F(0.97)
    found = []
    for at, atom in enumerate(asked):
        for name_at, word in enumerate(name):
            like = F(similarity(atom, word))
            found.append(Match(like, of_asked[at] * like, at, 1, name_at, 1))
        for name_at, pair in enumerate(pairs):
            like = F(_like(atom, pair, alone)) * joined if pair else F(0)
            found.append(Match(like, of_asked[at] * like, at, 1, name_at, 2))
    for at, (first, second) in enumerate(pairwise(asked)):
        for name_at, word in enumerate(name):
            like = F(similarity(_joined(first, second), word)) * joined
            found.append(Match(like, (of_asked[at] + of_asked[at + 1]) * like, at, 2, name_at, 1))
    return [one for one in found if one.similarity > 0]


def _taken(matches: list[Match]) -> list[Match]:
    taken: list[Match] = []
    for one in sorted(matches, key=_surest):
        if not any(one.places() & other.places() or one.name_places() & other.name_places() for other in taken):
            taken.append(one)
    return taken


def _surest(one: Match) -> tuple[float, ...]:
    away = abs(one.at - one.name_at)
    return -float(one.similarity), -float(one.gain), one.at, away, one.span, one.name_at, one.name_span


def _like(atom: str, word: str, alone: frozenset[str]) -> float:
    """Two joined are compared as a whole: what one of them is like is itself there."""
    more = 2 if _is_number(atom) else _edits(atom)
    return similarity(atom, word) if word in alone or len(word) <= len(atom) + more else 0.0


def _edits(word: str) -> int:
    return 0 if len(word) <= 2 else 1 if len(word) <= 4 else 2 if len(word) <= 8 else 3


def similarity(mine: str, theirs: str) -> float:
    if mine == theirs:
        return 1.0
    if _is_number(mine) != _is_number(theirs):
        return 0.0
    return _of_numbers(mine, theirs) if _is_number(mine) else _of_words(mine, theirs)


def _of_numbers(mine: str, theirs: str) -> float:  # noqa: PLR0911 (a rule a line)
    if re.search(r"[^\W\d_]{2}", mine) or re.search(r"[^\W\d_]{2}", theirs):
        return 0.0
    if theirs.startswith(mine):
        unit = theirs[len(mine) :]
        return 0.95 if unit in ("b", ".0") else 0.75 if unit.isalpha() else 0.35 if unit.startswith(".") else 0.0
    if mine == theirs + "b":
        return 0.55
    if mine.lstrip("v0") == theirs.lstrip("v0"):
        return 0.93
    if ("." in mine and "." not in theirs) or re.sub(r"\D", "", mine) != re.sub(r"\D", "", theirs):
        return 0.0
    ours, others = re.sub(r"[\d.]", "", mine), re.sub(r"[\d.]", "", theirs)
    if ours == others:
        return 0.9
    return 0.85 if not ours and others == "b" else 0.6 if not ours or not others else 0.0


def _of_words(mine: str, theirs: str) -> float:
    edits = _edits(mine)
    if len(theirs) > len(mine):
        if theirs.startswith(mine):
            return 0.0 if len(mine) == 1 else 0.62 + 0.35 * len(mine) / len(theirs)
        if len(mine) >= 4 and mine in theirs:
            return 0.6
    away = distance(mine, theirs)
    if away > edits:
        return 0.0
    start = 0.04 if mine[0] == theirs[0] else -0.06
    return min(max(1 - away / max(len(mine), len(theirs)) + start, 0.0), 0.96)


def distance(a: str, b: str) -> int:
    """Insertions, deletions, substitutions, and swaps of neighbours: optimal string alignment."""
    rows = [list(range(len(b) + 1))]
    for i in range(1, len(a) + 1):
        row = [i]
        for j in range(1, len(b) + 1):
            least = min(rows[-1][j - 1] + (a[i - 1] != b[j - 1]), rows[-1][j] + 1, row[-1] + 1)
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                least = min(least, rows[-2][j - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]
