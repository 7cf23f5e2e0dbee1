"""What is sent: the prompt, what was piped in, files and pictures; and what in it nobody else should see."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from kandil.errors import AttachmentUnusable, PromptEmpty
from kandil.providers.conversation import Image
from kandil.secret import looks_like_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from kandil._core import JsonSchema

LARGEST_TEXT_BYTES: Final = 16 << 20
"""More than any model's context takes."""
LARGEST_IMAGE_BYTES: Final = 20 << 20
"""The largest that any provider of the catalogue takes."""
_MOST_PLACES: Final = 5
_SNIFFED: Final[tuple[tuple[bytes, Literal["image/png", "image/jpeg", "image/gif"]], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A text and where it is from: a path, ``standard input``, ``the prompt``."""

    name: str
    text: str


def text_file(path: Path) -> Part:
    """The text of a file. Raises: AttachmentUnusable."""
    return Part(str(path), decoded(str(path), _content(path, LARGEST_TEXT_BYTES)))


def decoded(name: str, content: bytes) -> str:
    """UTF-8, or UTF-16 with its mark, as text. Raises: AttachmentUnusable."""
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise AttachmentUnusable(
            name, f"it is no UTF-8 text: byte {error.start:,}", hint="`--image` is for pictures"
        ) from error
    if "\0" in text:
        raise AttachmentUnusable(name, "it is no text: it has NUL characters", hint="`--image` is for pictures")
    return text


def image(path: Path) -> Image:
    """The picture in a file: PNG, JPEG, GIF or WebP, told by its first bytes. Raises: AttachmentUnusable."""
    content = _content(path, LARGEST_IMAGE_BYTES)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return Image(content, "image/webp")
    for beginning, media_type in _SNIFFED:
        if content.startswith(beginning):
            return Image(content, media_type)
    raise AttachmentUnusable(str(path), "it is no PNG, JPEG, GIF or WebP picture")


def schema(path: Path) -> dict[str, Any]:
    """The JSON Schema in a file. Raises: AttachmentUnusable."""
    part = text_file(path)
    try:
        said = json.loads(part.text)
    except (ValueError, RecursionError) as error:
        raise AttachmentUnusable(part.name, f"it is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise AttachmentUnusable(part.name, "a JSON Schema is an object")
    compiled(said, part.name)
    return said


def compiled(schema: Mapping[str, Any], name: str = "json_schema") -> JsonSchema:
    """The JSON Schema, ready to check answers. Raises: AttachmentUnusable, with this `name`."""
    from kandil._core import JsonSchema  # noqa: PLC0415 - hardly any question has one

    try:
        return JsonSchema(json.dumps(schema).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise AttachmentUnusable(name, f"it is no JSON Schema: {error}") from error


def composed(question: str, context: Sequence[Part]) -> str:
    """One message: each part between lines that name it, then the question. What is alone stands as it is.

    Raises: PromptEmpty.
    """
    context = [part for part in context if part.text.strip()]
    if not question.strip():
        if not context:
            raise PromptEmpty
        if len(context) == 1:
            return context[0].text
    framed = [f'<document name="{_attribute(part.name)}">\n{part.text.rstrip()}\n</document>' for part in context]
    return "\n\n".join([*framed, question] if question.strip() else framed)


def secrets(parts: Iterable[Part]) -> tuple[tuple[str, int], ...]:
    """Where what looks like a key stands: names of parts, and lines from 1. The first few."""
    found: list[tuple[str, int]] = []
    for part in parts:
        for number, line in enumerate(part.text.splitlines(), 1):
            if looks_like_key(line):
                found.append((part.name, number))
                if len(found) == _MOST_PLACES:
                    return tuple(found)
    return tuple(found)


def _attribute(name: str) -> str:
    return name.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\n", " ")


def _content(path: Path, largest_bytes: int) -> bytes:
    """All of a file, whose size need not be known, as of those in ``/proc``; of a pipe, as of ``<(git diff)``."""
    try:
        kind = os.stat(path).st_mode
        if stat.S_ISDIR(kind):
            raise AttachmentUnusable(str(path), "it is a folder", hint="name its files")
        if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
            raise AttachmentUnusable(str(path), "it is no file")
        with open(path, "rb") as file:
            content = file.read(largest_bytes + 1)
    except OSError as error:
        raise AttachmentUnusable(str(path), error.strerror or str(error)) from error
    if len(content) > largest_bytes:
        raise AttachmentUnusable(str(path), f"it has more than {largest_bytes:,} bytes")
    return content
