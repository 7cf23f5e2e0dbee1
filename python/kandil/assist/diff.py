"""What git says has changed: files, the lines that are new in them, and their content where it is not on disk."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kandil.errors import GitFailed, RevisionUnknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kandil.assist.git import Git

LINK: Final = "120000"
_REPOSITORY: Final = "160000"
"""git's modes of what is no file."""
_FORMAT: Final = (
    *("--raw", "-p", "-U0", "-z", "--no-abbrev", "--find-renames", "--diff-filter=d"),
    *("--no-ext-diff", "--no-textconv", "--no-color", "--inter-hunk-context=0"),
    *("--ignore-submodules=dirty", "--submodule=short"),
)
"""Whatever the repository's and the user's settings are."""
_SECTION: Final = re.compile(rb"^diff --git ", re.MULTILINE)
_HUNK: Final = re.compile(rb"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_BINARY: Final = re.compile(rb"^Binary files ", re.MULTILINE)
_SECTIONS: Final = {"T": 2, "U": 0}
"""How many the patch has of a file whose kind changed, or that is not merged; of another, one."""
_RANGE: Final = re.compile(r"(?P<old>.*?)(?P<dots>\.{2,3})(?P<new>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A file that is there after the change."""

    name: str
    """From the top of the repository."""
    mode: str
    object_id: str
    """Its new content, where that is not on disk alone."""
    is_merged: bool
    lines: frozenset[int] | None
    """Those that are new, from 1; None: git does not compare them."""

    @property
    def is_file(self) -> bool:
        return self.is_merged and self.mode not in (LINK, _REPOSITORY)


def changes(git: Git, against: Sequence[str], paths: Sequence[str]) -> list[Change]:
    """What differs from, or between, these revisions, or with ``--cached`` what is staged. Raises: GitFailed."""
    raw, _, patch = git.run("diff", *_FORMAT, *against, "--", *paths).partition(b"\0\0")
    words = iter([os.fsdecode(word) for word in raw.split(b"\0") if word])
    listed = []
    for facts in words:
        _, mode, _, object_id, kind = facts.split(" ")
        names = [next(words) for _ in range(2 if kind.startswith("R") else 1)]  # where it was before comes first
        listed.append((mode, object_id, kind, names[-1]))
    sections = _SECTION.split(patch)[1:]
    if len(sections) != sum(_SECTIONS.get(kind, 1) for _, _, kind, _ in listed):
        raise GitFailed("diff", "it compares other files than it lists", hint="is somebody writing to them? ask again")
    made, at = [], 0
    for mode, object_id, kind, name in listed:
        at += _SECTIONS.get(kind, 1)
        lines = None if kind == "U" else _lines(sections[at - 1])  # of two, the last has what is there now
        made.append(Change(name=name, mode=mode, object_id=object_id, is_merged=kind != "U", lines=lines))
    return made


def is_known(git: Git, against: Sequence[str], path: str) -> bool:
    """Whether something is tracked at this path, or was in what is compared. Raises: GitFailed."""
    return bool(git.names("ls-files", "-z", "--", path) or git.names("diff", "--name-only", "-z", *against, "--", path))


def revisions(git: Git, said: str) -> list[str]:
    """The one or, of a range, two objects that a revision names; of none yet, what was before the first commit.

    Raises: GitFailed; RevisionUnknown.
    """
    if one := _commit(git, said):
        return [one]
    if said == "HEAD":
        return [git.run("hash-object", "-t", "tree", os.devnull).decode().strip()]
    named = _RANGE.fullmatch(said)
    ends = [_commit(git, end or "HEAD") for end in named.group("old", "new")] if named else []
    if named is None or not all(ends):
        raise RevisionUnknown(said, is_path=os.path.lexists(said))
    if named["dots"] == "...":
        ends[0] = git.run("merge-base", *ends, empty=True).decode().strip()
        if not ends[0]:
            raise GitFailed("merge-base", f"no commit is before both in {said}", hint="fetch more of the history")
    return ends


def contents(git: Git, objects: Iterable[str], largest_bytes: int) -> dict[str, bytes]:
    """Of those that are there and not larger. Raises: GitFailed."""
    asked = "".join(f"{one}\n" for one in dict.fromkeys(objects)).encode()
    listed = git.run("cat-file", "--batch-check=%(objectname) %(objectsize)", given=asked).decode().splitlines()
    sizes = {one: int(size) for one, size in (line.split(" ") for line in listed) if size.isdigit()}
    small = [one for one, size in sizes.items() if size <= largest_bytes]
    given = git.run("cat-file", "--batch=", given="".join(f"{one}\n" for one in small).encode())
    made, at = {}, 0
    for one in small:
        made[one] = given[at + 1 : at + 1 + sizes[one]]  # between two line ends
        at += sizes[one] + 2
    return made


def _commit(git: Git, revision: str) -> str:
    """Its name; empty: it is none, or a range."""
    named = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", empty=True)
    words = named.decode().split()
    return words[0] if len(words) == 1 else ""


def _lines(section: bytes) -> frozenset[int] | None:
    if _BINARY.search(section):
        return None
    hunks = _HUNK.findall(section)
    return frozenset(at for first, count in hunks for at in range(int(first), int(first) + int(count or 1)))
