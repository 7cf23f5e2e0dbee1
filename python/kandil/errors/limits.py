"""Nothing was sent, because it would have been refused or was pointless."""

from __future__ import annotations

from kandil.errors.root import KandilError


def _time(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min``, ``2 h``."""
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    if seconds < 120:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"  # noqa: PLR2004


class LimitWaitTooLong(KandilError):
    """The limits let the call go in `wait_seconds` at the earliest; its caller waits no longer than `most_seconds`.

    None: that many seconds were waited for other calls, and nobody knows when they end.
    """

    exit_code = 6
    code = "limit-wait-too-long"

    def __init__(self, name: str, wait_seconds: float | None, most_seconds: float) -> None:
        if wait_seconds is None:
            message = f"{name}: other calls left no room within its limits for {_time(most_seconds)}"
            hint = "ask again when they have ended, or take another model"
        else:
            message = (
                f"{name}: no room within its limits for {_time(wait_seconds)}, and {_time(most_seconds)} is waited"
            )
            hint = f"ask again in {_time(wait_seconds)}, or take another model"
        super().__init__(message, hint=hint)
        self.name, self.wait_seconds, self.most_seconds = name, wait_seconds, most_seconds


class CircuitOpen(KandilError):
    """The server failed again and again, and is left alone. It opened `open_seconds` ago; ask in `wait_seconds`."""

    exit_code = 6
    code = "circuit-open"

    def __init__(self, origin: str, open_seconds: float, wait_seconds: float, failures: int) -> None:
        super().__init__(
            f"{origin} is not asked: it failed {failures} times in a row, and was left alone {_time(open_seconds)} ago",
            hint=f"ask again in {_time(wait_seconds)}; `kandil model test NAME` asks it now",
        )
        self.origin, self.open_seconds, self.wait_seconds, self.failures = origin, open_seconds, wait_seconds, failures
