"""This terminal session, and what kandil keeps for as long as it lasts.

A session is the system's own (``getsid``): a terminal's window, pane or ssh login with all that is started in it,
subshells and scripts too. Without a terminal it is what ``setsid`` began, such as a service or a job of CI. Later
sessions get its number again, so its name has its leader's start as well, and the boot and namespace that it is of.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from kandil import files, paths
from kandil.errors import FileUnwritable

if TYPE_CHECKING:
    from pathlib import Path

_PROC: Final = "/proc"
_LARGEST_BYTES: Final = 1 << 14
_LOOKED_AT: Final = 200
"""So many other sessions at most are looked at in one run."""
_KEPT_SECONDS: Final = 30 * 86_400
"""What nobody here can know to be over, as of another boot or container, is kept for so long after its last change."""


@dataclass(frozen=True, slots=True)
class _Session:
    user: int
    """Who asks: with `sudo` another session, as its files are another user's."""
    machine: str
    """A boot, and a namespace of processes."""
    number: int
    """0: its leader is outside the namespace."""
    start: str
    """Of its leader, in the system's own unit; empty for one that has ended or cannot be seen."""

    @property
    def name(self) -> str:
        return f"{self.user}-{self.machine}-{self.number}-{self.start}"


@dataclass(frozen=True, slots=True)
class _Process:
    session: int
    terminal: int
    start: str


def folder() -> Path:
    """Where this session's files are, or would be: whoever writes the first one makes it, for its owner alone.

    Where there is none yet, those of sessions that are over go.
    """
    own, sessions = _own(), paths.state_dir() / "sessions"
    with suppress(OSError):
        if own.number and not own.start:
            return sessions / _before_its_leader_ended(own, sessions)
        if not (sessions / own.name).is_dir():
            _remove_ended(own, sessions)
    return sessions / own.name


def model() -> str | None:
    """The model that `use` named last in this session."""
    try:
        return os.fsdecode(files.read(_model_file(), _LARGEST_BYTES)) or None
    except OSError:
        return None


def use(model: str) -> None:
    """`model` is this session's. Raises: FileUnwritable."""
    files.write(_model_file(), os.fsencode(model))


def clear() -> None:
    """This session has no model of its own. Raises: FileUnwritable: it still has."""
    place = _model_file()
    try:
        place.unlink(missing_ok=True)
    except OSError as error:
        raise FileUnwritable(str(place), error.strerror or str(error)) from error


def is_this_process() -> bool:
    """The session ends with this command, as that of ``ssh HOST COMMAND`` and of ``docker exec`` does."""
    return os.getsid(0) == os.getpid()


def _model_file() -> Path:
    return folder() / "model"


def _own() -> _Session:
    process = _process("self")
    number = process.session if process else os.getsid(0)
    if number:
        leader = _process(number)
        start = leader.start if leader else ""
    else:  # as in a container that was given a terminal: what can be told apart is the terminal, and the container
        first = _process(1)
        start = f"{first.start if first else ''}.{process.terminal if process else 0}"
    return _Session(os.geteuid(), _machine(), number, start)


def _machine() -> str:
    try:
        with open(f"{_PROC}/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip().replace("-", "")
        return f"{boot}.{os.stat(f'{_PROC}/self/ns/pid').st_ino}"
    except (OSError, ValueError):  # elsewhere a leader's start is a time, which is of one boot
        return "here"


def _process(number: int | str) -> _Process | None:
    """What is known of a process; None: it has ended, or is not for this one to see."""
    if not os.path.isdir(f"{_PROC}/self"):
        return _process_elsewhere(os.getpid() if number == "self" else int(number))
    try:
        with open(f"{_PROC}/{number}/stat", "rb") as file:
            said = file.read().rpartition(b")")[2].split()  # in the brackets is a name, which may be anything
        return _Process(session=int(said[3]), terminal=int(said[4]), start=said[19].decode("ascii"))
    except (OSError, ValueError, IndexError):
        return None


def _process_elsewhere(number: int) -> _Process | None:
    """As `_process`, where there is no /proc."""
    import psutil  # noqa: PLC0415 - Linux needs none

    try:
        start = psutil.Process(number).create_time()
        return _Process(session=os.getsid(number), terminal=0, start=f"{start:.6f}")
    except (OSError, psutil.Error):
        return None


def _before_its_leader_ended(own: _Session, sessions: Path) -> str:
    """The session's name from when its leader was there: a script goes on where its terminal has been closed.

    No later session has had the number, as no process gets it while one of this session is there.
    """
    with suppress(FileNotFoundError):
        alike = [one for one in os.listdir(sessions) if one.startswith(own.name)]
        return max(alike, key=lambda one: os.stat(sessions / one).st_mtime, default=own.name)
    return own.name


def _remove_ended(own: _Session, sessions: Path) -> None:
    """The folders of sessions that are over go; of very many, some stay for the next run."""
    import shutil  # noqa: PLC0415 - once a session

    try:
        with os.scandir(sessions) as entries:
            found = list(islice(entries, _LOOKED_AT))
    except FileNotFoundError:
        return
    going: set[int] | None = None
    for entry in found:
        other = _named(entry.name)
        if other is None:
            continue
        if other.machine == own.machine and other.user == own.user and other.number:
            leader = _process(other.number)
            if leader is not None and leader.start == other.start:
                continue
            if leader is None:
                going = _sessions() if going is None else going
                if other.number in going:
                    continue
        elif time.time() - entry.stat(follow_symlinks=False).st_mtime < _KEPT_SECONDS:
            continue
        shutil.rmtree(entry.path, ignore_errors=True)


def _named(name: str) -> _Session | None:
    user, machine, number, start = [*name.split("-"), "", "", "", ""][:4]
    if not (user.isdecimal() and number.isdecimal()):
        return None
    return _Session(int(user), machine, int(number), start)


def _sessions() -> set[int]:
    """Of all processes."""
    if os.path.isdir(f"{_PROC}/self"):
        numbers = [int(name) for name in os.listdir(_PROC) if name.isdecimal()]
    else:
        import psutil  # noqa: PLC0415 - Linux needs none

        numbers = psutil.pids()
    return {process.session for number in numbers if (process := _process(number))}
