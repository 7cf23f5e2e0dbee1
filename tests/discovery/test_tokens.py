"""Registries that show nothing without a token, and have it given to anybody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kandil.discovery import files_of
from kandil.download import fetch
from kandil.errors import SourceRefused
from tests.discovery.conftest import lead
from tests.support.servers import raw
from tests.support.servers.model_hub import ModelHub
from tests.support.servers.registry import Guard, Registry, registry

NAME = "acme/tiny"


@pytest.fixture
def guard(tmp_path: Path, hub: ModelHub) -> Guard:
    return Guard.made(tmp_path, f"{hub.url}/direct/token")


@pytest.fixture
def guarded(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("guarded"), guard) as server:
        yield replace(server, token=guard.token(NAME, "pull", "push"))


async def test_a_token_that_anybody_gets_is_asked_for(
    hub: ModelHub, guard: Guard, guarded: Registry, tmp_path: Path
) -> None:
    guarded.push(NAME, "latest", {"model": b"weights", "license": b"MIT"})
    (hub.under.folder / "token").write_text(json.dumps({"token": guard.token(NAME, "pull")}))
    offer = await files_of(f"ollama:{NAME}", lead(registry=guarded.url))
    assert offer.quantization == "Q8_0"
    fetched = await fetch(offer.files, tmp_path / "fetched")
    assert [one.path.read_bytes() for one in fetched] == [b"weights", b"MIT"]


@pytest.mark.parametrize("told", ["{}", '{"token": "a\\nb"}', '{"token": 1}', "<html>", '{"token": "no.such.token"}'])
async def test_a_token_that_is_none(hub: ModelHub, guarded: Registry, told: str) -> None:
    guarded.push(NAME, "latest", {"model": b"weights"})
    (hub.under.folder / "token").write_text(told)
    with pytest.raises(SourceRefused) as raised:
        await files_of(f"ollama:{NAME}", lead(registry=guarded.url))
    assert raised.value.status == 401


@pytest.mark.parametrize(
    "realm", ["http://localhost:9/token", "http://10.0.0.1/token", "file:///etc/passwd", "token", ""]
)
async def test_nobody_sends_kandil_into_a_network(realm: str) -> None:
    said = f'HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm="{realm}",service="x"\r\ncontent-length: 0\r\n\r\n'
    async with raw.serving(said.encode()) as server:
        with pytest.raises(SourceRefused):
            await files_of("ollama:tiny", lead(registry=server.url))
    assert len(server.requests) == 1
