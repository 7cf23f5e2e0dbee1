from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's ledger is."""
    folder = tmp_path / "kandil-data"
    monkeypatch.setenv("KANDIL_DATA_DIR", str(folder))
    return folder


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a test has just written count as written long ago."""
    monkeypatch.setattr("kandil.verify.ledger.RACY_NS", -(10**18))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder
