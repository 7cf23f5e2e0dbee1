"""Which files of a folder may be sent to a model: what git would keep, as text, with nothing secret in it.

What is left out is told with its reason. git is asked, so that a .gitignore means here what it means there.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from kandil.assist import diff, structure
from kandil.assist.git import Git
from kandil.assist.secret_scan import secret_line, secret_name
from kandil.errors import NoRepository, NoSuchPath, RepositoriesMixed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGEST_BYTES: Final = 1 << 20
"""Code that people wrote is smaller."""
_LONGEST_LINE: Final = 5_000
"""Longer ones are made by programs."""
_GENERATED_MARKS: Final = ("@generated", "DO NOT EDIT")
_MARKED_LINES: Final = 10
_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_IGNORED: Final = "named in .gitignore"
_LARGE: Final = f"more than {LARGEST_BYTES:,} bytes"
_LINK: Final = "a link"
_REPOSITORY: Final = "a repository of its own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A text that may be sent."""

    name: str
    """The path from the folder that was asked about, with ``/``."""
    lines: tuple[str, ...]
    """Without their ends; line 1 is the first."""
    changed: frozenset[int] | None = None
    """The lines that a diff adds, from 1; None: all count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file that is not sent."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What of a folder may be sent, and what may not."""

    root: Path
    """The folder that the names start from."""
    files: tuple[Source, ...]
    skipped: tuple[Skipped, ...]


def rooted(paths: Sequence[str]) -> tuple[Path, list[str]]:
    """The top of the repository that all `paths` are in, and the paths from there; of none, of the working directory.

    Where there is no repository, it is the folder that holds them. Links to folders are followed.

    Raises: GitFailed; RepositoriesMixed.
    """
    places = [_place(Path(path)) for path in paths or (".",)]
    folders = dict.fromkeys(_folder(place) for place in places)
    tops = dict.fromkeys(Git(folder).top() for folder in folders)
    if len(tops) > 1:
        raise RepositoriesMixed(*(top or "no repository" for top in list(tops)[:2]))
    (top,) = tops
    root = Path(os.path.commonpath(folders) if top is None else os.path.realpath(top))
    return root, [os.path.relpath(place, root) for place in places] if paths else []


def below(root: Path, paths: Sequence[str]) -> Sources:
    """The files below `paths`, which are below `root`. Raises: GitFailed."""
    with listing(root) as git:
        listed = git.names("ls-files", "-co", "--exclude-standard", "-z", "--", *paths)
        ignored = set(git.names("ls-files", "-ci", "--exclude-standard", "-z", "--", *paths))
        kept = {name.removesuffix("/") for name in listed} - ignored  # with it, it is a repository within this one
        lost = {_named(path) for path in paths if os.path.lexists(root / path)} - _with_folders(kept | ignored)
        ignored.update(_ignored(git, lost))
    found: list[Source | Skipped] = [Skipped(name=name, reason=_IGNORED) for name in ignored]
    found += [Skipped(name=name, reason="there is nothing in it that git would keep") for name in lost - ignored]
    found += [_read(root, name) for name in kept if os.path.lexists(root / name)]
    return _sorted(root, found)


def changed(root: Path, paths: Sequence[str], revision: str | None) -> Sources:
    """What changed since `revision`, as it is on disk; None: what is staged, as it is staged.

    Of a range, `A..B` or `A...B`, what B has. `root` is the top of a repository.

    Raises: GitFailed; NoRepository; NoSuchPath; RevisionUnknown.
    """
    git = Git(root)
    if git.top() is None:
        raise NoRepository(str(root))
    against = ["--cached"] if revision is None else diff.revisions(git, revision)
    for path in paths:
        if not (os.path.lexists(root / path) or diff.is_known(git, against, path)):
            raise NoSuchPath(path)
    on_disk = revision is not None and len(against) == 1
    ignored = set(git.names("ls-files", "-ci", "--exclude-standard", "-z", "--", *paths))
    changes = diff.changes(git, against, paths)
    kept = {} if on_disk else diff.contents(git, [one.object_id for one in changes if one.is_file], LARGEST_BYTES)
    found: list[Source | Skipped] = []
    for one in changes:
        if one.name in ignored or not one.is_file:
            found.append(Skipped(name=one.name, reason=_IGNORED if one.name in ignored else _no_file(one)))
        elif on_disk:
            found.append(_read(root, one.name, one.lines))
        elif (content := kept.get(one.object_id)) is None:
            found.append(Skipped(name=one.name, reason=_LARGE))
        else:
            found.append(_judged(root, one.name, content, one.lines))
    return _sorted(root, found)


def _place(path: Path) -> Path:
    """Where it is. What is no folder may be a link itself."""
    return Path(os.path.realpath(path)) if path.is_dir() else Path(os.path.realpath(path.parent), path.name)


def _folder(place: Path) -> Path:
    return next(folder for folder in (place, *place.parents) if folder.is_dir())


def _ignored(git: Git, names: set[str]) -> list[str]:
    asked = b"".join(b"./" + os.fsencode(name) + b"\0" for name in names)  # what begins with a colon is special
    return [_named(name) for name in git.names("check-ignore", "-z", "--stdin", given=asked, empty=True)]


def _with_folders(names: set[str]) -> set[str]:
    return names | {".", *(str(folder) for name in names for folder in PurePosixPath(name).parents)}


def _no_file(one: diff.Change) -> str:
    if not one.is_merged:
        return "it is not merged"
    return _LINK if one.mode == diff.LINK else _REPOSITORY


def _sorted(root: Path, found: Sequence[Source | Skipped]) -> Sources:
    return Sources(
        root=root,
        files=tuple(sorted((one for one in found if isinstance(one, Source)), key=lambda one: one.name)),
        skipped=tuple(sorted((one for one in found if isinstance(one, Skipped)), key=lambda one: one.name)),
    )


def _named(path: str) -> str:
    return os.path.normpath(path).replace(os.sep, "/")


def _read(root: Path, name: str, lines: frozenset[int] | None = None) -> Source | Skipped:
    path = root / name
    try:
        mode = os.lstat(path).st_mode
        if not stat.S_ISREG(mode):
            reason = _LINK if stat.S_ISLNK(mode) else _REPOSITORY if stat.S_ISDIR(mode) else "no regular file"
            return Skipped(name=name, reason=reason)
        if not path.resolve().is_relative_to(root.resolve()):
            return Skipped(name=name, reason="a link leads out of the folder")
        # between looking and opening it may have become a link, or a pipe
        opened = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(opened, "rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        return Skipped(name=name, reason="it is not on disk")
    except OSError as error:
        return Skipped(name=name, reason=error.strerror or str(error))
    return _judged(root, name, content, lines)


def _judged(root: Path, name: str, content: bytes, changed: frozenset[int] | None) -> Source | Skipped:
    text: str | None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = None if len(content) <= LARGEST_BYTES else ""
    reason = _reason(os.path.join(os.path.realpath(root), name), content, text)
    if reason is not None or text is None:
        return Skipped(name=name, reason=reason or "no UTF-8 text")
    return Source(name=name, lines=tuple(line.removesuffix("\r") for line in text.split("\n")), changed=changed)


def _reason(path: str, content: bytes, text: str | None) -> str | None:  # noqa: PLR0911 - one a reason
    """Why it is not sent; None: it may be."""
    if secret_name(path):
        return "its name is that of a file of secrets"
    if len(content) > LARGEST_BYTES:
        return _LARGE
    if content.startswith(_POINTER):
        return "a pointer of Git LFS"
    if text is None or "\0" in text:
        return "no UTF-8 text"
    lines = text.split("\n")
    if (number := secret_line(lines)) is not None:
        return f"line {number} looks like a key or a password"
    if any(len(line) > _LONGEST_LINE for line in lines):
        return f"generated: a line has more than {_LONGEST_LINE:,} characters"
    if any(mark in line for line in lines[:_MARKED_LINES] for mark in _GENERATED_MARKS):
        return "generated: it says so"
    return None if text.strip() else "empty"


@contextmanager
def listing(root: Path) -> Iterator[Git]:
    """Git in `root`; where that is in no repository, with an empty one that lies elsewhere."""
    git = Git(root)
    if git.top() is not None:
        yield git
        return
    with tempfile.TemporaryDirectory() as elsewhere:
        git.run("init", "--quiet", "--bare", "--template=", elsewhere)
        yield Git(root, "--git-dir", elsewhere, "--work-tree", ".")


def spans(name: str, lines: Sequence[str], most_characters: int) -> Iterator[tuple[int, int]]:
    """First and last line, from 1, of parts that have at most so many characters, a line more at worst.

    A part ends where least is torn, best behind an empty line: between definitions where the language is known, else
    before the line that stands farthest left.
    """
    if sum(len(line) + 1 for line in lines) <= most_characters:
        yield 1, len(lines)
        return
    depths = structure.depths(name, lines) or [_indentation(line) for line in lines]
    first = 0
    while first < len(lines):
        end = first
        room = most_characters
        while end < len(lines) and (room := room - len(lines[end]) - 1) >= 0:
            end += 1
        end = max(end, first + 1)
        if end < len(lines):
            late = range(first + max((end - first) // 2, 1), end + 1)
            end = min(late, key=lambda at: (depths[at], bool(lines[at - 1].strip()), -at), default=end)
        yield first + 1, end
        first = end


def _indentation(line: str) -> int:
    depth = len(line) - len(line.lstrip()) if line.strip() else 1_000
    return depth + 100 * (line.lstrip()[:1] in tuple(")]}"))
