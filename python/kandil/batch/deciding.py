"""What becomes of a row that got no answer, by what is known of the provider's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from kandil.completions import holds_for_all
from kandil.errors import (
    ContextExceeded,
    KandilError,
    ProviderRefused,
    RateLimited,
    ReplyTooLarge,
    RequestInvalid,
)
from kandil.limits import health

if TYPE_CHECKING:
    from kandil.limits import Bucket

_ITS_OWN: Final = (ContextExceeded, ReplyTooLarge, RequestInvalid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`wait_seconds` is of this row alone, `floor_seconds` of all rows that go to the same model."""

    verdict: Literal["retry", "fail", "stop"]
    health: Literal["working", "failing", "unknown"]
    wait_seconds: float = 0
    floor_seconds: float | None = None
    error: KandilError


def decide(error: KandilError, bucket: Bucket, *, retry_limited: bool) -> Decision:
    """What is to be done about a row whose request ended with `error`.

    A refusal for too many requests holds back every row, and counts against none of them, unless the user does not
    want them sent again.
    """
    state = health(error)
    if isinstance(error, RateLimited):
        floor = bucket.pause_seconds(error.retry_after_seconds)
        verdict: Literal["retry", "fail"] = "retry" if retry_limited else "fail"
        return Decision(verdict=verdict, health=state, floor_seconds=floor, error=error)
    if holds_for_all(error):
        return Decision(verdict="stop", health=state, error=error)
    if isinstance(error, _ITS_OWN) or (isinstance(error, ProviderRefused) and not error.retryable):
        return Decision(verdict="fail", health=state, error=error)
    asked = getattr(error, "retry_after_seconds", None)
    return Decision(verdict="retry", health=state, wait_seconds=asked or 0, floor_seconds=asked, error=error)
