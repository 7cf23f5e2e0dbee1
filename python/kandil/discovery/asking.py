"""Sources are asked with a deadline, and what they said is kept for as long as the settings say."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import trio

from kandil import files, http, paths
from kandil.errors import FileUnwritable, NotCached, ReplyUnreadable, SourceRefused
from kandil.http import urls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kandil.config import Config
    from kandil.secret import Secret

HUGGINGFACE: Final = "https://huggingface.co"
REGISTRY: Final = "https://registry.ollama.ai"
LARGEST_BYTES: Final = 16 << 20
"""The list of files of the largest repositories has a few MB."""
TIMEOUTS: Final = http.Timeouts(connect_seconds=8, first_byte_seconds=15, idle_seconds=15, total_seconds=40)
_AUTH: Final = ("authorization", "Bearer")
_NOT_MODIFIED: Final = 304
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a source said."""

    body: bytes
    headers: Mapping[str, str]
    age_seconds: float = 0.0
    """Since it said so."""

    def decoded(self, kind: type[_Value], source: str) -> _Value:
        """Raises: ReplyUnreadable."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ReplyUnreadable(source, f"it is not what such a server answers: {error}") from None


@dataclass(slots=True)
class Asker:
    """Asks sources, or what is kept of their answers."""

    client: http.Client
    settings: Config
    offline: bool = False
    """Nothing is asked; what is kept is taken, however old."""
    refresh: bool = False
    """What is kept is not taken."""
    oldest_seconds: float = field(default=0.0)
    """The age of the oldest answer that was kept."""

    def base_url(self, source: str) -> str:
        """Where the user's settings say that it is, else where it is for everybody."""
        usual = {"huggingface": HUGGINGFACE, "ollama-registry": REGISTRY}[source]
        said = self.settings.sources.get(source)
        return ((said.base_url if said else None) or usual).rstrip("/")

    async def get(self, url: str, *, name: str, accept: str = "application/json", secret: Secret | None = None) -> Page:
        """What `url` says; `name` is who answers there, for errors. What is asked with a key is not kept.

        Raises:
            NotCached: offline, and nothing is kept.
            SourceRefused: it answers with an error.
            NetworkError: it does not answer.
        """
        place = _place(url, accept)
        kept = None if self.refresh or secret else await trio.to_thread.run_sync(_kept, place, url)
        if kept and (self.offline or kept.age_seconds <= self.settings.cache.ttl_seconds):
            self.oldest_seconds = max(self.oldest_seconds, kept.age_seconds)
            return kept
        if self.offline:
            raise NotCached(name)
        headers = {"accept": accept}
        if kept and (etag := kept.headers.get("etag")):
            headers["if-none-match"] = etag
        auth = _AUTH if secret else None
        async with self.client.send("GET", url, headers=headers, auth=auth, secret=secret, timeouts=TIMEOUTS) as reply:
            if kept and reply.status == _NOT_MODIFIED:
                page = Page(body=kept.body, headers=kept.headers)
            else:
                body = await reply.read(LARGEST_BYTES)
                if not 200 <= reply.status < 300:  # noqa: PLR2004 - HTTP's
                    raise SourceRefused(name, urls.parse(reply.url).host, reply.status, dict(reply.headers))
                page = Page(body=body, headers={key: reply.headers[key] for key in _KEPT if key in reply.headers})
        if not secret:
            await trio.to_thread.run_sync(self._keep, place, url, page)
        return page

    def _keep(self, place: Path, url: str, page: Page) -> None:
        said = {
            "url": url,
            "at": time.time(),
            "headers": dict(page.headers),
            "body": page.body.decode("utf-8", "replace"),
        }
        with suppress(FileUnwritable, OSError):  # it is only a convenience
            files.write(place, json.dumps(said).encode())
            _prune(place.parent, self.settings.cache.max_size_mb * 1_000_000)


_KEPT: Final = ("etag", "link", "docker-content-digest", "x-repo-commit")


def _place(url: str, accept: str) -> Path:
    return paths.cache_dir() / "discovery" / f"{hashlib.sha256(f'{accept} {url}'.encode()).hexdigest()[:32]}.json"


def _kept(place: Path, url: str) -> Page | None:
    """A file that is damaged is as good as none."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said: Any = json.loads(files.read(place, 2 * LARGEST_BYTES))
        age = time.time() - float(said["at"])
        if said["url"] == url and age >= 0:
            headers = {str(key): str(value) for key, value in said["headers"].items()}
            return Page(body=said["body"].encode(), headers=headers, age_seconds=age)
    return None


def _prune(folder: Path, most_bytes: int) -> None:
    """The oldest go until no more is kept than the settings allow."""
    found = sorted(
        ((entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in os.scandir(folder)), reverse=True
    )
    total = 0
    for _, size, path in found:
        total += size
        if total > most_bytes:
            with suppress(OSError):
                os.unlink(path)
