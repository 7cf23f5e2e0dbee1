"""Who answers: a provider's endpoint, or a server that is started here for a file."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import trio

from kandil import profiles, providers
from kandil.completions import Target
from kandil.errors import DoesNotFit, NotHere
from kandil.limits import Limits
from kandil.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from kandil.compat import Report
    from kandil.config import Config
    from kandil.local_server import Served
    from kandil.providers import Endpoint, Request
    from kandil.serving.located import Located

_TEMPLATE: Final = "tokenizer.chat_template"
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_ROOM_FOR_ANSWER: Final = 2048
"""Tokens; where no longest answer was asked for."""
_LEAST_CONTEXT: Final = 4096
_DOOR_SECONDS: Final = 1.0
"""A server on this machine that takes no connection for so long is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a question goes: to `endpoint`, or to a server that kandil starts for the files of `located`."""

    profile: Profile
    endpoint: Endpoint | None = None
    located: Located | None = None

    @property
    def elsewhere(self) -> bool:
        """What is sent leaves this machine."""
        return self.endpoint is not None and urlsplit(self.endpoint.url).hostname not in _LOOPBACK


async def place(model: Profile | Path, settings: Config, notice: Callable[[str], None]) -> Place:
    """Where this model answers.

    An Ollama tag whose server does not run is run by kandil itself, where its file is here.

    Raises: NotHere, FileUnreadable, NotGguf.
    """
    if not isinstance(model, Profile):
        from kandil.serving import located  # noqa: PLC0415 - what files need is slow to import, here and below

        found = await trio.to_thread.run_sync(located.of_file, str(model))
        return Place(profile=found.profile, located=found)
    if model.local or model.provider == "local":
        from kandil.serving import located  # noqa: PLC0415

        if (mine := located.added(model)) is not None:  # what was added goes before what others have of it
            return Place(profile=model, located=mine)
    if model.provider == "local":
        return await _here(model, settings)
    endpoint = providers.endpoint(model, profiles.provider(model.provider), settings.api.get(model.provider))
    found_place = Place(profile=model, endpoint=endpoint)
    if endpoint.protocol == "ollama" and not found_place.elsewhere and not await _is_open(endpoint):
        try:
            own = await _here(model, settings)
        except NotHere:
            return found_place  # and what fails is the connection
        notice("Ollama does not run here: kandil runs the model's file itself")
        return own
    return found_place


async def _here(profile: Profile, settings: Config) -> Place:
    from kandil.serving import located  # noqa: PLC0415

    found = await located.here(profile, settings.cache)
    if found is None:
        raise NotHere(profile.id)
    return Place(profile=profile, located=found)


async def _is_open(endpoint: Endpoint) -> bool:
    """Somebody takes connections there."""
    url = urlsplit(endpoint.url)
    with trio.move_on_after(_DOOR_SECONDS):
        try:
            stream = await trio.open_tcp_stream(url.hostname or "", url.port or 80)
        except OSError:
            return False
        await stream.aclose()
        return True
    return False


@asynccontextmanager
async def target(
    found: Place,
    request: Request,
    notice: Callable[[str], None],
    *,
    keep_alive_seconds: float | None = None,
    slots: int = 1,
    force: bool = False,
) -> AsyncGenerator[tuple[Target, Request]]:
    """Whom to ask, and the request as it is for them; a server that was started for it ends with the context, or so
    long after it, and answers `slots` requests at once. `force` runs what does not fit.

    Raises: NotTrusted, DoesNotFit, LocalServerFailed, ExtraMissing.
    """
    profile = found.profile
    if found.endpoint is not None:
        if found.endpoint.protocol == "ollama":
            request = replace(request, context_tokens=_context(request, profile.context_window))
        yield (
            Target(model=profile.id, endpoint=found.endpoint, price=profile.price, limits=listed_limits(profile)),
            request,
        )
        return
    async with _served(found, request, notice, keep_alive_seconds, slots=slots, force=force) as served:
        endpoint = providers.endpoint(replace(profile, protocol="openai"), None, base_url=f"{served.base_url}/v1")
        yield Target(model=profile.id, endpoint=endpoint, secret=served.secret, pid=served.pid), request


@asynccontextmanager
async def _served(
    found: Place,
    request: Request,
    notice: Callable[[str], None],
    keep_alive_seconds: float | None,
    *,
    slots: int,
    force: bool,
) -> AsyncGenerator[Served]:
    """llama.cpp's server for a file that can be trusted."""
    from kandil import local_server  # noqa: PLC0415
    from kandil.serving.trust import trusted  # noqa: PLC0415

    assert found.located is not None
    files = found.located.files
    projector = found.located.projector if any(message.images for message in request.messages) else None
    window = found.profile.context_window
    context = _context(request, window)
    if window and (request.context_tokens or 0) > window:
        notice(f"warning: the model's context is {window:,} tokens; more is not loaded")
    verified = {path: os.stat(path) for path in [*files, *([projector] if projector else [])]}
    await trusted(files, notice, projector=projector)
    if _TEMPLATE not in found.located.headers[0]:
        notice("warning: the file has no chat template: llama.cpp's own is used, which the model may not know")
    known: dict[str, Any] = {
        "context_tokens": context,
        "projector": projector,
        "keep_alive_seconds": keep_alive_seconds,
        "verified": verified,
    }
    if slots == 1:
        async with local_server.found(files, **known) as served:
            if served is not None:  # it has the memory that it needs
                yield served
                return
    report = await _fitting(found, context * slots, notice, force=force)
    needed = (report.ram + report.vram).total_bytes
    async with local_server.serve(
        files, gpu_layers=report.gpu_layers, memory_bytes=None if force else needed or None, slots=slots, **known
    ) as served:
        if absent := [
            f"{name} ({state.removeprefix('absent: ')})" for name, state in served.layers.items() if state != "active"
        ]:
            notice(f"warning: this system does not confine llama.cpp fully: without {', '.join(absent)}")
        yield served


def listed_limits(profile: Profile) -> Limits:
    """As the catalogue has them for this model."""
    known = {one.name for one in fields(Limits)}
    return Limits(**{name: value for name, value in profile.limits.items() if name in known})


def _context(request: Request, window: int | None) -> int:
    """Tokens: what was asked for, else room for the prompt and the answer; a power of two, so that a model that is
    loaded serves the next question too. Never more than the model's window.
    """
    wanted = request.context_tokens
    if wanted is None:
        needed = providers.estimate_input_tokens(request) + (request.max_tokens or _ROOM_FOR_ANSWER)
        wanted = max(1 << (needed - 1).bit_length(), _LEAST_CONTEXT)
    return min(wanted, window) if window else wanted


async def _fitting(found: Place, context: int, notice: Callable[[str], None], *, force: bool) -> Report:
    """How the model fits this machine's memory as it is now. Raises: DoesNotFit."""
    from kandil.compat import assess  # noqa: PLC0415
    from kandil.hardware import detect  # noqa: PLC0415

    assert found.located is not None
    report = assess(found.located.headers, await detect(), context=context, force=force)
    if report.blocked:
        raise DoesNotFit(found.profile.id, report.reasons, report.largest_context)
    for warning in report.warnings:
        notice(f"warning: {warning}")
    return report
