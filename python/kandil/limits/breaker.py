"""A server that fails again and again is left alone for a while, then asked by one call."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from kandil.errors import (
    AnswerStalled,
    BodyCut,
    CircuitOpen,
    ConnectFailed,
    ConnectionLost,
    ConnectionRefused,
    ConnectTimeout,
    FirstByteTimeout,
    IdleTimeout,
    ProviderFailed,
    ProviderOverloaded,
    ProviderRefused,
    StreamBroken,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kandil import _core

_SECOND: Final = 1_000_000_000
_FAILED: Final = (
    AnswerStalled, BodyCut, ConnectFailed, ConnectTimeout, ConnectionLost, ConnectionRefused, FirstByteTimeout,
    IdleTimeout, ProviderFailed, ProviderOverloaded, StreamBroken,
)  # fmt: skip
"""What says that a server does not work. What says that the request, the key or this machine is wrong does not."""


def health(error: BaseException) -> Literal["failing", "working", "unknown"]:
    """What an error says about the server that it came from."""
    if isinstance(error, _FAILED):
        return "failing"
    return "working" if isinstance(error, ProviderRefused) else "unknown"


@dataclass(frozen=True, slots=True)
class Circuit:
    """The state of a breaker."""

    state: Literal["closed", "open", "half-open"]
    """Half-open: the next call finds out, or one does now."""
    failures: int = 0
    """One after another."""
    open_seconds: float | None = None
    """Since when it is not closed."""
    wait_seconds: float | None = None
    """Until it is asked again."""


class Breaker:
    """Of one origin, shared by every process of this user: see `Limiter.breaker`."""

    def __init__(self, origin: str, core: _core.Breaker) -> None:
        self.origin, self._core = origin, core

    @property
    def core(self) -> _core.Breaker:
        """For what asks and tells it without Python."""
        return self._core

    @property
    def circuit(self) -> Circuit:
        """As it is. Nothing changes."""
        failures, opened = self._core.state()
        if opened is None:
            return Circuit("closed", failures)
        open_ns, wait_ns = opened
        return Circuit("open" if wait_ns else "half-open", failures, open_ns / _SECOND, wait_ns / _SECOND)

    @contextmanager
    def call(self, *, force: bool = False) -> Iterator[None]:
        """Around a call, whose errors say whether the server works. `force` asks it even while the circuit is open.

        Five failures in a row open it for five seconds, each failed probe for twice as long, a minute at most.

        Raises:
            CircuitOpen: and nothing is to be sent.
        """
        state, open_ns, wait_ns = self._core.admit()
        if state == "open" and not force:
            failures, _ = self._core.state()
            raise CircuitOpen(self.origin, open_ns / _SECOND, wait_ns / _SECOND, failures)
        try:
            yield
        except BaseException as error:
            match health(error):
                case "failing":
                    self._core.failed()
                case "working":
                    self._core.succeeded()
                case "unknown":
                    self._core.abandoned()
            raise
        self._core.succeeded()
