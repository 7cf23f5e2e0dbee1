"""The keys of a command's run: a person who is there may unlock the keyring, and no core file has a key."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kandil.credentials import Keys


_OPENED: Final[list[Keys]] = []
"""What was read lives to the end of the process: what is printed when a run is over is searched for it, too."""


def open_keys(*, no_input: bool = False) -> Keys:
    """Of this run; made where trio runs."""
    from kandil.credentials import Keys

    _leave_no_core()
    keys = Keys(on_wait=_say_what_is_waited_for if is_asking(no_input=no_input) else None)
    _OPENED.append(keys)
    return keys


def is_asking(*, no_input: bool = False) -> bool:
    """Somebody is there to ask."""
    return not no_input and sys.stdin.isatty() and sys.stderr.isatty()


def _say_what_is_waited_for(keyring: str) -> None:
    print(f"waiting for {keyring}: it may be asking for its password in a window (Ctrl-C stops)", file=sys.stderr)


def _leave_no_core() -> None:
    """A crash writes no memory to a disk, and gives none to a program that keeps cores.

    A limit of 1 byte is what tells Linux not even to start such a program (fs/coredump.c); 0 forbids only the file.
    PR_SET_DUMPABLE is left alone: without it /proc/self belongs to root, and starting programs becomes slow.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (1 if hard else 0, hard))
