"""Sources are asked, and what they said is kept for as long as the settings say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

import trio

from kandil import http
from kandil.discovery import kept
from kandil.discovery.kept import LARGEST_BYTES, Page
from kandil.errors import KandilError, NotCached, ReplyUnreadable, SourceRefused, UrlUnusable
from kandil.http import urls
from kandil.http.bearer import anonymous_token

if TYPE_CHECKING:
    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.secret import Secret

HUGGINGFACE: Final = "https://huggingface.co"
REGISTRY: Final = "https://registry.ollama.ai"
MOST_PAGES: Final = 20
_TIMEOUTS: Final = http.Timeouts(connect_seconds=8, first_byte_seconds=15, idle_seconds=15, total_seconds=40)
_AUTH: Final = ("authorization", "Bearer")
_NOT_MODIFIED: Final = 304
HIDDEN: Final = {401, 403, 404}
"""How servers answer to who may not see something: some do not say that it is there."""
_NEXT: Final = re.compile(r'<([^<>]{1,8000})>\s*;\s*rel="?next"?')


@dataclass(slots=True)
class Asker:
    """Asks sources, or what is kept of their answers."""

    client: http.Client
    settings: Config
    keys: Keys | None = None
    offline: bool = False
    """Nobody is asked; what is kept is taken, however old."""
    refresh: bool = False
    """Everybody is asked, whatever is kept."""
    oldest_seconds: float = 0.0
    """The age of the oldest answer that was kept."""

    def base_url(self, source: str) -> str:
        """Where the user's settings say that it is, else where it is for everybody."""
        usual = {"huggingface": HUGGINGFACE, "ollama-registry": REGISTRY}[source]
        said = self.settings.sources.get(source)
        return ((said.base_url if said else None) or usual).rstrip("/")

    async def get(
        self, url: str, *, name: str, accept: str = "application/json", key: str | None = None, lasts: bool = True
    ) -> Page:
        """What `url` says; `name` is who answers there, for errors.

        The user's key of the name `key` goes there where it says nothing without one, and such an answer is not kept.
        A token that anybody gets is asked for. What does not last is asked for each time.

        Raises:
            NotCached: offline, and nothing is kept.
            SourceRefused: it answers with an error.
            NetworkError: it does not answer.
        """
        place = kept.place(url, accept)
        page = await trio.to_thread.run_sync(kept.read, place, url)
        fresh = page and lasts and not self.refresh and page.age_seconds <= self.settings.cache.ttl_seconds
        if page and (self.offline or fresh):
            self.oldest_seconds = max(self.oldest_seconds, page.age_seconds)
            return page
        if self.offline:
            raise NotCached(name)
        try:
            page = await self._asked(url, name, accept, page, None)
        except SourceRefused as error:
            secret = await self._secret(key) if error.status in HIDDEN else None
            if secret is None:
                raise
            return await self._asked(url, name, accept, None, secret)
        most_bytes = self.settings.cache.max_size_mb * 1_000_000
        await trio.to_thread.run_sync(kept.write, place, url, page, most_bytes)
        return page

    async def pages(self, url: str, *, name: str, key: str | None = None) -> list[Page]:
        """All of a list that is given in parts, each of which links to the next. Raises: as `get`; ReplyUnreadable."""
        found: list[Page] = []
        following: str | None = url
        while following is not None:
            if len(found) == MOST_PAGES:
                raise ReplyUnreadable(name, f"its list goes on after {MOST_PAGES} pages")
            found.append(await self.get(following, name=name, key=key))
            following = _after(following, found[-1], name)
        return found

    async def _asked(self, url: str, name: str, accept: str, before: Page | None, secret: Secret | None) -> Page:
        headers = {"accept": accept}
        if before and before.etag:
            headers["if-none-match"] = before.etag
        auth = _AUTH if secret else None
        async with self.client.send("GET", url, headers=headers, auth=auth, secret=secret, timeouts=_TIMEOUTS) as reply:
            if before and reply.status == _NOT_MODIFIED:
                return Page(body=before.body, headers=before.headers)
            token = None if secret else await anonymous_token(self.client, reply)
            if token is not None:
                return await self._asked(url, name, accept, before, token)
            if not 200 <= reply.status < 300:  # noqa: PLR2004 - HTTP's
                raise SourceRefused(name, urls.parse(reply.url).host, reply.status, dict(reply.headers))
            return kept.page(await reply.read(LARGEST_BYTES), reply.headers)

    async def _secret(self, key: str | None) -> Secret | None:
        """A keyring that gives nothing is no reason to say anything else than what the source has said."""
        try:
            return await self.keys.find(key) if self.keys and key else None
        except KandilError:
            return None


def _after(url: str, page: Page, name: str) -> str | None:
    """Where the list goes on. Raises: ReplyUnreadable: at another server."""
    found = _NEXT.search(page.headers.get("link", ""))
    if found is None:
        return None
    try:
        following = urls.parse(urljoin(url, found[1]))
    except (UrlUnusable, ValueError):
        raise ReplyUnreadable(name, "its list goes on at what is no URL") from None
    if following.origin != urls.parse(url).origin:
        raise ReplyUnreadable(name, "its list goes on at another server")
    return str(following)
