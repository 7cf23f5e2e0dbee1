"""How long a provider asks to wait."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from kandil.providers.fields import Fields, rows, table, text

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER: Final = re.compile(r"\d{1,12}(\.\d{0,9})?", re.ASCII)
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{0,9})?)s", re.ASCII)
_MILLISECONDS: Final = 1000.0


def retry_after_seconds(headers: Mapping[str, str], fields: Fields) -> float | None:
    """From ``retry-after-ms``, ``retry-after``, or Google's ``RetryInfo``. Dates are read by the server's clock.

    None: it says nothing that can be read. Never negative. `headers` have lower-case names.
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / _MILLISECONDS
    if given := headers.get("retry-after"):
        seconds = _number(given)
        return _until(given, headers.get("date")) if seconds is None else seconds
    for detail in rows(table(fields, "error"), "details"):
        if found := _DURATION.fullmatch(text(detail, "retryDelay")):
            return float(found[1])
    return None


def _number(given: str | None) -> float | None:
    return float(given) if given and _NUMBER.fullmatch(given.strip()) else None


def _until(date: str, now: str | None) -> float | None:
    then = _moment(date)
    if then is None:
        return None
    seconds = (then - (_moment(now or "") or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _moment(date: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 (slow to load, and hardly ever needed)

    try:
        found = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
