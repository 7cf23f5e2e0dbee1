"""One check: what it looks at, what it found, and what mends it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

import trio

from kandil import config, hardware
from kandil.hardware import Roots
from kandil.registry import store

if TYPE_CHECKING:
    import os

    from kandil.config import Config
    from kandil.hardware import Hardware

State = Literal["ok", "warn", "fail", "unknown"]
DETECTION_SECONDS: Final = 0.44
"""For the hardware's sources; drivers that wake cards have five of it."""
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one check, in one place: a check that finds several things to mend gives several of these."""

    id: str
    """Stable: ``KD-KEY-001``."""
    section: str
    name: str
    """What is looked at, in a word or two."""
    state: State
    """`unknown`: it could not be learned, and `found` says why."""
    found: str
    mend: str | None = None
    """The command or the act that mends it; None where there is nothing to mend."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a probe found in one place."""

    state: State
    text: str
    mend: str | None = None


def ok(text: str) -> Found:
    return Found("ok", text)


def warn(text: str, mend: str | None = None) -> Found:
    return Found("warn", text, mend)


def fail(text: str, mend: str | None = None) -> Found:
    return Found("fail", text, mend)


def unknown(text: str, mend: str | None = None) -> Found:
    return Found("unknown", text, mend)


Answer = Found | Iterable[Found]


@dataclass(frozen=True, slots=True)
class Probe:
    """How one check is made: by `ask`, which blocks unless it is a coroutine function, and changes nothing."""

    id: str
    name: str
    """What is looked at, in a word or two."""
    what: str
    """What is right if nothing is wrong."""
    ask: Callable[[Surroundings], Answer | Awaitable[Answer]]


class Shared(Generic[_Value]):
    """Learned once, by whoever asks first; the others wait, and have the same answer or the same error."""

    def __init__(self, learn: Callable[[], Awaitable[_Value]]) -> None:
        self._learn = learn
        self._lock = trio.Lock()
        self._values: list[_Value] = []
        self._error: Exception | None = None

    async def __call__(self) -> _Value:
        async with self._lock:
            if self._error is not None:
                raise self._error
            if not self._values:
                try:
                    self._values.append(await self._learn())
                except Exception as error:
                    self._error = error
                    raise
            return self._values[0]


class Surroundings:
    """Where the probes look, and what several of them need."""

    def __init__(self, *, roots: Roots | None = None, system: str = sys.platform) -> None:
        self.roots = roots or Roots()
        self.system = system
        """As :data:`sys.platform`."""
        self.threads = trio.CapacityLimiter(100)  # one that hangs holds its place
        detect = partial(hardware.detect, roots=self.roots, system=system, deadline_seconds=DETECTION_SECONDS)
        self.hardware: Shared[Hardware] = Shared(detect)
        self.settings: Shared[Config] = Shared(partial(self.in_thread, config.load))
        """Raises: as `kandil.config.load`."""
        self.records: Shared[store.Records] = Shared(partial(self.in_thread, store.every))
        """Raises: FileUnreadable."""

    async def in_thread(self, ask: Callable[[], _Value]) -> _Value:
        """What `ask` gives, from a thread that is left alone when this is cancelled."""
        return await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=self.threads)


def command(*words: str | os.PathLike[str]) -> str:
    """The words as a shell takes them."""
    return shlex.join(map(str, words))
