"""Sources that run: a hub of nginx, a registry, an Ollama; settings that lead to them, and to nowhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from kandil import config, paths
from kandil.config import Config
from tests.support.servers.model_hub import ModelHub, model_hub
from tests.support.servers.ollama_api import OllamaApi
from tests.support.servers.registry import Registry, registry

NOBODY = "http://127.0.0.1:9"
"""Nothing listens at this port, discard's."""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def lead(**base_urls: str) -> Config:
    """Settings with these sources; the others are nowhere."""
    lines = [
        f'[sources.huggingface]\nbase_url = "{base_urls.get("huggingface", NOBODY)}"',
        f'[sources.ollama-registry]\nbase_url = "{base_urls.get("registry", NOBODY)}"',
        f'[api.ollama]\nbase_url = "{base_urls.get("ollama", NOBODY)}"',
        f"[cache]\nttl_seconds = {base_urls.get('ttl_seconds', 3600)}",
        f"max_size_mb = {base_urls.get('max_size_mb', 100)}",
    ]
    path = paths.config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    return config.load()


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelHub]:
    with model_hub(tmp_path_factory.mktemp("hub")) as server:
        yield server


@pytest.fixture
def ollama_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("registry")) as server:
        yield server


@pytest.fixture
def settings(hub: ModelHub, ollama_registry: Registry, ollama_server: OllamaApi) -> Config:
    """All sources are there."""
    return lead(huggingface=hub.url, registry=ollama_registry.url, ollama=ollama_server.url)
