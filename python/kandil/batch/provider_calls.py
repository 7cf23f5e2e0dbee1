"""Calls to the APIs of a provider's batches: with its key, tried again where that costs nothing."""

from __future__ import annotations

import json
import os
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

import trio

from kandil import http, providers
from kandil.errors import FileUnwritable, KandilError, NetworkError, ProviderRefused, ReplyUnreadable, TlsFailed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from pathlib import Path

    from kandil.http.upload import Upload
    from kandil.providers import Endpoint
    from kandil.secret import Secret

_Result = TypeVar("_Result")
ATTEMPTS: Final = 5
_FIRST_WAIT_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 120.0
_REFUSED: Final = 400
_LARGEST_JSON_BYTES: Final = 32 << 20
_LARGEST_RESULTS_BYTES: Final = 16 << 30
_TIMEOUTS: Final = http.Timeouts(first_byte_seconds=600)
"""A provider that has got 200 MB looks at them before it replies."""


class ProviderCalls:
    """Under `base_url`, which is the endpoint's own: the key goes nowhere else, whatever a reply names."""

    def __init__(
        self,
        connections: http.Client,
        endpoint: Endpoint,
        base_url: str,
        *,
        headers: Mapping[str, str],
        secret: Secret | None,
        notice: Callable[[str], None],
    ) -> None:
        self.endpoint = endpoint
        self._connections, self._base_url = connections, base_url
        self._headers, self._secret, self._notice = headers, secret, notice

    async def get(self, path: str) -> dict[str, Any]:
        """Raises: KandilError."""
        return await self.again(lambda: self.once("GET", path))

    async def once(
        self, method: str, path: str, body: bytes | Upload = b"", *, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """One request, whatever comes of it. Raises: KandilError."""
        more = {"content-type": content_type} if method == "POST" else {}
        async with self._sent(method, path, body, more) as response:
            content = await response.read(_LARGEST_JSON_BYTES)
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ReplyUnreadable(self.endpoint.provider, "it is no JSON object", begins=repr(content[:80]))
        return found

    async def save(self, path: str, to: Path) -> None:
        """What is at `path` is in the file, whole. Raises: KandilError."""
        await self.again(lambda: self._saved(path, to))

    async def _saved(self, path: str, to: Path) -> None:
        async with self._sent("GET", path, b"", {}) as response:
            try:
                async with await trio.open_file(to, "wb", opener=_private) as file:
                    async for chunk in response.chunks(_LARGEST_RESULTS_BYTES):
                        await file.write(chunk)
            except OSError as error:
                raise FileUnwritable(str(to), error.strerror or str(error)) from error

    @asynccontextmanager
    async def _sent(
        self, method: str, path: str, body: bytes | Upload, more: Mapping[str, str]
    ) -> AsyncGenerator[http.Response]:
        """A reply that is none of refusal."""
        endpoint = self.endpoint
        auth = (endpoint.auth.header, endpoint.auth.scheme) if endpoint.auth else None
        async with self._connections.send(
            method,
            f"{self._base_url}{path}",
            headers={**self._headers, **more},
            body=body,
            auth=auth,
            secret=self._secret,
            timeouts=_TIMEOUTS,
        ) as response:
            if response.status >= _REFUSED:
                said = await response.read(_LARGEST_JSON_BYTES)
                raise providers.refusal(endpoint, response.status, response.headers, said)
            yield response

    async def again(self, call: Callable[[], Awaitable[_Result]]) -> _Result:
        """What `call` returns in the end: it may be called twice."""
        for attempt in range(1, ATTEMPTS):
            try:
                return await call()
            except KandilError as error:
                if not passes(error):
                    raise
                failed = error
            await self.wait(failed, attempt)
        return await call()

    async def wait(self, error: KandilError, attempt: int) -> None:
        """Before the next of `ATTEMPTS`: at least for as long as the provider asks for."""
        self._notice(f"{error.message.removesuffix('.')}; trying again ({attempt + 1} of {ATTEMPTS})")
        asked = min(getattr(error, "retry_after_seconds", None) or 0.0, _LONGEST_WAIT_SECONDS)
        await trio.sleep(asked + random.uniform(0.5, 1) * _FIRST_WAIT_SECONDS * 2**attempt)  # noqa: S311 (a jitter)


def passes(error: KandilError) -> bool:
    """The same request may go better soon."""
    if isinstance(error, TlsFailed):
        return False
    return isinstance(error, NetworkError) or (isinstance(error, ProviderRefused) and error.retryable)


def plain(identifier: object) -> str:
    """An id that a provider gave, as a part of a path: it leads nowhere else. Raises: ValueError."""
    if not isinstance(identifier, str) or not 0 < len(identifier) <= 256 or identifier in (".", ".."):  # noqa: PLR2004
        raise ValueError
    return quote(identifier, safe="")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
