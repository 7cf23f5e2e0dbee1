"""Which files of a folder may be sent to a model: what git would keep, as text, with nothing secret in it.

What is left out is told with its reason. git is asked, so that a .gitignore means here what it means there.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kandil.assist import structure
from kandil.errors import GitFailed
from kandil.secret import looks_like_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGEST_BYTES: Final = 1 << 20
"""Code that people wrote is smaller."""
_LONGEST_LINE: Final = 5_000
"""Longer ones are made by programs."""
_GENERATED_MARKS: Final = ("@generated", "DO NOT EDIT")
_MARKED_LINES: Final = 10
_SECRET_NAMES: Final = re.compile(
    r"\.env(\..*)?|\.netrc|\.npmrc|\.pypirc|id_(rsa|dsa|ecdsa|ed25519)|.*\.(pem|key|p12|pfx|keystore|jks)",
    re.IGNORECASE,
)
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_HUNK: Final = re.compile(rb"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_QUIET: Final = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "--literal-pathspecs")
"""Names as they are, and no monitor of the repository's choice is started."""


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

    files: tuple[Source, ...]
    skipped: tuple[Skipped, ...]


def below(root: Path, paths: Sequence[str]) -> Sources:
    """The files below `paths`, which are below `root`. Raises: GitFailed."""
    with _listing(root) as git:
        kept = git.names("ls-files", "-co", "--exclude-standard", "-z", "--", *paths)
        ignored = set(git.names("ls-files", "-ci", "--exclude-standard", "-z", "--", *paths))
    ignored |= {name for path in paths if os.path.lexists(root / path) and (name := _named(path)) and name not in kept}
    # a folder that was named is nothing that could be sent itself
    ignored = {name for name in ignored if not (root / name).is_dir()}
    found: list[Source | Skipped] = [Skipped(name=name, reason="named in .gitignore") for name in sorted(ignored)]
    found += [_read(root, name) for name in sorted(set(kept) - ignored) if os.path.lexists(root / name)]
    return _sorted(found)


def changed(root: Path, paths: Sequence[str], revision: str | None) -> Sources:
    """What changed since `revision`, as it is on disk; None: what is staged, as it is staged. Raises: GitFailed."""
    git = _Git(root, ())
    against = ("--cached",) if revision is None else ("--end-of-options", revision)
    plain = ("diff", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-color", "--relative", "--diff-filter=AM")
    ignored = set(git.names("ls-files", "-ci", "--exclude-standard", "-z", "--", *paths))
    found: list[Source | Skipped] = []
    for name in git.names(*plain, "--name-only", "-z", *against, "--", *paths):
        if name in ignored:
            found.append(Skipped(name=name, reason="named in .gitignore"))
            continue
        hunks = _HUNK.findall(git.run(*plain, "-U0", *against, "--", name))
        lines = frozenset(at for first, count in hunks for at in range(int(first), int(first) + int(count or 1)))
        if revision is None:
            link = git.run("ls-files", "-s", "-z", "--", name).startswith((b"120000", b"160000"))
            content = git.run("show", f":./{name}")
            one = Skipped(name=name, reason="a link") if link else _judged(name, content, lines)
        else:
            one = _read(root, name, lines)
        found.append(one)
    return _sorted(found)


def _sorted(found: Sequence[Source | Skipped]) -> Sources:
    return Sources(
        files=tuple(one for one in found if isinstance(one, Source)),
        skipped=tuple(one for one in found if isinstance(one, Skipped)),
    )


def _named(path: str) -> str:
    return os.path.normpath(path).replace(os.sep, "/")


def _read(root: Path, name: str, lines: frozenset[int] | None = None) -> Source | Skipped:
    path = root / name
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return Skipped(name=name, reason="no regular file")
        if not path.resolve().is_relative_to(root.resolve()):
            return Skipped(name=name, reason="a link leads out of the folder")
        # between looking and opening it may have become a link, or a pipe
        opened = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(opened, "rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        return Skipped(name=name, reason=error.strerror or str(error))
    return _judged(name, content, lines)


def _judged(name: str, content: bytes, changed: frozenset[int] | None) -> Source | Skipped:
    text: str | None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = None if len(content) <= LARGEST_BYTES else ""
    reason = _reason(name, content, text)
    if reason is not None or text is None:
        return Skipped(name=name, reason=reason or "no UTF-8 text")
    return Source(name=name, lines=tuple(line.removesuffix("\r") for line in text.split("\n")), changed=changed)


def _reason(name: str, content: bytes, text: str | None) -> str | None:  # noqa: PLR0911 - one a reason
    """Why it is not sent; None: it may be."""
    if _SECRET_NAMES.fullmatch(name.rpartition("/")[2]):
        return "its name is that of a file of secrets"
    if len(content) > LARGEST_BYTES:
        return f"more than {LARGEST_BYTES:,} bytes"
    if text is None or "\0" in text:
        return "no UTF-8 text"
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if looks_like_key(line) or _PRIVATE_KEY.search(line):
            return f"line {number} looks like a key"
    if any(len(line) > _LONGEST_LINE for line in lines):
        return f"generated: a line has more than {_LONGEST_LINE:,} characters"
    if any(mark in line for line in lines[:_MARKED_LINES] for mark in _GENERATED_MARKS):
        return "generated: it says so"
    return None if text.strip() else "empty"


class _Git:
    def __init__(self, root: Path, more: Sequence[str]) -> None:
        self._root, self._more = root, more

    def run(self, *args: str) -> bytes:
        """Raises: GitFailed."""
        command = ["git", *_QUIET, *self._more, *args]
        try:
            done = subprocess.run(command, cwd=self._root, capture_output=True, check=False)  # noqa: S603 - git
        except OSError as error:
            raise GitFailed(args[0], error.strerror or str(error)) from error
        if done.returncode:
            raise GitFailed(args[0], done.stderr.decode(errors="replace").strip())
        return done.stdout

    def names(self, *args: str) -> list[str]:
        return list(dict.fromkeys(os.fsdecode(name) for name in self.run(*args).split(b"\0") if name))


class _listing:  # noqa: N801 - a context, as contextlib's are
    """git in `root`; where that is in no repository, with an empty one that lies elsewhere."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._elsewhere: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> _Git:
        git = _Git(self._root, ())
        try:
            git.run("rev-parse", "--show-toplevel")
        except GitFailed:
            self._elsewhere = tempfile.TemporaryDirectory()
            git.run("init", "--quiet", "--bare", self._elsewhere.name)
            return _Git(self._root, ("--git-dir", self._elsewhere.name, "--work-tree", "."))
        return git

    def __exit__(self, *_: object) -> None:
        if self._elsewhere is not None:
            self._elsewhere.cleanup()


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
