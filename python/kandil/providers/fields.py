"""JSON from somebody who may send anything: what is not of the type that is expected counts as not sent."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from kandil.errors import ReplyUnreadable

Fields = dict[str, Any]

_SHOWN: Final = 120
_LARGEST_NUMBER: Final = 1 << 53


def decoded(content: bytes, provider: str) -> Any:  # noqa: ANN401 (it is JSON)
    """The value. Invalid UTF-8 and halves of surrogate pairs are replaced, NaN is null; the last of equal keys counts.

    Raises:
        ReplyUnreadable: it is no JSON, or is nested too deeply.
    """
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        loose = json.loads(content.decode("utf-8", "replace"), parse_constant=lambda _: None)
        return msgspec.json.decode(json.dumps(loose, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):  # of msgspec's errors, too
        raise ReplyUnreadable(provider, "it is no JSON", begins=shown(content)) from None


def shown(content: bytes) -> str:
    """Its first words on one line, with everything escaped that is not printable ASCII."""
    text = " ".join(content[: 4 * _SHOWN].decode("utf-8", "replace").split())[:_SHOWN]
    return text.encode("unicode_escape").decode("ascii")


def says_refused(value: Fields) -> bool:
    """Whether it is an error that came with a good status: in a stream, or MiniMax's."""
    named = "error" in (value.get("type"), value.get("object"))
    return named or bool(value.get("error")) or table(value, "base_resp").get("status_code") not in (None, 0)


def table(value: object, name: str) -> Fields:
    """The object at `name`; empty where there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def rows(value: object, name: str) -> list[Fields]:
    """The objects in the list at `name`."""
    found = value.get(name) if isinstance(value, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def text(value: Fields, name: str) -> str:
    """The string at `name`; empty where there is none."""
    found = value.get(name)
    return found if isinstance(found, str) else ""


def json_text(value: Fields, name: str) -> str:
    """The JSON at `name`: some servers send it as text, some as it is."""
    found = value.get(name)
    return found if isinstance(found, str) else "" if found is None else msgspec.json.encode(found).decode()


def count(value: Fields, name: str) -> int | None:
    """The whole number at `name`, not negative; servers write some as ``12.0``."""
    found = value.get(name)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < _LARGEST_NUMBER:
        return found
    return None
