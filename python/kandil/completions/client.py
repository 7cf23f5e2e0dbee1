"""Tries until an answer begins, within the limits of who gives it."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Final

import trio

from kandil import http, providers
from kandil.completions.answer import Answer, Times
from kandil.completions.target import secret_for
from kandil.credentials import Keys
from kandil.errors import (
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    HostNotFound,
    KandilError,
    ProviderRefused,
    RateLimited,
)
from kandil.limits import Limiter, Limits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from kandil import config
    from kandil.completions.target import Target
    from kandil.limits import Bucket, Reservation
    from kandil.providers import Request
    from kandil.secret import Secret

ATTEMPTS: Final = 4
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 60.0
"""A person waits no longer for limits and for tries together."""
USUAL_OUTPUT_TOKENS: Final = 1024
"""Reserved where no longest answer was asked for; what it really was is settled at its end."""
_REFUSED: Final = 400
_TOLD_SECONDS: Final = 1.0
"""Who waits longer is told."""
_SILENT_SECONDS: Final = 900.0
"""For so long a connection may be kept alive with nothing of the answer: DeepSeek's queue takes up to ten minutes."""
_HERE: Final = http.Timeouts(first_byte_seconds=3600)
"""Of servers on this machine, which say nothing while they load a model and read a long prompt without a GPU."""
_LARGEST_REFUSAL_BYTES: Final = 1 << 20


@asynccontextmanager
async def open_client(
    settings: config.Limits,
    *,
    keys: Keys | None = None,
    wait_seconds: float | None = None,
    notice: Callable[[str], None],
) -> AsyncGenerator[Client]:
    """A client, and its connections, which end with the context. `notice` is told why something takes time.

    `wait_seconds`: a server that sends nothing for so long is given up; None: as `http.Timeouts` has it, and one on
    this machine may take an hour to begin.
    """
    timeouts = http.Timeouts()
    if wait_seconds is not None:
        timeouts = http.Timeouts(first_byte_seconds=wait_seconds, idle_seconds=wait_seconds)
    async with http.open_client(timeouts) as connections:
        yield Client(connections, keys or Keys(), settings, notice, wait_seconds)


class Client:
    """What a run calls models with: one reading of each key, one set of limits, connections that are kept."""

    def __init__(
        self,
        connections: http.Client,
        keys: Keys,
        settings: config.Limits,
        notice: Callable[[str], None],
        wait_seconds: float | None,
    ) -> None:
        self.connections, self.keys = connections, keys
        self._wait_seconds = wait_seconds
        self._shared, self._own = Limiter(), Limiter(shared=False)
        self._settings, self._notice = settings, notice

    @asynccontextmanager
    async def answer(self, target: Target, request: Request, *, force: bool = False) -> AsyncGenerator[Answer]:
        """The answer, begun: its first event has come. What has not begun is tried again; what has begun never is.

        `force` asks a server that has failed so often that it is left alone.

        Raises: KandilError: of the key, the limits, the network, or the provider's own.
        """
        secret = await self.secret(target)
        async with AsyncExitStack() as stack:
            answer = await self._begun(target, request, secret, stack, force=force)
            try:
                yield answer
            finally:
                answer.times.ended = answer.times.ended or trio.current_time()

    async def _begun(
        self, target: Target, request: Request, secret: Secret | None, stack: AsyncExitStack, *, force: bool
    ) -> Answer:
        for attempt in count(1):
            try:
                async with AsyncExitStack() as trial:  # what it has reserved learns how it ended
                    answer = await self._tried(target, request, secret, trial, force=force)
                    answer.attempts = attempt
                    stack.push_async_exit(trial.pop_all())
                    return answer
            except KandilError as error:
                if not self._again(error, attempt):
                    raise
                failed = error
            await self._wait(failed, attempt)
        raise AssertionError

    async def _tried(
        self, target: Target, request: Request, secret: Secret | None, trial: AsyncExitStack, *, force: bool
    ) -> Answer:
        """One request. What it opened is in `trial`."""
        endpoint = target.endpoint
        call = providers.encode(endpoint, request)
        bucket, reservation = self._bucket(target), await self._reserved(target, request, trial)
        headers = dict(call.headers)
        if endpoint.provider == "openai" and (organisation := await self.keys.organisation("openai")):
            headers["openai-organization"] = organisation
        trial.enter_context(self._limiter(target).breaker(endpoint.origin).call(force=force))
        times = Times(trio.current_time())
        auth = (endpoint.auth.header, endpoint.auth.scheme) if endpoint.auth else None
        reservation.sending()
        patient = self._wait_seconds is None and endpoint.url.startswith("http://")  # which goes to this machine alone
        response = await trial.enter_async_context(
            self.connections.send(
                call.method,
                call.url,
                headers=headers,
                body=call.body,
                auth=auth,
                secret=secret,
                timeouts=_HERE if patient else None,
            )
        )
        reservation.replied(response.headers)
        if response.status >= _REFUSED:
            body = await response.read(_LARGEST_REFUSAL_BYTES)
            refusal = providers.refusal(endpoint, response.status, response.headers, body)
            if isinstance(refusal, RateLimited):
                bucket.refused(refusal.retry_after_seconds)  # nobody's next reservation goes before
            raise refusal
        answer = Answer(
            target, response.chunks(), providers.decoder(endpoint), times, self._wait_seconds or _SILENT_SECONDS
        )
        trial.callback(_settle, reservation, answer)
        await answer.begin()
        return answer

    async def _reserved(self, target: Target, request: Request, trial: AsyncExitStack) -> Reservation:
        """One of the calls that are allowed at once, then a request and its tokens; both end with `trial`."""
        provider, at_once = target.endpoint.provider, self._settings.max_concurrent_requests
        calls = self._limiter(target).bucket(provider, Limits(concurrency=at_once))
        if calls.wait_seconds():
            self._notice(f"waiting for calls to {provider} to end: limits.max_concurrent_requests is {at_once}")
        await trial.enter_async_context(calls.reserve(give_up_after_seconds=LONGEST_WAIT_SECONDS))
        bucket = self._bucket(target)
        tokens = {
            "input_tokens": providers.estimate_input_tokens(request),
            "output_tokens": request.max_tokens or USUAL_OUTPUT_TOKENS,
        }
        if _TOLD_SECONDS < (wait_seconds := bucket.wait_seconds(**tokens)) < LONGEST_WAIT_SECONDS:
            self._notice(f"waiting for {wait_seconds:.0f} s: the limits of {target.model} leave no room")
        return await trial.enter_async_context(bucket.reserve(**tokens, give_up_after_seconds=LONGEST_WAIT_SECONDS))

    def _again(self, error: KandilError, attempt: int) -> bool:
        """Whether the same request may go better soon, and has cost nobody anything."""
        if attempt == ATTEMPTS:
            return False
        if isinstance(error, RateLimited) and not self._settings.rate_limit_retry:
            return False
        if isinstance(error, ProviderRefused):
            return error.retryable and _asked_to_wait(error) <= LONGEST_WAIT_SECONDS
        if isinstance(error, HostNotFound):
            return error.temporary
        return isinstance(error, (ConnectTimeout, ConnectFailed, ConnectionLost))

    async def _wait(self, error: KandilError, attempt: int) -> None:
        """With full jitter, so that those who failed together do not come back together.

        A connection that was kept open, and closed meanwhile, is no failure: another is opened at once.
        """
        if attempt == 1 and isinstance(error, ConnectionLost) and error.reused:
            return
        self._notice(f"{error.message.removesuffix('.')}; trying again ({attempt + 1} of {ATTEMPTS})")
        if not isinstance(error, RateLimited):  # for whom the next reservation waits
            jitter = random.uniform(0, FIRST_WAIT_SECONDS * 2**attempt)  # noqa: S311 - nobody guesses it
            await trio.sleep(_asked_to_wait(error) + jitter)

    def limits(self, target: Target) -> Limits:
        """What is known of its limits now: as the provider said, else as listed."""
        return self._bucket(target).limits

    def _bucket(self, target: Target) -> Bucket:
        endpoint = target.endpoint
        return self._limiter(target).bucket(f"{endpoint.provider}/{endpoint.model}", target.limits)

    def _limiter(self, target: Target) -> Limiter:
        """A server that kandil started is nobody else's business."""
        return self._shared if target.secret is None else self._own

    async def secret(self, target: Target) -> Secret | None:
        """As `target.secret_for`."""
        return await secret_for(target, self.keys)


def _asked_to_wait(error: KandilError) -> float:
    """Seconds."""
    return (getattr(error, "retry_after_seconds", None) or 0.0) if isinstance(error, ProviderRefused) else 0.0


def _settle(reservation: Reservation, answer: Answer) -> None:
    """What it really took, where that was said."""
    usage = answer.usage
    if usage is not None:
        reservation.settle(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
