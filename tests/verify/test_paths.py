from __future__ import annotations

import stat
from pathlib import Path

import pytest

from kandil import paths


def test_the_folder_can_be_moved(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.delenv("KANDIL_DATA_DIR", raising=False)
    assert paths.data_dir().is_relative_to(home)
    assert paths.data_dir().name == "kandil"
    monkeypatch.setenv("KANDIL_DATA_DIR", "~/elsewhere")
    assert paths.data_dir() == home / "elsewhere"


def test_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    made = paths.make_private(tmp_path / "a" / "b")
    assert made.is_dir()
    assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(made.parent.stat().st_mode) == 0o700
    assert paths.make_private(made) == made
