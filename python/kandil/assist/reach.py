"""Whether a model can be called, step by step: what works, how long it took, and where it ends.

The free request first: the list of models, which tells names, connections, TLS and the key. What costs, a call of a few
tokens, comes after it, and only where the free one did not fail.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import trio

from kandil import profiles, providers, serving
from kandil.assist.question import Question
from kandil.completions import open_client
from kandil.errors import (
    ConnectTimeout,
    HostNotFound,
    KandilError,
    KeyRejected,
    NotConnected,
    PermissionDenied,
    RateLimited,
    TlsFailed,
)
from kandil.providers.conversation import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from kandil.completions import Answer, Client, Target
    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.http import Response, Timing
    from kandil.profiles import Profile

Name = Literal["file", "name", "connection", "tls", "key", "model", "answer", "format", "limits"]
State = Literal["ok", "failed", "unknown", "skipped"]
_PROMPT: Final = "Answer with one word: ready?"
_TOKENS: Final = 16
"""The least that every provider takes, and enough for a word; a model that reasons is cut off in its thoughts."""
_LARGEST_LIST_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. `seconds` is None where nothing was measured."""

    name: Name
    state: State
    seconds: float | None = None
    what: str = ""
    """In a few words, what was seen."""


@dataclass(slots=True)
class Reach:
    """The steps so far; `error` is what the last one failed with."""

    model: str
    steps: list[Step] = field(default_factory=list)
    error: KandilError | None = None
    cost_usd: float | None = None
    first_token_seconds: float | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    """Fields of `kandil.limits.Limits`, of those that are known."""

    def add(self, name: Name, state: State, seconds: float | None = None, what: str = "") -> None:
        self.steps.append(Step(name=name, state=state, seconds=seconds, what=what))

    def fail(self, name: Name, error: KandilError, seconds: float | None = None) -> None:
        self.add(name, "failed", seconds, error.message)
        self.error = error


async def reach(
    model: Profile | Path, settings: Config, *, free: bool, notice: Callable[[str], None], keys: Keys | None = None
) -> Reach:
    """How far a call to this model comes; with `free`, nothing that costs is asked.

    Raises: KandilError where not even the first step is possible: the name, the file, the keyring.
    """
    question = Question(text=_PROMPT, model=model, max_tokens=_TOKENS)
    request = Request(messages=(question.message,), max_tokens=_TOKENS)
    place = await serving.place(model, settings, notice)
    found = Reach(place.profile.id)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(settings.limits, keys=keys, notice=notice))
        began = trio.current_time()
        try:
            target, request = await stack.enter_async_context(serving.target(place, request, notice))
        except KandilError as error:
            found.fail("file", error, trio.current_time() - began)
            return found
        if place.located is not None:
            found.add("file", "ok", trio.current_time() - began, "verified and loaded")
        else:
            await _listed(client, target, found)
        if found.error is None:
            await _answered(client, target, request, found, free=free)
    return found


async def _listed(client: Client, target: Target, found: Reach) -> None:
    """The free request: the list of models, with the key."""
    began = trio.current_time()
    try:
        secret = await client.secret(target)
    except KandilError as error:
        found.fail("key", error)
        return
    endpoint = target.endpoint
    auth = (endpoint.auth.header, endpoint.auth.scheme) if endpoint.auth else None
    try:
        async with client.connections.send(
            "GET", endpoint.models_url, headers=endpoint.headers, auth=auth, secret=secret
        ) as response:
            _connected(found, response.timing, tls=endpoint.models_url.startswith("https"))
            body = await response.read(_LARGEST_LIST_BYTES)
            _judged(found, target, response, body, keyed=secret is not None)
    except KandilError as error:
        step = _step_of(error)
        _before(found, step)
        found.fail(step, error, trio.current_time() - began)


def _connected(found: Reach, timing: Timing, *, tls: bool) -> None:
    found.add("name", "ok", timing.dns_seconds)
    found.add("connection", "ok", timing.connect_seconds)
    if tls:
        found.add("tls", "ok", timing.tls_seconds)


_ORDER: Final[tuple[Name, ...]] = ("name", "connection", "tls")


def _before(found: Reach, failed: Name) -> None:
    """What must have worked for this step to be reached, and was not measured."""
    known = {step.name for step in found.steps}
    for name in _ORDER[: _ORDER.index(failed) if failed in _ORDER else 0]:
        if name not in known:
            found.add(name, "ok")


def _step_of(error: KandilError) -> Name:
    if isinstance(error, HostNotFound):
        return "name"
    if isinstance(error, TlsFailed) or (isinstance(error, ConnectTimeout) and error.phase == "tls"):
        return "tls"
    if isinstance(error, ConnectTimeout) and error.phase == "name":
        return "name"
    return "connection" if isinstance(error, NotConnected) else "answer"


def _judged(found: Reach, target: Target, response: Response, body: bytes, *, keyed: bool) -> None:
    """What the answer to the list of models says of the key and of the model."""
    endpoint, seconds = target.endpoint, response.timing.first_byte_seconds
    provider = profiles.provider(endpoint.provider)
    tells = endpoint.auth is not None and (provider is None or provider.models_need_key is not False)
    if response.status >= 400:  # noqa: PLR2004
        error = providers.refusal(endpoint, response.status, response.headers, body)
        if isinstance(error, KeyRejected):
            found.fail("key", error, seconds)
        elif isinstance(error, RateLimited):
            found.add("key", "ok", seconds, "accepted: the provider says that there were too many requests")
        else:
            found.add("key", "unknown", seconds, f"the list of models is not to be had ({response.status})")
        return
    if tells and keyed:
        found.add("key", "ok", seconds, "accepted")
    elif not keyed:
        found.add("key", "skipped", seconds, "none is kept, and none was asked for")
    else:
        found.add("key", "unknown", seconds, "the list of models needs none")
    try:
        listed = providers.listed_models(endpoint, body)
    except KandilError as error:
        found.add("model", "unknown", None, error.message)
        return
    here = endpoint.model in listed
    what = "listed" if here else f"not among the {len(listed)} that are listed"
    found.add("model", "ok" if here else "unknown", None, what)


async def _answered(client: Client, target: Target, request: Request, found: Reach, *, free: bool) -> None:
    """The call that costs: a few tokens."""
    if free:
        found.add("answer", "skipped", None, "it costs")
        return
    try:
        async with client.answer(target, request, force=True) as answer:
            await _read(answer, found)
            if target.secret is None:  # else it is kandil's own server, without limits
                _limits(found, client, target)
    except KandilError as error:
        step: Name = "key" if isinstance(error, (KeyRejected, PermissionDenied)) else "answer"
        found.fail(step, error)


async def _read(answer: Answer, found: Reach) -> None:
    try:
        async for _ in answer:
            pass
    except KandilError as error:
        found.fail("format", error, answer.total_seconds)
        return
    found.first_token_seconds, found.cost_usd = answer.first_token_seconds, answer.cost_usd
    found.add("answer", "ok", answer.first_token_seconds, "the first token")
    missing = [name for name, value in (("its end", answer.stop), ("tokens", answer.usage)) if value is None]
    what = f"nothing was said of {' and '.join(missing)}" if missing else "whole: text, end and counts"
    found.add("format", "unknown" if missing else "ok", answer.total_seconds, what)


def _limits(found: Reach, client: Client, target: Target) -> None:
    known = asdict(client.limits(target)).items()
    found.limits = {name: value for name, value in known if value and name != "concurrency"}  # that is the user's own
    what = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in found.limits.items())
    found.add("limits", "ok" if what else "unknown", None, what or "the provider says nothing of them")
