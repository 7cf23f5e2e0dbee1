"""What passes by itself, and how long it is waited for."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import trio

from kandil import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from kandil.errors import KandilError, NetworkError

_FIRST_SECONDS: Final = 0.5
_LONGEST_SECONDS: Final = 30.0
_UNMET_SECONDS: Final = 20.0
"""A server that has never answered is not waited for longer."""
_SAID_SECONDS: Final = 2.0
"""A shorter wait is not spoken of."""
IN_VAIN: Final = 3
"""So often, and it is not chance."""
_PASSING: Final = (
    errors.HostNotFound, errors.ConnectionRefused, errors.NoRoute, errors.ConnectFailed, errors.ConnectTimeout,
    errors.ConnectionLost, errors.SendTimeout, errors.FirstByteTimeout, errors.BodyBroken,
)  # fmt: skip
_PASSING_TLS: Final = {"closed", "handshake"}
_PROXY_REFUSES: Final = range(400, 500)


def is_passing(error: NetworkError) -> bool:
    """Whether it may be otherwise in a moment."""
    if isinstance(error, errors.TlsFailed):
        return error.fault in _PASSING_TLS
    if isinstance(error, errors.ProxyFailed):
        return error.status not in _PROXY_REFUSES
    return isinstance(error, _PASSING)


class TryAgain(Exception):
    """An attempt has ended before its time. `otherwise`: what it is, where that happens again and again.

    `asks_anew`: not from the same address, which may have expired, or have another version now. `met`: somebody has
    answered.
    """

    def __init__(
        self,
        reason: str,
        *,
        wait_seconds: float | None = None,
        otherwise: KandilError | None = None,
        asks_anew: bool = False,
        met: bool = True,
    ) -> None:
        super().__init__(reason)
        self.reason, self.wait_seconds, self.otherwise = reason, wait_seconds, otherwise
        self.asks_anew, self.met = asks_anew, met


class Patience:
    """How long nothing may come. Waits grow, at random, so that many who were cut do not come back at once."""

    def __init__(self, seconds: float, notice: Callable[[str], None]) -> None:
        self._seconds, self._notice = seconds, notice
        self._since = trio.current_time()
        self._seen_bytes = 0
        self.is_met = False
        """The server has answered once."""
        self.in_vain = 0
        """Attempts since the last that has brought something."""

    def begin_anew(self) -> None:
        """What has come so far does not count."""
        self._seen_bytes = 0

    async def wait(self, again: TryAgain, came_bytes: int) -> bool:
        """Until it is time. `came_bytes`: what has come, by which it is seen whether anything did since.

        False: it is over.
        """
        now = trio.current_time()
        if came_bytes > self._seen_bytes:
            self._seen_bytes, self._since, self.in_vain = came_bytes, now, 0
        longest = min(_FIRST_SECONDS * 2**self.in_vain, _LONGEST_SECONDS)
        seconds = max(random.uniform(0, longest), again.wait_seconds or 0.0)  # noqa: S311 (not of secrets)
        self.in_vain += 1
        self.is_met = self.is_met or again.met
        most = self._seconds if self.is_met else min(self._seconds, _UNMET_SECONDS)
        if now + seconds > self._since + most or (again.otherwise and self.in_vain >= IN_VAIN):
            return False
        if seconds >= _SAID_SECONDS:
            self._notice(f"{again.reason}; trying again in {seconds:.0f} s")
        await trio.sleep(seconds)
        return True
