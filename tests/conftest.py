"""What every test has: the installed wheel, hypothesis profiles, folders of its own for whatever kandil keeps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

import kandil
from tests.support import parts

if TYPE_CHECKING:
    from tests.support.servers.llama import Llama
    from tests.support.servers.llmock import Llmock
    from tests.support.servers.ollama_api import OllamaApi

hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", parent=hypothesis.settings.get_profile("default"), derandomize=True)
hypothesis.settings.register_profile(
    "thorough", parent=hypothesis.settings.get_profile("default"), max_examples=5_000, derandomize=False
)
_PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default")
hypothesis.settings.load_profile(_PROFILE)


def pytest_configure() -> None:
    """Stops where the sources would be tested in place of what users install."""
    package, sources = Path(kandil.__file__).resolve(), Path(__file__).resolve().parents[1] / "python"
    if package.is_relative_to(sources):
        pytest.exit(f"kandil was imported from {package}, not from the wheel: run `make test`", returncode=4)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says aloud which real parts were missing."""
    if missing := parts.all_missing():
        terminalreporter.section("real parts that are missing here", red=True)
        for part in missing:
            terminalreporter.write_line(f"NOT TESTED for want of {part}", red=True)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder: no test sees, or writes to, the stores, settings and keyring of the person who runs it."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    for name in list(os.environ):
        if name.startswith(("XDG_", "KANDIL_", "OLLAMA_", "HF_", "DBUS_", "PYTHON_KEYRING_")) or name in (
            "NO_COLOR",
            "FORCE_COLOR",
        ):
            monkeypatch.delenv(name)
    return folder


@pytest.fixture(scope="session")
def llama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Llama]:
    """A real llama.cpp server, for all tests."""
    from tests.support.servers.llama import llama

    with llama(tmp_path_factory.mktemp("llama")) as server:
        yield server


@pytest.fixture(scope="session")
def _llmock() -> Iterator[Llmock]:
    from tests.support.servers.llmock import llmock

    with llmock() as server:
        yield server


@pytest.fixture
def llmock_server(_llmock: Llmock) -> Llmock:
    """The APIs of OpenAI, Anthropic and Gemini: no requests yet, and no faults."""
    _llmock.reset()
    return _llmock


@pytest.fixture(scope="session")
def _ollama_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OllamaApi]:
    from tests.support.servers.ollama_api import ollama_api

    with ollama_api(tmp_path_factory.mktemp("ollama")) as server:
        yield server


@pytest.fixture
def ollama_server(_ollama_api: OllamaApi) -> OllamaApi:
    """Ollama's API: no requests yet."""
    _ollama_api.reset()
    return _ollama_api
