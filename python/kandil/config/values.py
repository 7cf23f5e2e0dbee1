"""What a setting's value may be: checked where it was read, parsed where it was typed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kandil.config.keys import Setting, Value

LONGEST_TEXT: Final = 100_000
_LOOPBACK: Final = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and newline
_SHOWN: Final = 60
_HUGE: Final = 10**30


_EXPECTED: Final = {
    "flag": "true or false",
    "text": "a text",
    "url": "an https:// address (http:// only on this machine) without name, password, query and fragment",
    "path": "a path",
    "paths": "a path, or a list of paths",
}


def expected(setting: Setting) -> str:
    """What the setting takes, in words."""
    if setting.kind == "choice":
        why = f" ({setting.doc.rstrip('.')})" if len(setting.choices) == 1 else ""
        return " or ".join(map(shown, setting.choices)) + why
    if setting.kind in ("whole", "number"):
        words = "a whole number" if setting.kind == "whole" else "a number"
        least = f"above {setting.low}" if setting.above else f"from {setting.low}"
        return f"{words} {least} to {setting.high}"
    return _EXPECTED[setting.kind]


def written(value: object) -> str:
    """A value as TOML has it, but for what cannot be seen, which is for who shows it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escapes = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"))
        for character, escape in escapes:
            value = value.replace(character, escape)
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, int) and abs(value) > _HUGE:  # Python refuses to write very large ones
        return "a number of many digits"
    return "a table" if isinstance(value, dict) else str(value)


def shown(value: object) -> str:
    """A value as TOML has it, shortened for a message."""
    text = written(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def mistaken(setting: Setting, value: object) -> str:
    """What was expected, and not that; an address that may have a password or a key in it is not repeated."""
    if setting.kind == "url" and isinstance(value, str) and set(value) & set("@?#"):
        return f"expected {expected(setting)}"
    return f"expected {expected(setting)}, not {shown(value)}"


def is_valid(setting: Setting, value: object) -> bool:
    match setting.kind:
        case "flag":
            return isinstance(value, bool)
        case "choice":
            return any(value == choice and type(value) is type(choice) for choice in setting.choices)
        case "whole" | "number":
            kinds = (int,) if setting.kind == "whole" else (int, float)
            return isinstance(value, kinds) and not isinstance(value, bool) and _within(setting, value)
        case "url":
            return isinstance(value, str) and _is_address(value)
        case "paths":
            return _is_text(value) or (isinstance(value, list) and bool(value) and all(map(_is_text, value)))
        case _:
            return _is_text(value)


def _within(setting: Setting, number: float) -> bool:
    assert setting.low is not None
    assert setting.high is not None
    return setting.low <= number <= setting.high and not (setting.above and number == setting.low)


def _is_text(value: object) -> bool:
    """Something to read, without control characters: it comes to terminals and into requests."""
    return isinstance(value, str) and bool(value.strip()) and len(value) <= LONGEST_TEXT and not _CONTROL.search(value)


def _is_address(value: str) -> bool:
    from urllib.parse import urlsplit  # noqa: PLC0415 - few files say an address

    if not value.isascii() or not value.isprintable() or set(value) & set(' \\<>"?#'):
        return False
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port  # a port that is no number raises
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _LOOPBACK.fullmatch(host) is not None)


def parsed(setting: Setting, text: str) -> Value:
    """The value that was typed. Raises: ValueError, which says what was expected; never for a text."""
    value: Value = text
    try:
        if setting.kind == "flag" or (setting.kind == "choice" and text in ("true", "false")):
            value = {"true": True, "false": False}[text.lower()]
        elif setting.kind == "whole":
            value = int(text.replace("_", ""))
        elif setting.kind == "number":
            value = float(text) if not re.fullmatch(r"[+-]?\d+", text, re.ASCII) else int(text)
    except (KeyError, ValueError):
        value = text
    if not is_valid(setting, value):
        raise ValueError(mistaken(setting, text))
    return value
