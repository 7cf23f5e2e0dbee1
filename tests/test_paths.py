"""Where kandil keeps its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from kandil import paths


def test_a_home_is_filled_in_and_nobody_s_is_not(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANDIL_DATA_DIR", "~/models")
    assert paths.data_dir() == home / "models"
    monkeypatch.setenv("KANDIL_DATA_DIR", "~no.such.user/models")
    assert paths.data_dir() == Path("~no.such.user/models")
