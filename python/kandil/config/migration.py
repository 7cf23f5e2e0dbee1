"""Older configuration files, brought to this version: names change in place, all else stays as it was written."""

from __future__ import annotations

import os
from itertools import chain, count
from typing import TYPE_CHECKING

from kandil import files
from kandil.config import keys
from kandil.config.document import parse, said
from kandil.config.positions import SEGMENT, places

if TYPE_CHECKING:
    from pathlib import Path

    from kandil.config.document import Document


def migrated(document: Document) -> Document:
    """The document as this version has it. Version 1, whose files say no version, had other names for some settings.

    Raises: as `kandil.config.document.said`.
    """
    if document.version == keys.VERSION:
        return document
    said(document)  # both names at once are refused
    text, found = document.text, places(document.text)
    changes = []
    for old, new in keys.RENAMED.items():
        if place := found.get(tuple(old.split("."))):
            segment = SEGMENT.match(text, place.key)
            assert segment is not None
            changes.append((place.key, segment.end(1), new.rpartition(".")[2]))
    if version := found.get(("version",)):
        changes.append((version.value, version.end, str(keys.VERSION)))
    for start, end, replacement in sorted(changes, reverse=True):
        text = text[:start] + replacement + text[end:]
    return parse(document.file, text if version else with_version(text))


def with_version(text: str) -> str:
    """The text with its version in the first line."""
    newline = "\r\n" if has_crlf(text) else "\n"
    return f"version = {keys.VERSION}{newline}{text}"


def has_crlf(text: str) -> bool:
    """Whether every line ends as on Windows."""
    return "\r\n" in text and text.count("\r\n") == text.count("\n")


def back_up(document: Document) -> Path:
    """The file as it was, beside it; an earlier copy is never replaced. For who holds the file's lock.

    Raises:
        FileUnwritable: there is no copy, so nothing may be changed.
    """
    file = document.file.resolve()
    first = file.with_name(f"{file.name}.v{document.version}.bak")
    names = chain([first], (first.with_name(f"{first.name}.{number}") for number in count(1)))
    copy = next(name for name in names if not os.path.lexists(name))
    files.write(copy, file.read_bytes())
    return copy
