"""Why a model was not loaded, from what llama.cpp says: its words are for people, and change."""

from __future__ import annotations

import re
import signal
from typing import Final

from kandil.errors import LoadOutOfMemory, LocalModelBroken, LocalServerFailed

_MEMORY: Final = ("bad_alloc", "out of memory", "failed to allocate", "unable to allocate", "OutOfDeviceMemory")
_BROKEN: Final = (
    "corrupted",
    "incomplete",
    "invalid magic",
    "not within the file bounds",
    "failed to read",
    "duplicate",
)
_TOLD: Final = re.compile(r"[\d.]+ E (.*)")
"""Of errors, behind the clock."""
_LINES: Final = 12


def failure(model: str, said: str, exit_code: int | None, log: bytes) -> LocalServerFailed:
    """The error for a server that did not load `model`; `exit_code` is None for one that has told why, in `said`."""
    lines = log.decode("utf-8", "replace").splitlines()
    told = [match[1] for line in lines if (match := _TOLD.match(line))]
    last = tuple(dict.fromkeys(told or lines))[-_LINES:]
    everything = "\n".join((said, *lines))
    if exit_code == -signal.SIGKILL:
        return LoadOutOfMemory(model, "it was killed, as the system does where memory runs out", last)
    if any(sign in everything for sign in _MEMORY):
        return LoadOutOfMemory(model, "it needs more memory than there is", last)
    if any(sign in everything for sign in _BROKEN):
        return LocalModelBroken(model, "the file is broken", last)
    if "unknown model architecture" in everything:
        return LocalServerFailed(model, "this llama.cpp does not know its architecture", last)
    if said:
        return LocalServerFailed(model, "it could not load the model", last)
    ended = signal.Signals(-exit_code).name if exit_code is not None and exit_code < 0 else f"exit code {exit_code}"
    return LocalServerFailed(model, f"it ended while it loaded the model ({ended})", last)
