"""What every test has: the installed wheel, hypothesis profiles, folders of its own for whatever kandil keeps."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

import kandil

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
