"""Who answers: servers on this machine, and the names of the providers that the settings name. With --check alone."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import trio

from kandil import profiles
from kandil.errors import NameAmbiguous, NameUnknown
from kandil.registry import store
from kandil.registry.diagnosis.check import Probe, fail, ok, unknown, warn
from kandil.resolver import Names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil.config import Config
    from kandil.registry.diagnosis.check import Found, Surroundings

WAIT_SECONDS: Final = 1.0
_ANSWER_BYTES: Final = 64 << 10
_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}
_VERSION: Final = re.compile(r"[0-9A-Za-z.+-]{1,40}", re.ASCII)
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


async def ollama(around: Surroundings) -> Found:
    """By its version, which it tells without a key."""
    settings = await around.settings()
    host, port = _address("ollama", settings)
    needed = await _default_provider(around, settings) == "ollama"
    if host not in _LOOPBACK:
        return unknown("not checked: it is not on this machine")
    where = f"{host}:{port}"
    answer = await _answer(host, port, b"GET /api/version HTTP/1.0\r\nHost: localhost\r\n\r\n")
    if answer is None:
        if needed:
            return fail(f"nobody answers at {where}, where the default model is", "ollama serve")
        return ok(f"nobody answers at {where}: Ollama does not run")
    version = _version(answer)
    if version is None:
        return warn(f"who answers at {where} is not Ollama", "set api.ollama.base_url to where Ollama is")
    return ok(f"version {version} answers at {where}")


async def lm_studio(around: Surroundings) -> Found:
    settings = await around.settings()
    host, port = _address("lmstudio", settings)
    needed = await _default_provider(around, settings) == "lmstudio"
    if host not in _LOOPBACK:
        return unknown("not checked: it is not on this machine")
    if await _answer(host, port, None) is not None:
        return ok(f"a server listens at {host}:{port}")
    if needed:
        return fail(f"nobody answers at {host}:{port}, where the default model is", "lms server start")
    return ok(f"nobody answers at {host}:{port}: LM Studio's server does not run")


def _address(provider_id: str, settings: Config) -> tuple[str, int]:
    said = settings.api.get(provider_id)
    provider = profiles.provider(provider_id)
    url = (said.base_url if said else None) or (provider.base_url if provider else "")
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


async def _default_provider(around: Surroundings, settings: Config) -> str | None:
    if settings.defaults.model is None:
        return None
    names = Names(await around.in_thread(store.profiles), settings.aliases)
    try:
        return names.resolve(settings.defaults.model).profile.provider
    except (NameAmbiguous, NameUnknown):
        return None


async def _answer(host: str, port: int, request: bytes | None) -> bytes | None:
    """What the server says to the request, as far as it came in time; None where nobody listens."""
    answer = b""
    connected = False
    with trio.move_on_after(WAIT_SECONDS):
        try:
            stream = await trio.open_tcp_stream(host, port)
            connected = True
            async with stream:
                if request is not None:
                    await stream.send_all(request)
                    while len(answer) < _ANSWER_BYTES and (part := await stream.receive_some(_ANSWER_BYTES)):
                        answer += part
        except (OSError, trio.BrokenResourceError):
            pass
    return answer if connected else None


def _version(answer: bytes) -> str | None:
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        return None
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    version = said.get("version") if isinstance(said, dict) else None
    return version if isinstance(version, str) and _VERSION.fullmatch(version) else None


async def names(around: Surroundings) -> Iterable[Found]:
    """Of the providers in ``[api]``, and of the default model's."""
    settings = await around.settings()
    wanted = [*settings.api, *filter(None, [await _default_provider(around, settings)])]
    hosts = {
        host: provider for provider in wanted if (host := _address(provider, settings)[0]) and host not in _LOOPBACK
    }
    found: dict[str, Found] = {}

    async def ask(host: str) -> None:
        found[host] = await _resolved(host, hosts[host])

    async with trio.open_nursery() as nursery:
        for host in hosts:
            nursery.start_soon(ask, host)
    return [found[host] for host in hosts] or [ok("the settings name no provider that is elsewhere")]


async def _resolved(host: str, provider: str) -> Found:
    reason = f"no answer within {WAIT_SECONDS:g} s"
    with trio.move_on_after(WAIT_SECONDS):
        try:
            await trio.socket.getaddrinfo(host, 443)
        except OSError as error:
            reason = error.strerror or "no address"
        else:
            return ok(f"{host} ({provider}) has an address")
    text = f"{host} ({provider}): {reason}"
    if any(os.environ.get(name) for name in _PROXIES):
        return unknown(f"{text}; the proxy may know it")
    return fail(text, "check the connection and the name server (/etc/resolv.conf)")


def services(_: Surroundings) -> Found:
    return unknown("not checked: no provider is asked, and no key is tried")


PROBES: Final = (
    Probe("KD-NET-001", "Ollama", "Ollama answers on this machine", ollama),
    Probe("KD-NET-002", "LM Studio", "LM Studio's server answers on this machine", lm_studio),
    Probe("KD-NET-003", "name server", "The providers that your settings name have addresses", names),
    Probe("KD-NET-004", "providers", "Not checked yet: whether providers answer, and take your keys", services),
)
