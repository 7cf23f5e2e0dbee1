"""What sources said before, in kandil's cache folder: a convenience, so that nothing here is ever an error."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from kandil import files, paths
from kandil.errors import FileUnwritable, ReplyUnreadable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LARGEST_BYTES: Final = 16 << 20
"""Of an answer. The list of files of the largest repositories has a few MB."""
_ETAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,500}"')
_HEADERS: Final = ("etag", "link")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a source said."""

    body: bytes
    headers: Mapping[str, str]
    """Those that are kept."""
    age_seconds: float = 0.0
    """Since it said so."""

    @property
    def etag(self) -> str | None:
        """None, too, where it is none that could be sent back."""
        said = self.headers.get("etag", "")
        return said if _ETAG.fullmatch(said) else None

    def decoded(self, kind: type[_Value], source: str) -> _Value:
        """Raises: ReplyUnreadable."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ReplyUnreadable(source, f"it is not what such a server answers: {error}") from None


def page(body: bytes, headers: Mapping[str, str]) -> Page:
    """Of an answer that has just come."""
    return Page(body=body, headers={name: headers[name] for name in _HEADERS if name in headers})


def place(url: str, accept: str) -> Path:
    """Where the answer to this is kept."""
    return paths.cache_dir() / "discovery" / f"{hashlib.sha256(f'{accept} {url}'.encode()).hexdigest()[:32]}.json"


def read(place: Path, url: str) -> Page | None:
    """What is kept of the URL. A file that is damaged is as good as none."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said: Any = json.loads(files.read(place, 2 * LARGEST_BYTES))
        age = time.time() - float(said["at"])
        body = said["body"].encode()
        if said["url"] == url and said["sha256"] == hashlib.sha256(body).hexdigest() and 0 <= age < math.inf:
            headers = {str(name): str(value) for name, value in said["headers"].items()}
            return Page(body=body, headers=headers, age_seconds=age)
    return None


def write(place: Path, url: str, page: Page, most_bytes: int) -> None:
    """The page is kept, and the folder has no more than `most_bytes`; if it can be."""
    with suppress(FileUnwritable, OSError, UnicodeDecodeError):
        said = {
            "url": url,
            "at": time.time(),
            "headers": dict(page.headers),
            "sha256": hashlib.sha256(page.body).hexdigest(),
            "body": page.body.decode(),
        }
        files.write(place, json.dumps(said, ensure_ascii=False).encode())
        _prune(place.parent, most_bytes)


def _prune(folder: Path, most_bytes: int) -> None:
    """The oldest go."""
    statuses = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # another has written there, and taken it away
                statuses.append((entry.stat(), entry.path))
    for status, path in sorted(statuses, key=lambda one: one[0].st_mtime, reverse=True):
        most_bytes -= status.st_size
        if most_bytes < 0:
            with suppress(OSError):
                os.unlink(path)
