"""A server that fails again and again is left alone for a while, then asked by one call."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from kandil.errors import (
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
    from collections.abc import Callable, Iterator

    from kandil import _core

_SECOND: Final = 1_000_000_000
_FAILED: Final = (
    BodyCut, ConnectFailed, ConnectTimeout, ConnectionLost, ConnectionRefused, FirstByteTimeout, IdleTimeout,
    ProviderFailed, ProviderOverloaded, StreamBroken,
)  # fmt: skip
"""What says that a server does not work. What says that the request, the key or this machine is wrong does not."""


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

    def __init__(self, origin: str, core: _core.Breaker, clock_ns: Callable[[], int]) -> None:
        self.origin = origin
        self._core, self._clock_ns = core, clock_ns

    @property
    def circuit(self) -> Circuit:
        """As it is. Nothing changes."""
        now = self._clock_ns()
        failures, opened = self._core.state(now)
        if opened is None:
            return Circuit("closed", failures)
        since, until = opened
        state: Literal["open", "half-open"] = "open" if now < until else "half-open"
        return Circuit(state, failures, max(now - since, 0) / _SECOND, max(until - now, 0) / _SECOND)

    @contextmanager
    def call(self, *, force: bool = False) -> Iterator[None]:
        """Around a call, whose errors say whether the server works. `force` asks it even while the circuit is open.

        Five failures in a row open it for five seconds, each failed probe for twice as long, a minute at most.

        Raises:
            CircuitOpen: and nothing is to be sent.
        """
        state, since, until = self._core.admit(self._clock_ns())
        if state == "open" and not force:
            now = self._clock_ns()
            failures, _ = self._core.state(now)
            raise CircuitOpen(self.origin, max(now - since, 0) / _SECOND, max(until - now, 0) / _SECOND, failures)
        try:
            yield
        except _FAILED:
            self._core.failed(self._clock_ns())
            raise
        except ProviderRefused:
            self._core.succeeded(self._clock_ns())
            raise
        except BaseException:
            self._core.abandoned(self._clock_ns())
            raise
        self._core.succeeded(self._clock_ns())
