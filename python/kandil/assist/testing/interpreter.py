"""The Python that a project's tests run with, and what it must be able to read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kandil.errors import NoInterpreter

_OF_PROJECT: Final = (".venv", "venv")
_HOME: Final = re.compile(r"^home\s*=\s*(.+?)\s*$", re.MULTILINE)
_KEPT: Final = ("bin", "lib", "lib64", "share", "pyvenv.cfg")
"""Of a prefix, which may be a folder with much else in it, as somebody's home."""
_ASK_SECONDS: Final = 30.0
_SELF: Final = "import sys; print(sys.executable)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """`readable`: its files, beside the system's."""

    executable: str
    readable: tuple[str, ...]


def found(named: str | None, *projects: Path) -> Interpreter:
    """The Python that was named, else a project's own, else the active one, else the first on the path.

    A project's own is looked at and not started: a cloned repository may have any program there.

    Raises: NoInterpreter.
    """
    if named is not None:
        return _of(_started(named))
    for project in projects:
        for folder in _OF_PROJECT:
            own = project / folder / "bin" / "python"
            if own.is_file() and (project / folder / "pyvenv.cfg").is_file():
                return _of(own)
    if active := os.environ.get("VIRTUAL_ENV"):
        return _of(Path(active, "bin", "python"))
    return _of(_started("python3"))


def _started(named: str) -> Path:
    """Where it really is: what is on the path may be a script that chooses one. It is the user's own.

    Raises: NoInterpreter.
    """
    program = shutil.which(named)
    if program is None:
        raise NoInterpreter(named, "there is no such program")
    try:
        done = subprocess.run(  # noqa: S603
            [program, "-I", "-c", _SELF], capture_output=True, timeout=_ASK_SECONDS, check=False, text=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise NoInterpreter(named, str(error)) from error
    said = done.stdout.strip()
    if done.returncode or not Path(said).is_absolute():
        raise NoInterpreter(named, done.stderr.strip()[-300:] or "it is no Python")
    return Path(said)


def _of(executable: Path) -> Interpreter:
    """Raises: NoInterpreter."""
    if not executable.is_file():
        raise NoInterpreter(str(executable), "it is not there")
    executable = Path(os.path.abspath(executable))  # what it links to is another Python
    prefixes = [executable.parent.parent, executable.resolve().parent.parent]
    try:
        if home := _HOME.search((prefixes[0] / "pyvenv.cfg").read_text(errors="replace")):
            prefixes += [Path(home[1]).parent, Path(home[1]).resolve().parent]
    except OSError:
        pass
    readable = [str(prefix / kept) for prefix in dict.fromkeys(prefixes) for kept in _KEPT]
    return Interpreter(executable=str(executable), readable=tuple(readable))
