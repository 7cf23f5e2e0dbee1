"""Names that the user gives to models, and the names of the files that their records are in."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from kandil.errors import NameUnusable

SUFFIX: Final = ".metadata.json"
LONGEST_NAME: Final = 200
"""Characters."""
_LONGEST_STEM: Final = 180
"""Bytes. While a file is written it has a longer name beside it, and file systems take 255."""
_NOT_PLAIN: Final = re.compile(rb"[^a-z0-9._+=@,-]")
_DEVICE: Final = re.compile(rb"(?:con|prn|aux|nul|(?:com|lpt)[0-9])(?:\.|$)")
"""What Windows takes for a device, whatever follows the dot."""


def checked(name: str) -> str:
    """The name, which can be a model's: one can type it, see all of it, and give it to a command.

    Raises:
        NameUnusable: it cannot be one.
    """
    if not name.strip():
        raise NameUnusable(name, "it is empty")
    if len(name) > LONGEST_NAME:
        raise NameUnusable(f"{name[:40]}…", f"it has {len(name)} characters, and {LONGEST_NAME} are allowed")
    if not name.isprintable():
        raise NameUnusable(name, "it has characters that cannot be seen")
    if name != " ".join(name.split()):
        raise NameUnusable(name, "it begins or ends with a space, or has several together")
    if name.startswith("-"):
        raise NameUnusable(name, "it begins with -, as options do")
    if not unicodedata.is_normalized("NFC", name):
        raise NameUnusable(name, "it has letters and their accents apart, where Unicode has them in one (NFC)")
    return name


def file_name(name: str) -> str:
    """The file of a model's record: another for each name, on file systems of every kind.

    Lower-case letters, digits and a few signs stand for themselves, every other byte is ``%`` and two hexadecimal
    digits; so is the first where the file would be hidden, or a device. What is too long ends in its SHA-256 instead.
    """
    data = name.encode("utf-8", "surrogatepass")
    stem = _NOT_PLAIN.sub(_escaped, data)
    if stem.startswith(b".") or _DEVICE.match(stem):
        stem = b"%%%02x" % stem[0] + stem[1:]
    if len(stem) > _LONGEST_STEM:
        from hashlib import sha256  # noqa: PLC0415 - few names are that long

        digest = sha256(data).hexdigest().encode()
        stem = stem[: _LONGEST_STEM - len(digest) - 1] + b"~" + digest
    return stem.decode() + SUFFIX


def _escaped(found: re.Match[bytes]) -> bytes:
    return b"%%%02x" % found[0][0]
