"""What a provider says of an error, wherever in its JSON it says it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kandil.providers.fields import Fields, count, rows, table, text
from kandil.providers.retry_after import retry_after_seconds
from kandil.secret import without_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST: Final = 400
_REQUEST_IDS: Final = ("x-request-id", "request-id", "x-ds-trace-id", "cf-ray")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An error as a provider words it."""

    status: int | None
    """HTTP's; inside a stream the error's own code, where it is such a status."""
    message: str = ""
    """At most 400 letters, and nothing in it that looks like a key."""
    codes: frozenset[str] = frozenset()
    """Codes, types and reasons, in lower case."""
    parameter: str | None = None
    retry_after_seconds: float | None = None
    request_id: str | None = None
    base_code: int | None = None
    """MiniMax's ``base_resp.status_code``."""
    tokens: tuple[int | None, int | None] = (None, None)
    """llama.cpp's counts: of the prompt, of the context."""


def read(found: object, status: int | None, headers: Mapping[str, str]) -> Said:
    """`found` is the JSON of an answer, or its text where that is none."""
    if isinstance(found, list):  # Gemini's streams
        found = found[0] if found else {}
    if not isinstance(found, dict):
        message = found if isinstance(found, str) else ""
        return Said(
            status=status,
            message=_safe(message),
            retry_after_seconds=retry_after_seconds(headers, {}),
            request_id=_request_id({}, headers),
        )
    inner = table(found, "error")
    codes = frozenset(_codes(found, inner))
    if status is None:
        status = next((int(code) for code in codes if len(code) == 3 and code[0] in "45" and code.isdecimal()), None)  # noqa: PLR2004
    return Said(
        status=status,
        message=_safe(_message(found, inner)),
        codes=codes,
        parameter=_safe(text(inner, "param") or text(found, "param")) or None,
        retry_after_seconds=retry_after_seconds(headers, found),
        request_id=_request_id(found, headers),
        base_code=count(table(found, "base_resp"), "status_code"),
        tokens=(count(inner, "n_prompt_tokens"), count(inner, "n_ctx")),
    )


def _message(found: Fields, inner: Fields) -> str:
    upstream = text(table(inner, "metadata"), "raw")  # OpenRouter's, of who really answered
    message = text(inner, "message") or text(found, "error") or text(found, "message") or text(found, "detail")
    if not message:
        message = text(table(found, "base_resp"), "status_msg") or text(found, "title")
    if not message:
        invalid = rows(found, "detail") or rows(table(found, "message"), "detail") or rows(found, "errors")
        message = "; ".join(_place(one) for one in invalid[:3])
    return f"{message}: {upstream}" if upstream else message


def _place(invalid: Fields) -> str:
    """FastAPI's way to say what it does not take, and where that stands."""
    where = invalid.get("loc")
    place = ".".join(str(part) for part in where if isinstance(part, (str, int))) if isinstance(where, list) else ""
    said = text(invalid, "msg") or text(invalid, "message")
    return f"{place}: {said}" if place else said


def _codes(found: Fields, inner: Fields) -> Iterator[str]:
    for one in (inner, found, *rows(inner, "details"), *rows(inner, "errors")):
        for name in ("code", "type", "status", "reason"):
            value = one.get(name)
            if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
                yield str(value)[:80].lower()
        yield from (text(violation, "quotaId")[:80].lower() for violation in rows(one, "violations"))  # Gemini


def _request_id(found: Fields, headers: Mapping[str, str]) -> str | None:
    given = text(found, "request_id") or next((headers[name] for name in _REQUEST_IDS if headers.get(name)), "")
    return _safe(given[:80]) or None


def _safe(said: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in said[: 4 * _LONGEST])
    bare = " ".join(without_keys(printable).split())
    return bare if len(bare) <= _LONGEST else bare[:_LONGEST] + "…"
