"""Who answers: real servers on this machine, and name servers that are simulated at `getaddrinfo`."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from kandil import paths
from kandil.registry.diagnosis import Check, network
from tests.support import stores
from tests.support.diagnosed import checks, leave

VERSION = b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"version":"0.12.3"}'


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    leave(monkeypatch, home)


@asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A port that answers the first request with this, or never, and what it was asked."""
    asked: list[bytes] = []

    async def serve(stream: trio.SocketStream) -> None:
        asked.append(await stream.receive_some(4096))
        if answer is None:
            await trio.sleep_forever()
        else:
            await stream.send_all(answer)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        yield listeners[0].socket.getsockname()[1], asked
        nursery.cancel_scope.cancel()


def settings(ports: dict[str, int] | None = None, *, model: str | None = None, more: str = "") -> None:
    lines = ["version = 2", *([f"[defaults]\nmodel = '{model}'"] if model else [])]
    for name, port in (ports or {}).items():
        lines.append(f"[api.{name}]\nbase_url = 'http://127.0.0.1:{port}'")
    stores.put(paths.config_file(), "\n".join([*lines, more]).encode())


async def found() -> dict[str, list[Check]]:
    return await checks("network", check=True)


def closed_port() -> int:
    """Nobody listens there."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_ollama_tells_its_version() -> None:
    async with server(VERSION) as (port, asked):
        settings({"ollama": port})
        [one] = (await found())["KD-NET-001"]
    assert (one.state, one.found) == ("ok", f"version 0.12.3 answers at 127.0.0.1:{port}")
    assert asked == [b"GET /api/version HTTP/1.0\r\nHost: localhost\r\n\r\n"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.0 404 Not Found\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n<html>",
        b'HTTP/1.0 200 OK\r\n\r\n{"version":"\x1b[2J"}',
        b"HTTP/1.0 200 OK\r\n\r\n[1]",
        b"\xff" * 100_000,
        b"HTTP/1.0 200 OK\r\n\r\n" + b"[" * 60_000,
    ],
)
async def test_who_is_not_ollama(answer: bytes) -> None:
    async with server(answer) as (port, _):
        settings({"ollama": port})
        [one] = (await found())["KD-NET-001"]
    assert (one.state, one.found) == ("warn", f"who answers at 127.0.0.1:{port} is not Ollama")


async def test_who_never_answers(autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.2  # sockets are real
    async with server(None) as (port, _):
        settings({"ollama": port})
        started = trio.current_time()
        [one] = (await found())["KD-NET-001"]
        assert trio.current_time() - started == pytest.approx(network.WAIT_SECONDS)
    assert one.state == "warn"


@pytest.mark.parametrize(
    ("check", "name", "model", "mend"),
    [("KD-NET-001", "ollama", "qwen2.5-coder:7b", "ollama serve"), ("KD-NET-002", "lmstudio", None, None)],
)
async def test_nobody_listens(check: str, name: str, model: str | None, mend: str | None) -> None:
    port = closed_port()
    ports = {name: port}
    settings(ports)
    [one] = (await found())[check]
    assert one.state == "ok"
    assert one.found.startswith(f"nobody answers at 127.0.0.1:{port}: ")
    settings(ports, model=model)
    [one] = (await found())[check]
    assert (one.state, one.mend) == ("fail" if model else "ok", mend)


async def test_lm_studio_listens() -> None:
    async with server(b"") as (port, _):
        settings({"lmstudio": port})
        [one] = (await found())["KD-NET-002"]
    assert (one.state, one.found) == ("ok", f"a server listens at 127.0.0.1:{port}")


async def test_another_machine_is_not_asked() -> None:
    settings(more="[api.ollama]\nbase_url = 'https://ollama.example.org'\n")
    [one] = (await found())["KD-NET-001"]
    assert (one.state, one.found) == ("unknown", "not checked: it is not on this machine")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that were looked up; ``example.invalid`` has no address, and ``slow.invalid`` never an answer."""
    hosts: list[str] = []

    async def getaddrinfo(host: str, *_: object) -> list[object]:
        hosts.append(host)
        if host == "slow.invalid":
            await trio.sleep_forever()
        if host == "example.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return []

    monkeypatch.setattr(trio.socket, "getaddrinfo", getaddrinfo)
    return hosts


async def test_providers_that_the_settings_name_are_looked_up(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.2
    mine = "[api.openai]\nbase_url = 'https://example.invalid/v1'\n[api.groq]\nbase_url = 'https://slow.invalid'\n"
    settings(model="claude-sonnet-5-5", more=mine)
    came = (await found())["KD-NET-003"]
    assert [(one.state, one.found) for one in came] == [
        ("fail", "example.invalid (openai): Name or service not known"),
        ("fail", "slow.invalid (groq): no answer within 1 s"),
        ("ok", "api.anthropic.com (anthropic) has an address"),
    ]
    assert sorted(asked) == ["api.anthropic.com", "example.invalid", "slow.invalid"]
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    assert (await found())["KD-NET-003"][0].state == "unknown"


async def test_nothing_is_looked_up_that_is_not_named(asked: list[str]) -> None:
    came = await found()
    assert [(one.state, one.found) for one in came["KD-NET-003"]] == [
        ("ok", "the settings name no provider that is elsewhere")
    ]
    assert [one.state for one in came["KD-NET-004"]] == ["unknown"]
    assert asked == []
