"""Rounds of requests to one model: sent and stamped in the core, read when they are over."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from kandil import _core, providers
from kandil.benchmark.prompts import prompt
from kandil.benchmark.reading import Exchange, Waits, sample
from kandil.completions import secret_for
from kandil.errors import BenchmarkUnusable
from kandil.http import urls
from kandil.http.key import key_header
from kandil.http.proxies import proxy_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from kandil.benchmark.load import Level
    from kandil.benchmark.reading import Sample
    from kandil.completions import Target
    from kandil.credentials import Keys
    from kandil.limits import Bucket

LARGEST_ANSWER_BYTES: Final = 64 << 20
MOST_HELD_BYTES: Final = 256 << 20
"""What came is read when a round is over, so that reading takes nothing from it; above this, meanwhile."""
_LOOK_SECONDS: Final = 0.2
_FULL_LENGTH: Final = {"ignore_eos": True, "cache_prompt": False}
"""Of llama.cpp's own: every answer is as long as was asked for, and nothing is kept of other prompts."""


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one."""

    samples: tuple[Sample, ...]
    limited_ns: int
    """In which limits held requests back."""


class Rounds:
    """To one model, on connections that are kept from round to round."""

    def __init__(self, core: _core.Benchmark, target: Target, waits: Waits, bucket: Bucket | None) -> None:
        self._core, self._target, self._waits, self._bucket = core, target, waits, bucket

    def body(self, seed: int, number: int, words: int, output_tokens: int, context_tokens: int | None) -> bytes:
        """Of a request with a prompt of its own."""
        message = providers.Message("user", prompt(seed, number, words))
        request = providers.Request(messages=(message,), max_tokens=output_tokens, context_tokens=context_tokens)
        body = providers.encode(self._target.endpoint, request).body
        if self._target.secret is None:  # no server that kandil started
            return body
        return msgspec.json.encode({**msgspec.json.decode(body), **_FULL_LENGTH})

    async def sent(
        self,
        bodies: Sequence[bytes],
        level: Level,
        *,
        seed: int = 0,
        tokens: tuple[int, int] = (0, 0),
        progress: Callable[[int], None] = lambda _: None,
    ) -> Round:
        """Each body is sent once, as the level says; `tokens` in and out of each count for the limits. `progress` is
        told how many have ended.

        Raises: BenchmarkUnusable.
        """
        core, rate = self._core, level.rate_per_second
        limit = None if self._bucket is None or rate else (self._bucket.core, *tokens)
        core.begin(list(bodies), concurrency=level.concurrency, rate_per_second=rate, seed=seed, limit=limit)
        samples: list[Sample] = []
        try:
            while True:
                with trio.move_on_after(_LOOK_SECONDS):
                    await trio.lowlevel.wait_readable(core.fileno())
                _, ended, held_bytes, over, limited_ns = core.progress()
                progress(ended)
                if over or held_bytes > MOST_HELD_BYTES:
                    samples += await trio.to_thread.run_sync(self._read)
                if over and len(samples) < len(bodies):
                    raise BenchmarkUnusable("the round ended before its time: the system gives no timer, or no memory")
                if over:
                    return Round(tuple(samples), limited_ns)
        finally:
            core.stop()

    def _read(self) -> list[Sample]:
        exchanges = [Exchange(*taken) for taken in self._core.take()]
        if self._bucket is not None and exchanges:
            self._bucket.learn(exchanges[-1].headers)
        return [sample(one, self._target.endpoint, self._waits) for one in exchanges]


@asynccontextmanager
async def opened(target: Target, keys: Keys, bucket: Bucket | None) -> AsyncGenerator[Rounds]:
    """Rounds to this model, held back by `bucket`.

    Raises: KeyMissing, KeyUnsendable, ProxyFailed, UrlUnusable, and what keyrings fail with.
    """
    endpoint = target.endpoint
    call = providers.encode(endpoint, providers.Request(messages=(providers.Message("user", ""),)))
    headers = {"user-agent": f"kandil/{_core.__version__}", **call.headers}
    if endpoint.provider == "openai" and (organisation := await keys.organisation("openai")):
        headers["openai-organization"] = organisation
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    secret = await secret_for(target, keys)
    if secret is not None and endpoint.auth is not None:
        sent.append(key_header(endpoint.origin, (endpoint.auth.header, endpoint.auth.scheme), secret))
    url = urls.parse(call.url)
    proxy = proxy_for(url)
    waits = Waits() if url.scheme == "https" else Waits.here()
    core = _core.Benchmark(
        str(url),
        headers=sent,
        deadlines=(waits.connect, waits.first_byte, waits.idle, None),
        largest_body_bytes=LARGEST_ANSWER_BYTES,
        proxied=None if proxy is None else (url.origin, proxy.scheme, proxy.host, proxy.port, proxy.user),
    )
    try:
        yield Rounds(core, target, waits, bucket)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(core.close)
