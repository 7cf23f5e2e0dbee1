"""git, asked about a folder that may be anybody's: no program that a repository names is started.

Nothing is fetched into it, and nothing written but git's own record of files that it has looked at. What git runs by
itself, after its manual: file system monitors, hooks, filters, drivers of differences, transports of missing objects.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cached_property
from typing import TYPE_CHECKING, Final

from kandil.errors import GitFailed, GitMissing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SETTINGS: Final = (
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "core.bigFileThreshold=1m",
    "diff.autoRefreshIndex=true",  # else what was only touched is listed as changed
)
_ENVIRONMENT: Final = {
    "LC_ALL": "C",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
_NO_REPOSITORY: Final = "not a git repository (or any"
_OWNER: Final = re.compile(r"dubious ownership in repository at ('.*')")


class Git:
    """git in `folder`; `options` stand before its command."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder, self._options = folder, options

    def run(self, *args: str, given: bytes = b"", empty: bool = False) -> bytes:
        """What it prints, with `given` on its standard input; with `empty`, to exit with 1 says that there is nothing.

        Raises: GitFailed; GitMissing.
        """
        return self._run(self._filters, args, given, empty=empty)

    def names(self, *args: str, given: bytes = b"", empty: bool = False) -> list[str]:
        """As `run`, what it prints with ``-z``, each once. Raises: GitFailed."""
        said = self.run(*args, given=given, empty=empty)
        return list(dict.fromkeys(os.fsdecode(name) for name in said.split(b"\0") if name))

    def top(self) -> str | None:
        """The repository's folder; None: there is none around.

        Raises: GitFailed, also where the repository is said to be a folder that does not hold it.
        """
        try:
            top = os.fsdecode(self._run((), ("rev-parse", "--show-toplevel")).removesuffix(b"\n"))
        except GitFailed as error:
            if _NO_REPOSITORY in error.reason:
                return None
            raise
        # `core.worktree` may name any folder: what is there is not what was cloned
        if "GIT_DIR" not in os.environ and not os.path.lexists(os.path.join(top, ".git")):
            raise GitFailed("rev-parse", f"its files are said to be in {top}, which is not its folder")
        return top

    @cached_property
    def _filters(self) -> tuple[str, ...]:
        """Settings by which the filters are off that the repository itself names; its user's own are not."""
        listing = ("config", "--null", "--show-scope", "--name-only", "--get-regexp", "^filter\\.")
        listed = os.fsdecode(self._run((), listing, empty=True)).split("\0")
        drivers = {
            name.rpartition(".")[0]
            for scope, name in zip(listed[::2], listed[1::2], strict=False)
            if scope in ("local", "worktree")
        }
        if odd := [driver for driver in drivers if "=" in driver]:  # where a setting's value would begin
            raise GitFailed("config", f"the repository has a setting that cannot be turned off: {odd[0]}")
        return tuple(
            f"{driver}.{key}"
            for driver in sorted(drivers)
            for key in ("clean=", "smudge=", "process=", "required=false")
        )

    def _run(self, settings: Iterable[str], args: tuple[str, ...], given: bytes = b"", *, empty: bool = False) -> bytes:
        said = [word for one in (*_SETTINGS, *settings) for word in ("-c", one)]
        literal = () if args[0] == "check-ignore" else ("--literal-pathspecs",)  # it knows no others
        command = ["git", *said, *literal, *self._options, *args]
        try:
            done = subprocess.run(  # noqa: S603 - git, as the user's PATH has it
                command, cwd=self._folder, input=given, capture_output=True, check=False, env=os.environ | _ENVIRONMENT
            )
        except OSError as error:
            if shutil.which("git") is None:
                raise GitMissing from error
            raise GitFailed(args[0], error.strerror or str(error)) from error
        if done.returncode not in (0, int(empty)):
            raise _failed(args[0], done.stderr.decode(errors="replace"))
        return done.stdout


def _failed(command: str, said: str) -> GitFailed:
    reason = said.strip().split("\n", maxsplit=1)[0].removeprefix("fatal: ").removeprefix("error: ")
    owned = _OWNER.search(reason)
    hint = f"if you trust its owner: git config --global --add safe.directory {owned[1]}" if owned else None
    return GitFailed(command, reason, hint=hint)
