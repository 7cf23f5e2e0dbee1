"""JSON on standard output: one object a line, flushed, plain ASCII, valid for the strictest reader."""

from __future__ import annotations

import json
import math
import os
import sys

from kandil.cli.escape import printable
from kandil.secret import redacted


def write_json(value: dict[str, object]) -> None:
    """Prints one line. A key that is in use is not in it, whoever said it."""
    sys.stdout.write(redacted(as_json(value)) + "\n")
    sys.stdout.flush()


def write_report(schema: str, **fields: object) -> None:
    """Prints the one object that a command reports under --json."""
    from kandil import __version__

    write_json({"schema": schema, **fields, "kandil_version": __version__})


def as_json(value: dict[str, object]) -> str:
    """One line of ASCII. Bytes that are not UTF-8 are shown escaped, NaN and infinities as strings."""
    return json.dumps(_plain(value), allow_nan=False).replace("\x7f", "\\u007f")


def _plain(value: object) -> object:
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case str() | os.PathLike():
            return _text(os.fspath(value))
        case dict():
            return {_text(str(key)): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return printable(text)
    return text
